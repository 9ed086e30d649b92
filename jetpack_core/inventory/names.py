# SPDX-License-Identifier: GPL-3.0-or-later
"""Names of hosts and groups: which are safe, what is near, and ranges of them."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from typing import Final

_RANGE: Final = re.compile(r"\{(\d{1,18})\.\.(\d{1,18})\}|\[(\d{1,18}):(\d{1,18})\]", re.ASCII)
_LIMIT: Final = 100_000
_BRACKETS: Final = frozenset("{}[]")


def fault(name: str) -> str:
    """Say what is wrong with a host's or group's name; nothing when it is safe in paths, argv and terminals."""
    if not name:
        return "is empty"
    if "/" in name:
        return "holds a slash"
    if not name.isprintable() or " " in name:
        return "holds a blank or a control character"
    if name[0] in "-.":
        return f"begins with {name[0]!r}"
    if not _BRACKETS.isdisjoint(name):
        return "holds a bracket that is no range"
    return ""


def nearest(name: str, known: Iterable[str]) -> str:
    """Return a hint that names what may have been meant, or nothing."""
    near = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f"did you mean {near[0]!r}?" if near else ""


def expand(pattern: str) -> Sequence[str]:
    """Return the names of `web{01..10}` or `web[01:10]`, ends included; a plain name is itself.

    Raises ValueError, with the reason, for a range that runs backwards, and for more than 100,000 names.
    """
    if "[" not in pattern and "{" not in pattern:
        return (pattern,)
    names, end, count = [""], 0, 1
    for match in _RANGE.finditer(pattern):
        first, last = (text for text in match.groups() if text is not None)
        span = int(last) - int(first) + 1
        count *= span
        if span < 1:
            raise ValueError("runs backwards")
        if count > _LIMIT:
            raise ValueError(f"has more than {_LIMIT:,} names")
        width = len(first) if first.startswith("0") else 0
        numbers = [f"{pattern[end : match.start()]}{number:0{width}d}" for number in range(int(first), int(last) + 1)]
        names = [name + number for name in names for number in numbers]
        end = match.end()
    return [name + pattern[end:] for name in names]
