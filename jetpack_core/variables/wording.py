# SPDX-License-Identifier: GPL-3.0-or-later
"""What went wrong in a template, in words of the language instead of Python's."""

from __future__ import annotations

import difflib
import inspect
import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

_WIDTH: Final = 80

_TYPES: Final = {
    "str": "text",
    "int": "a number",
    "float": "a number",
    "bool": "a boolean",
    "NoneType": "null",
    "dict": "a map",
    "SourceMap": "a map",
    "list": "a list",
    "SourceList": "a list",
    "tuple": "a list",
    "bytes": "bytes",
    "Quoted": "text",
    "Markup": "text",
}

_PHRASES: Final = (
    (r"'(\S+)' not supported between instances of '(\w+)' and '(\w+)'", r"'\2' cannot be compared with '\3'"),
    (r"unsupported operand type\(s\) for (\S+): '(\w+)' and '(\w+)'", r"cannot compute '\2' \1 '\3'"),
    (r"can only concatenate (\w+) \(not \"(\w+)\"\) to \w+", r"cannot compute '\1' + '\2'; `~` joins as text"),
    (r"'(\w+)' object is not callable", r"'\1' cannot be called"),
    (r"'(\w+)' object is not iterable", r"'\1' cannot be looped over"),
    (r"object of type '(\w+)' has no len\(\)", r"'\1' has no length"),
    (r"(?:the )?JSON object must be \w+, .*not (\w+)", r"expected text, not '\1'"),
    (r"Object of type (\w+) is not JSON serializable", r"'\1' cannot be written as JSON"),
    (r"Range too big.*\((\d+)\)", r"the range is longer than \1"),
    (r"Exceeds the limit .* for integer string conversion.*", "a number has too many digits"),
    (r"argument of type '(\w+)' is not iterable", r"nothing is contained in '\1'"),
)


def type_name(value: object) -> str:
    """Return the language's word for a value's type."""
    name = type(value).__name__
    return _TYPES.get(name, name)


def in_plain_words(error: BaseException) -> str:
    """Return what an exception of Python or Jinja2 says, without their jargon."""
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    if isinstance(error, MemoryError):
        return "there is not enough memory"
    if isinstance(error, KeyError) and error.args:
        return f"there is no {error.args[0]!r}"
    text = (str(error) or type(error).__name__).strip().removesuffix(".")
    for pattern, phrase in _PHRASES:
        text = re.sub(pattern, phrase, text)
    return re.sub(r"'(\w+)'( object)?", _plain_type, text)


def _plain_type(match: re.Match[str]) -> str:
    return _TYPES.get(match[1], match[0])


def bad_arguments(function: Callable[..., object], args: tuple[object, ...], kwargs: Mapping[str, object]) -> str:
    """Say how a filter or test is used, when it cannot be called with these arguments; else return nothing."""
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return ""
    try:
        signature.bind(*args, **kwargs)
    except TypeError:
        names = list(signature.parameters)[2 if hasattr(function, "jinja_pass_arg") else 1 :]
        return f"wrong arguments; it takes ({', '.join(names)})"
    return ""


def near(name: str, names: Iterable[str]) -> str:
    """Return a hint with the name that may have been meant, or nothing."""
    close = difflib.get_close_matches(name, names, n=1)
    return f"did you mean {close[0]!r}?" if close else ""


def excerpt(text: str, line: int = 1) -> str:
    """Return a line of a text, cut to a width that fits into a message."""
    lines = text.splitlines() or [""]
    shown = lines[min(max(line, 1), len(lines)) - 1].strip()
    return shown if len(shown) <= _WIDTH else shown[: _WIDTH - 3] + "..."
