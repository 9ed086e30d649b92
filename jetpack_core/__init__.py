# SPDX-License-Identifier: GPL-3.0-or-later
"""Jetpack: IT automation from playbooks, roles and inventories."""

from __future__ import annotations

__version__ = "0.1.0"
