# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests at a real terminal."""
