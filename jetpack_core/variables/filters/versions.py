# SPDX-License-Identifier: GPL-3.0-or-later
"""Comparison of versions."""

from __future__ import annotations

import operator
import re
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

_OPERATORS: Final[dict[str, Callable[[Any, Any], bool]]] = {
    **dict.fromkeys(("==", "=", "eq"), operator.eq),
    **dict.fromkeys(("!=", "<>", "ne"), operator.ne),
    **dict.fromkeys(("<", "lt"), operator.lt),
    **dict.fromkeys(("<=", "le"), operator.le),
    **dict.fromkeys((">", "gt"), operator.gt),
    **dict.fromkeys((">=", "ge"), operator.ge),
}


def version(value: object, other: object, comparison: str = "==") -> bool:
    """Compare versions by `==`, `!=`, `<`, `<=`, `>` or `>=`.

    Two versions that Python packages could have compare by PEP 440, so 1.0rc1 is before 1.0, which equals 1.
    Any others, such as a distribution's 1:2.3-4ubuntu5, compare piece by piece: numbers by value, words by
    alphabet; words that announce a release (alpha, beta, rc, `~`) come before its end, other words after it.
    """
    if comparison not in _OPERATORS:
        raise ValueError(f"there is no comparison {comparison!r}; use one of == != < <= > >=")
    return _OPERATORS[comparison](*_keys(_text(value), _text(other)))


def _text(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise TypeError("it takes versions as text")
    text = str(value).strip()
    if not text:
        raise ValueError("the version is empty")
    return text


def _keys(left: str, right: str) -> tuple[object, object]:
    from packaging.version import InvalidVersion, Version

    try:
        return Version(left), Version(right)
    except InvalidVersion:
        return _pieces(left), _pieces(right)


_BEFORE: Final = {"~": 0, "dev": 1, "a": 2, "alpha": 2, "b": 3, "beta": 3, "c": 4, "rc": 4, "pre": 4, "preview": 4}
_END: Final = (1, 0, "")


def _pieces(text: str) -> list[tuple[int, int, str]]:
    """Split a version into pieces that compare: announcing words, the end, other words, numbers."""
    found = re.findall(r"[0-9]+|[^\W\d_]+|~", text.lower().removeprefix("v"))
    return [*map(_piece, found), _END]


def _piece(piece: str) -> tuple[int, int, str]:
    if piece in _BEFORE:
        return (0, _BEFORE[piece], "")
    return (3, int(piece), "") if piece.isdecimal() else (2, 0, piece)
