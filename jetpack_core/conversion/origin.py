# SPDX-License-Identifier: GPL-3.0-or-later
"""The text that a part of a YAML file is made of, and the comments in and above it."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from jetpack_core.content.nodes import Mapping, Node, Scalar, Sequence

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jetpack_core.content.nodes import Source

_BLOCK_MARKS: Final = ("|", ">")


@dataclass(frozen=True, slots=True)
class Origin:
    """Where an element of a list came from."""

    text: str
    """Its own lines, not indented."""
    comments: tuple[str, ...]
    """The comment lines above and within it, each from its `#` on."""


def origin_of(node: Node) -> Origin:
    """Return the text of an element of a list in block style; one in flow style is its line."""
    source, first = node.source, node.position.line
    line = source.line(first)
    dash = len(line) - len(line.lstrip(" "))
    last = last_line(source, first, dash)
    text = "\n".join(source.line(number) for number in range(first, last + 1))
    hidden = set(_within_blocks(node))
    inner = [
        comment
        for number in range(first, last + 1)
        if number not in hidden and (comment := _comment(source.line(number)))
    ]
    return Origin(textwrap.dedent(text).rstrip(), (*comments_above(source, first), *inner))


def comments_above(source: Source, first: int) -> list[str]:
    """Return the comment lines that stand directly above a line; a blank line ends them."""
    found: list[str] = []
    number = first - 1
    while number > 0 and source.line(number).lstrip().startswith("#"):
        found.append(source.line(number).strip())
        number -= 1
    return found[::-1]


def _comment(line: str) -> str:
    """Return the comment on a line, from its `#` on; text in quotes has none."""
    quote = ""
    for place, char in enumerate(line):
        before = line[:place].rstrip(" ")[-1:]
        if quote:
            quote = "" if char == quote else quote
        elif char in "\"'" and before in {"", ":", "-", "[", "{", ",", "="}:
            quote = char
        elif char == "#" and (place == 0 or line[place - 1].isspace()):
            return line[place:].rstrip()
    return ""


def last_line(source: Source, first: int, dash: int) -> int:
    """Return the last line of what begins on a line: all that follows is indented further than `dash`."""
    last, number, total = first, first + 1, source.text.count("\n") + 1
    while number <= total:
        line = source.line(number)
        if line.strip():
            indent = len(line) - len(line.lstrip(" "))
            if indent <= dash:
                break
            last = number
        number += 1
    return last


def _within_blocks(node: Node) -> Iterator[int]:
    """Yield the lines inside of literal and folded text, where `#` begins no comment."""
    for scalar, dash in _scalars(node, 0):
        line = scalar.source.line(scalar.position.line)
        if scalar.plain or line[scalar.mark.column : scalar.mark.column + 1] not in _BLOCK_MARKS:
            continue
        number, total = scalar.position.line + 1, scalar.source.text.count("\n") + 1
        while number <= total:
            line = scalar.source.line(number)
            if line.strip() and len(line) - len(line.lstrip(" ")) <= dash:
                break
            yield number
            number += 1


def _scalars(node: Node, dash: int) -> Iterator[tuple[Scalar, int]]:
    """Yield the scalars of a node, each with the indent of what it belongs to."""
    if isinstance(node, Scalar):
        yield node, dash
    elif isinstance(node, Mapping):
        for key, value in node.pairs:
            yield from _scalars(value, key.mark.column)
    elif isinstance(node, Sequence):
        for item in node.items:
            yield from _scalars(item, node.mark.column)
