# SPDX-License-Identifier: GPL-3.0-or-later
"""Texts that stand for many: `web-{01..10}` and `db-{a,b}`."""

from __future__ import annotations

import re
from itertools import product
from typing import Final

MOST: Final = 10_000
"""More texts than this come from a slip of the finger."""
_BRACES: Final = re.compile(r"\{([^{}]*)\}")
_NUMBERS: Final = re.compile(r"([0-9]+)\.\.([0-9]+)(?:\.\.([0-9]+))?")
_LETTERS: Final = re.compile(r"([a-z])\.\.([a-z])(?:\.\.([0-9]+))?|([A-Z])\.\.([A-Z])(?:\.\.([0-9]+))?")


def expand(pattern: str) -> tuple[str, ...]:
    """Return the texts that a pattern stands for, the last braces changing fastest.

    `{01..10}` counts, with as many digits as the longer end has where one begins with 0; `{1..9..2}` counts in
    steps; `{a..e}` are letters; `{a,b,c}` are these. Raises ValueError for other braces, and for too many texts.
    """
    parts = _BRACES.split(pattern)
    if any("{" in text or "}" in text for text in parts[::2]):
        raise ValueError(f"the braces of {pattern!r} do not match")
    choices = [(text,) if place % 2 == 0 else _choices(text, pattern) for place, text in enumerate(parts)]
    count = 1
    for choice in choices:
        count *= len(choice)
        if count > MOST:
            raise ValueError(f"{pattern!r} stands for more than {MOST} texts")
    return tuple(map("".join, product(*choices)))


def expand_ranges(text: str) -> tuple[str, ...] | None:
    """Return what the ranges of a text stand for; None where it has none. Other braces stay as they are."""
    ranges = [found for found in _BRACES.finditer(text) if _is_range(found[1])]
    if not ranges:
        return None
    end, parts = 0, []
    for found in ranges:
        parts += [(text[end : found.start()],), _choices(found[1], text)]
        end = found.end()
    return tuple(map("".join, product(*parts, (text[end:],))))


def _is_range(text: str) -> bool:
    return bool(_NUMBERS.fullmatch(text) or _LETTERS.fullmatch(text))


def _choices(text: str, pattern: str) -> tuple[str, ...]:
    if found := _NUMBERS.fullmatch(text):
        first, last, step = found[1], found[2], int(found[3] or 1)
        padded = any(len(end) > 1 and end[0] == "0" for end in (first, last))
        width = max(len(first), len(last)) if padded else 0
        return tuple(str(number).zfill(width) for number in _counted(int(first), int(last), step, pattern))
    if found := _LETTERS.fullmatch(text):
        begin, end = (found[1], found[2]) if found[1] else (found[4], found[5])
        steps = int(found[3] or found[6] or 1)
        return tuple(map(chr, _counted(ord(begin), ord(end), steps, pattern)))
    if "," in text and ".." not in text:
        return tuple(text.split(","))
    raise ValueError(f"{{{text}}} in {pattern!r} is no range: write {{01..10}}, {{a..e}} or {{a,b,c}}")


def _counted(first: int, last: int, step: int, pattern: str) -> range:
    if step == 0:
        raise ValueError(f"{pattern!r} counts in steps of 0")
    numbers = range(first, last + 1, step) if first <= last else range(first, last - 1, -step)
    if len(numbers) > MOST:
        raise ValueError(f"{pattern!r} stands for more than {MOST} texts")
    return numbers
