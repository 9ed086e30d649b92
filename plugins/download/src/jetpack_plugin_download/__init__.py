# SPDX-License-Identifier: GPL-3.0-or-later
"""Files from the web, for Jetpack: the module `download`."""

from __future__ import annotations
