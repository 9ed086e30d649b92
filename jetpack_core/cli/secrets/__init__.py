# SPDX-License-Identifier: GPL-3.0-or-later
"""`jetpack secrets`: one verb a file, each imported when it is used."""

from __future__ import annotations
