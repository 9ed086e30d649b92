# SPDX-License-Identifier: GPL-3.0-or-later
"""Writing files that hold secrets: the rules for whom, edits that keep what they need not touch, and all-or-nothing."""

from __future__ import annotations
