# SPDX-License-Identifier: GPL-3.0-or-later
"""Releases of projects on GitHub, for Jetpack: the module `github_release`."""

from __future__ import annotations
