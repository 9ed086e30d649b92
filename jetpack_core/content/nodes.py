# SPDX-License-Identifier: GPL-3.0-or-later
"""What a YAML document says before it has a meaning: scalars, lists and mappings, each with its place."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, Protocol

from jetpack_core.records import Position

if TYPE_CHECKING:
    from collections.abc import Iterator

# The line breaks of YAML 1.1, by which the parser counts lines.
_BREAK: Final = re.compile("\r\n|[\r\n\x85\u2028\u2029]")


DAMAGED: Final = "damaged"
"""The tag of a node that is wrong in a way that has been noted already."""


class Mark(Protocol):
    """A place as the YAML parser tells it; counts from 0."""

    line: int
    column: int


class Source:
    """A file's name, as it is shown to the user, and its text."""

    __slots__ = ("_lines", "file", "secret_paths", "text")

    def __init__(self, file: str, text: str) -> None:
        self.file = file
        self.text = text
        self.secret_paths: dict[int, tuple[str | int, ...]] = {}
        """The keys and numbers that lead to each encrypted value, by its node's identity."""
        self._lines: list[str] | None = None

    def line(self, number: int) -> str:
        """Return a line without its end, counting from 1; empty when there is none."""
        if self._lines is None:
            self._lines = _BREAK.split(self.text)
        return self._lines[number - 1] if 0 < number <= len(self._lines) else ""

    def position(self, mark: Mark) -> Position:
        """Return a place in this file."""
        return Position(self.file, mark.line + 1, mark.column + 1)


class Node:
    """Any part of a document."""

    __slots__ = ("mark", "source", "tag")

    noun = "a value"

    def __init__(self, source: Source, mark: Mark, tag: str | None) -> None:
        self.source = source
        self.mark = mark
        self.tag = tag

    @property
    def position(self) -> Position:
        """Return where it begins."""
        return self.source.position(self.mark)


class Scalar(Node):
    """Text; `plain` when it stands without quotes, so that it may mean a number, boolean or nothing."""

    __slots__ = ("plain", "text")

    noun = "text"

    def __init__(self, source: Source, mark: Mark, tag: str | None, text: str, plain: bool) -> None:
        # Written out, as there are hundreds of thousands of them.
        self.source = source
        self.mark = mark
        self.tag = tag
        self.text = text
        self.plain = plain

    @property
    def empty(self) -> bool:
        """Tell whether it means that there is no value."""
        return self.plain and self.tag is None and self.text in _NULLS


_NULLS: Final = frozenset({"", "~", "null", "Null", "NULL"})


class Sequence(Node):
    """A list."""

    __slots__ = ("items",)

    noun = "a list"

    def __init__(self, source: Source, mark: Mark, tag: str | None) -> None:
        super().__init__(source, mark, tag)
        self.items: list[Node] = []


class Mapping(Node):
    """A mapping; `items` holds keys and values in turn until the document is read, `pairs` from then on."""

    __slots__ = ("items", "pairs")

    noun = "a mapping"

    def __init__(self, source: Source, mark: Mark, tag: str | None) -> None:
        super().__init__(source, mark, tag)
        self.items: list[Node] = []
        self.pairs: list[tuple[Scalar, Node]] = []

    def get(self, key: str) -> Node | None:
        """Return the value of a key."""
        return next((value for name, value in self.pairs if name.text == key), None)

    def keys(self) -> Iterator[str]:
        """Yield the keys' texts."""
        return (key.text for key, _ in self.pairs)


class _Place:
    """A mark of our own."""

    def __init__(self, line: int, column: int) -> None:
        self.line = line
        self.column = column


def nothing_at(where: Position) -> Mapping:
    """Return a mapping without keys, in the place of what is missing or is no mapping."""
    return Mapping(Source(where.file, ""), _Place(where.line - 1, where.column - 1), None)


def before(mark: Mark) -> Mark:
    """Return the place one column before."""
    return _Place(mark.line, mark.column - 1)
