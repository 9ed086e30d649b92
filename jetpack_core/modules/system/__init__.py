# SPDX-License-Identifier: GPL-3.0-or-later
"""Modules about services, settings and checkouts of a system."""
