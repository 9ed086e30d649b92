# SPDX-License-Identifier: GPL-3.0-or-later
"""Views: what becomes of the stream of events."""

from __future__ import annotations
