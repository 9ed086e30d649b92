# SPDX-License-Identifier: GPL-3.0-or-later
"""Differences of files as people read them."""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING, Final

from jetpack_core.views.text import one_line, visible

if TYPE_CHECKING:
    from jetpack_core.records import TextDiff
    from jetpack_core.views.paint import Paint

_LARGEST: Final = 8_000
"""Lines of both sides together; beyond it comparing them takes seconds."""
_LINES: Final = re.compile(r"[^\n]*\n|[^\n]+")
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_COLOURS: Final = {"+": "green", "-": "red", "@": "cyan"}


def diff_lines(diff: TextDiff, paint: Paint) -> list[str]:
    """Return a unified diff, or one line about it where that would not be readable."""
    before, after = diff.before or "", diff.after or ""
    heads = [f"--- {_title(diff, diff.before)}", f"+++ {_title(diff, diff.after)}"]
    if _is_binary(before) or _is_binary(after):
        return [f"{one_line(diff.path)}: binary, {_sizes(diff)}"]
    old, new = _LINES.findall(before), _LINES.findall(after)
    if len(old) + len(new) > _LARGEST:
        return [f"{one_line(diff.path)}: too large to compare, {_sizes(diff)}"]
    body = [line for one in list(difflib.unified_diff(old, new))[2:] for line in _ended(one)]
    return [paint(head, "bold") for head in heads] + [paint(line, _COLOURS.get(line[:1], "")) for line in body]


def _title(diff: TextDiff, text: str | None) -> str:
    return one_line(diff.path) if text is not None else "(no such file)"


def _ended(line: str) -> list[str]:
    """Return a line without its end, and a note where it had none."""
    if line.endswith("\n"):
        return [visible(line[:-1])]
    return [visible(line), "\\ no newline at the end"]


def _is_binary(text: str) -> bool:
    return "\0" in text or _SURROGATE.search(text) is not None


def _sizes(diff: TextDiff) -> str:
    before, after = (None if one is None else _size(one) for one in (diff.before, diff.after))
    if before is None:
        return f"new, {after}"
    return f"{before}, removed" if after is None else f"{before} -> {after}"


def _size(text: str) -> str:
    return f"{len(_SURROGATE.sub('?', text).encode()):,} bytes"
