# SPDX-License-Identifier: GPL-3.0-or-later
"""Modules that run something on the host."""
