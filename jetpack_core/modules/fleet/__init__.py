# SPDX-License-Identifier: GPL-3.0-or-later
"""Modules that write inventories."""
