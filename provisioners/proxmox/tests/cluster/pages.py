# SPDX-License-Identifier: GPL-3.0-or-later
"""A part of a list together with the length of the whole."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Page:
    """Some lines of a list; `total` counts them all."""

    data: list[dict[str, Any]]
    total: int
