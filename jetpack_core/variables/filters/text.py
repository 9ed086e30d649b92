# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters on text: shell quoting, paths, regular expressions, splitting."""

from __future__ import annotations

import posixpath
import re
from typing import Final

from jetpack_core.variables.shell import Quoted
from jetpack_core.variables.shell import quote as shell_quote

_LONGEST: Final = 1024 * 1024
"""Characters a regular expression is matched against. Patterns that backtrack without end are the author's care:
Python's engine cannot be interrupted."""


def quote(value: object) -> Quoted:
    """Quote text for a shell as one word, or a list as several; it must be the last filter."""
    return shell_quote(value)


def basename(path: str) -> str:
    """Return the last part of a path."""
    return posixpath.basename(_text(path))


def dirname(path: str) -> str:
    """Return a path without its last part."""
    return posixpath.dirname(_text(path))


def split(value: str, separator: str | None = None, maximum: int = -1) -> list[str]:
    """Split text at a separator, or at any blanks, at most so many times."""
    return _text(value).split(separator, maximum)


def regex_replace(
    value: object,
    pattern: str,
    replacement: str = "",
    count: int = 0,
    *,
    ignorecase: bool = False,
    multiline: bool = False,
) -> str:
    r"""Replace what a regular expression matches; `\1` or `\g<name>` in the replacement is a group."""
    return _compile(pattern, ignorecase, multiline).sub(replacement, _subject(value), count=count)


def regex_search(
    value: object, pattern: str, *groups: int | str, ignorecase: bool = False, multiline: bool = False
) -> str | list[str | None] | None:
    r"""Return the first match of a regular expression, or null; with groups (1, `\1`, a name) a list of theirs."""
    match = _compile(pattern, ignorecase, multiline).search(_subject(value))
    if match is None:
        return None
    return [match[_group(group)] for group in groups] if groups else match[0]


def regex_findall(value: object, pattern: str, *, ignorecase: bool = False, multiline: bool = False) -> list[object]:
    """Return all matches of a regular expression; of each its group, or the list of its groups."""
    found = _compile(pattern, ignorecase, multiline).findall(_subject(value))
    return [list(one) if isinstance(one, tuple) else one for one in found]


def match(value: object, pattern: str, *, ignorecase: bool = False, multiline: bool = False) -> bool:
    """Tell whether a regular expression matches at the start of text."""
    return _compile(pattern, ignorecase, multiline).match(_subject(value)) is not None


def search(value: object, pattern: str, *, ignorecase: bool = False, multiline: bool = False) -> bool:
    """Tell whether a regular expression matches anywhere in text."""
    return _compile(pattern, ignorecase, multiline).search(_subject(value)) is not None


def starts_with(value: str, prefix: str) -> bool:
    """Tell whether text starts with other text."""
    return _text(value).startswith(_text(prefix))


def ends_with(value: str, suffix: str) -> bool:
    """Tell whether text ends with other text."""
    return _text(value).endswith(_text(suffix))


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("it takes text")
    return value


def _subject(value: object) -> str:
    if not isinstance(value, str | int | float):
        raise TypeError("it takes text")
    text = str(value)
    if len(text) > _LONGEST:
        raise ValueError(f"the text is longer than {_LONGEST} characters")
    return text


def _compile(pattern: str, ignorecase: bool, multiline: bool) -> re.Pattern[str]:
    flags = (re.IGNORECASE if ignorecase else 0) | (re.MULTILINE if multiline else 0)
    try:
        return re.compile(_text(pattern), flags)
    except re.error as error:
        raise ValueError(f"the regular expression {pattern!r} is wrong: {error}") from None


def _group(group: int | str) -> int | str:
    name = re.sub(r"^\\(?:g<(\w+)>|(\d+))$", r"\1\2", str(group))
    return int(name) if name.isdecimal() else name
