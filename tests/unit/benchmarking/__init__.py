# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests of what the benchmarks conclude."""

from __future__ import annotations
