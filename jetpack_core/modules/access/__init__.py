# SPDX-License-Identifier: GPL-3.0-or-later
"""Modules for users, groups and who may log in."""
