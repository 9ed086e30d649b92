# SPDX-License-Identifier: GPL-3.0-or-later
"""Write YAML as a person would: block style, quotes only where they are needed."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from jetpack_core.content.scalars import plain_scalar

_PLAIN: Final = re.compile(r"(?:[A-Za-z0-9_/.(+]|--?[A-Za-z])[^\n\r\t\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff]*")
_ODD: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\xa0\u2028\u2029\ufeff\ufffe\uffff\ud800-\udfff]")
# Other tools read the result as well, and for them these are no text.
_WORDS: Final = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null", "none", "="})
_MODE: Final = re.compile(r"0o[0-7]{1,4}")
_NUMBER_LIKE: Final = re.compile(r"[-+.]?[0-9][0-9_,.:xXoObBeE+a-fA-F-]*")


@dataclass(frozen=True, slots=True)
class Tagged:
    """A value with a tag of its own, such as `!replace`."""

    tag: str
    value: object


@dataclass(frozen=True, slots=True)
class Flow:
    """A short list that is written on one line."""

    items: Sequence[object]


def scalar(value: object) -> str:
    """Return a value that is no list or map on one line."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    return _text(str(value))


def _text(text: str) -> str:
    if _is_plain(text):
        return text
    if _ODD.search(text) or "\n" in text or "\t" in text or "\r" in text:
        return _escaped(text)
    if '"' in text or "\\" in text:
        return "'" + text.replace("'", "''") + "'"
    return f'"{text}"'


def _escaped(text: str) -> str:
    """Return text in double quotes, where every character that is odd is written as its number."""
    named = {"\n": "\\n", "\t": "\\t", "\r": "\\r", '"': '\\"', "\\": "\\\\"}
    return (
        '"' + "".join(named.get(char) or (char if char.isprintable() else f"\\U{ord(char):08x}") for char in text) + '"'
    )


def _is_plain(text: str) -> bool:
    if not _PLAIN.fullmatch(text) or text != text.strip() or text.lower() in _WORDS or text.startswith("..."):
        return False
    if ": " in text or " #" in text or text.endswith(":") or "\t" in text:
        return False
    if _MODE.fullmatch(text):
        return True
    return isinstance(plain_scalar(text), str) and not _NUMBER_LIKE.fullmatch(text)


def lines_of(value: object, depth: int = 0) -> list[str]:
    """Return a value as lines of block style, each indented by `depth` blanks."""
    blank = " " * depth
    if isinstance(value, Mapping):
        return [line for key, inner in value.items() for line in _entry(f"{blank}{scalar(key)}:", inner, depth)]
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [line for inner in value for line in item_lines(inner, depth)]
    return [blank + scalar(value)]


def _entry(head: str, value: object, depth: int) -> list[str]:
    if isinstance(value, Tagged):
        return _entry(f"{head} {value.tag}", value.value, depth)
    if isinstance(value, Flow):
        return [f"{head} [{', '.join(map(_in_flow, value.items))}]"]
    if isinstance(value, Mapping | Sequence) and not isinstance(value, str):
        if not value:
            return [f"{head} {'{}' if isinstance(value, Mapping) else '[]'}"]
        return [head, *lines_of(value, depth + 2)]
    block = _block(value, depth + 2) if isinstance(value, str) else None
    return [f"{head} {block[0]}", *block[1:]] if block else [f"{head} {scalar(value)}"]


def _in_flow(value: object) -> str:
    text = scalar(value)
    return _escaped(text) if isinstance(value, str) and text == value and set(text) & set(",[]{}") else text


def item_lines(value: object, depth: int) -> list[str]:
    """Return a value as an element of a list."""
    blank = " " * depth
    if isinstance(value, Mapping) and value:
        inner = lines_of(value, depth + 2)
        return [f"{blank}- {inner[0].lstrip(' ')}", *inner[1:]]
    return _entry(f"{blank}-", value, depth)


def _block(text: str, depth: int) -> list[str] | None:
    """Return text of several lines as a literal block; None where that cannot hold it."""
    body = text.rstrip("\n")
    if "\n" not in text or not body or _ODD.search(text) or "\r" in text:
        return None
    first = body.split("\n", 1)[0]
    if not first or first[0] in " \t" or any(line and not line.strip() for line in text.split("\n")):
        return None
    ends = len(text) - len(body)
    sign = "|" if ends == 1 else "|-" if ends == 0 else "|+"
    blank = " " * depth
    lines = body.split("\n") + [""] * (ends - 1 if ends > 1 else 0)
    return [sign, *(blank + line if line else "" for line in lines)]


def comment(text: str, depth: int) -> list[str]:
    """Return text as comment lines."""
    return [f"{' ' * depth}# {line}".rstrip() for line in text.splitlines()]
