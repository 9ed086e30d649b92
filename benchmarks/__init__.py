# SPDX-License-Identifier: GPL-3.0-or-later
"""Benchmarks: Jetpack beside its peers on real hosts, and its parts alone."""

from __future__ import annotations
