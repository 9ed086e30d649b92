# SPDX-License-Identifier: GPL-3.0-or-later
"""Directories and scripts become hosts, groups and their variable layers."""

from __future__ import annotations
