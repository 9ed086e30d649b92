# SPDX-License-Identifier: GPL-3.0-or-later
"""Sizes of disks as the API writes and reads them."""

from __future__ import annotations

import re

_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


def parse_size(text: str) -> int:
    """Return the bytes of a size such as 8G."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([KMGT]?)(?:iB)?", text)
    if found is None:
        raise ValueError(f"not a size: {text}")
    return int(float(found[1]) * _UNITS[found[2]])


def format_size(size: int) -> str:
    """Return a size in the largest unit that leaves it whole."""
    unit = next(unit for unit in ("T", "G", "M", "K", "") if size % _UNITS[unit] == 0 and size >= _UNITS[unit])
    return f"{size // _UNITS[unit]}{unit}"
