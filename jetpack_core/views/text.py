# SPDX-License-Identifier: GPL-3.0-or-later
"""Text for terminals: hostile characters made visible, and widths in columns."""

from __future__ import annotations

import json
import math
import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Final

_HOSTILE: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"  # controls, but for tab and newline
    "\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"  # invisible ones
    "\ud800-\udfff\U000e0000-\U000e007f]"  # surrogates (bytes that are no UTF-8) and tags
)
_NARROW: Final = frozenset({"Mn", "Me", "Cf"})
_WIDE: Final = frozenset({"W", "F"})


def visible(text: str) -> str:
    r"""Return text whose control characters show as `^[` or `\x9b`; newlines and tabs stay.

    What comes from a host can then neither move the cursor nor set colours nor reorder what is read.
    """
    return _HOSTILE.sub(_spell, text.replace("\r\n", "\n"))


def _spell(match: re.Match[str]) -> str:
    char = match[0]
    if char.isascii():
        return f"^{chr(ord(char) ^ 0x40)}"
    if "\udc80" <= char <= "\udcff":
        return f"\\x{ord(char) - 0xDC00:02x}"
    return f"\\x{ord(char):02x}" if char < "\u0100" else f"\\u{ord(char):04x}"


def one_line(text: str) -> str:
    r"""Return text on one line; newlines show as `\n`."""
    return visible(text).replace("\n", "\\n").replace("\t", "\\t")


def width(text: str) -> int:
    """Return how many columns a terminal takes for text without control characters."""
    return len(text) if text.isascii() else sum(_columns(char) for char in text)


def _columns(char: str) -> int:
    if unicodedata.category(char) in _NARROW:
        return 0
    return 2 if unicodedata.east_asian_width(char) in _WIDE else 1


def pad(text: str, columns: int, *, right: bool = False) -> str:
    """Fill text with blanks up to a width, at its right side or, for `right`, at its left."""
    blanks = " " * max(0, columns - width(text))
    return blanks + text if right else text + blanks


def clip(text: str, columns: int) -> str:
    """Cut text that is wider than so many columns; three dots show that something is missing."""
    if width(text) <= columns:
        return text
    taken, used = [], 0
    for char in text:
        used += _columns(char)
        if used > columns - 3:
            break
        taken.append(char)
    return "".join(taken) + "..."[: max(0, columns)]


def value_text(value: object) -> str:
    """Return a changed field's value, or a loop's item, as short text on one line."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, bytes):
        return f"{len(value)} bytes"
    if isinstance(value, Mapping | list | tuple):
        return one_line(json.dumps(plain(value), ensure_ascii=False))
    return one_line(str(value)) or "''"


def plain(value: object) -> object:
    """Return data that JSON can carry whatever went in: keys as text, bytes and strange text spelt out."""
    match value:
        case None | bool():
            result: object = value
        case int() if type(value) is int:
            # Other integers, such as file modes, know better how they are written.
            result = value
        case float() if math.isfinite(value):
            result = value
        case bytes() | bytearray():
            result = value.decode("utf-8", "backslashreplace")
        case Mapping():
            result = {_sound(str(key)): plain(one) for key, one in value.items()}
        case set() | frozenset():
            result = sorted((plain(one) for one in value), key=str)
        case list() | tuple():
            result = [plain(one) for one in value]
        case _:
            result = _sound(str(value))
    return result


_SURROGATE: Final = re.compile("[\ud800-\udfff]")


def _sound(text: str) -> str:
    """Return text without surrogates, which are bytes of a host that are no UTF-8."""
    return str(text) if text.isascii() else _SURROGATE.sub(_spell, text)


_RUN: Final = 3
"""So many names are the fewest that are drawn together."""
_NUMBERED: Final = re.compile(r"^(.*?)(\d+)(\D*)$", re.DOTALL)


def join_names(names: Sequence[str]) -> str:
    """Return names with commas between; neighbours that count up are drawn together as `web{01..10}`."""
    parts: list[str] = []
    run: list[str] = []
    for name in names:
        if run and not _follows(run[-1], name):
            parts += _drawn(run)
            run = []
        run.append(name)
    return ", ".join(visible(one) for one in [*parts, *_drawn(run)])


def _follows(before: str, after: str) -> bool:
    low, high = _NUMBERED.match(before), _NUMBERED.match(after)
    if low is None or high is None or (low[1], low[3]) != (high[1], high[3]):
        return False
    same_form = len(low[2]) == len(high[2]) or not (low[2].startswith("0") or high[2].startswith("0"))
    return same_form and int(high[2]) == int(low[2]) + 1


def _drawn(run: Sequence[str]) -> list[str]:
    first, last = (_NUMBERED.match(run[0]), _NUMBERED.match(run[-1])) if run else (None, None)
    if first is None or last is None or len(run) < _RUN:
        return list(run)
    return [f"{first[1]}{{{first[2]}..{last[2]}}}{first[3]}"]
