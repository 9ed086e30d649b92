# SPDX-License-Identifier: GPL-3.0-or-later
"""Find the values of a YAML document with their keys and the stretch of text that each takes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from yaml._yaml import CParser
from yaml.events import (
    AliasEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

if TYPE_CHECKING:
    from collections.abc import Callable

Keys = tuple[str | int, ...]
"""The way to a value from the top of its file: names of mappings' keys and numbers of lists' items, from 0."""

AGE_TAG: Final = "!age"

_PROPERTY: Final = re.compile(r"([&!]\S*)\s*")
_REST_OF_LINE: Final = re.compile(r"[ \t]*(?:(?<=[ \t])#[^\r\n]*)?(?=[\r\n]|\Z)")
_HEADER: Final = re.compile(r"[|>][-+0-9]*")
_EMPTY_LINES: Final = re.compile(r"(?:[\r\n]+ *)+\Z")


@dataclass(frozen=True, slots=True)
class Value:
    """A value that is neither list nor mapping."""

    keys: Keys
    tag: str | None
    text: str
    """What it means, its quotes and indentation taken away."""
    plain: bool
    """It stands without quotes, so that it may mean a number, boolean or nothing."""
    start: int
    """Where it begins, its tag and anchor included; counted in characters, as everything here."""
    body: int
    """Where it begins without them."""
    end: int
    """Behind its last character; of a block, the end of its last line that says something."""
    region_end: int
    """Behind the comment that may follow on its line."""
    comment: str
    """That comment with the blanks before it; of a block, the one on its first line."""
    properties: tuple[str, ...]
    """Its tag and anchor as they are written."""
    block: bool
    """It stands on lines of its own, after `|` or `>`."""
    flow: bool
    """It stands inside of brackets or braces."""
    column: int
    """Where the list or mapping around it begins; a block must stand further right."""
    line: int
    """The line it begins on, from 1."""
    start_column: int
    """The column it begins in, from 1."""

    @property
    def sealed(self) -> bool:
        """Tell whether it is tagged as encrypted."""
        return self.tag == AGE_TAG


@dataclass(frozen=True, slots=True)
class Container:
    """A list or mapping."""

    keys: Keys
    mapping: bool
    flow: bool
    column: int
    tag: str | None
    start: int
    """Where it begins, its tag and anchor included."""
    end: int
    """Behind its last character that says something; of a flow collection, behind its closing bracket."""
    inner_end: int
    """Behind the last value in it."""
    empty: bool


@dataclass(slots=True)
class _Open:
    """A list or mapping whose end was not read yet."""

    keys: Keys
    mapping: bool
    flow: bool
    column: int
    tag: str | None
    start: int
    key: str | None = None
    count: int = 0
    end: int = 0


class Spans:
    """The values, lists and mappings of a document that the content loader has found to be right."""

    def __init__(self, text: str) -> None:
        self._text = text
        self.values: list[Value] = []
        self.containers: list[Container] = []
        self._stack: list[_Open] = []
        self._read()

    def _read(self) -> None:
        next_event: Callable[[], Any] = CParser(self._text).get_event
        while (event := next_event()) is not None:
            kind: object = type(event)
            if kind is ScalarEvent:
                self._scalar(event)
            elif kind is MappingStartEvent or kind is SequenceStartEvent:
                self._open(event, mapping=kind is MappingStartEvent)
            elif kind is MappingEndEvent or kind is SequenceEndEvent:
                self._close(event)
            elif kind is AliasEvent:
                self._alias(event)

    def _alias(self, event: Any) -> None:
        outer = self._stack[-1] if self._stack else None
        if outer is not None and outer.mapping and outer.key is None:
            outer.key = ""
            outer.column = event.start_mark.column if outer.column < 0 else outer.column
        else:
            self._keys(event)
        self._reach(event.end_mark.index)

    def _keys(self, event: Any) -> Keys:
        """Return the keys of the value that comes now, and be ready for the next."""
        if not self._stack:
            return ()
        outer = self._stack[-1]
        if not outer.mapping and outer.column < 0:
            # The dash itself is not told of where the list has a tag, so take what is certainly right of it.
            outer.column = event.start_mark.column - 1
        if outer.mapping:
            keys = (*outer.keys, outer.key or "")
            outer.key = None
        else:
            keys = (*outer.keys, outer.count)
        outer.count += 1
        return keys

    def _scalar(self, event: Any) -> None:
        outer = self._stack[-1] if self._stack else None
        if outer is not None and outer.mapping and outer.key is None:
            outer.key = str(event.value)
            if outer.column < 0:
                outer.column = event.start_mark.column
            self._reach(event.end_mark.index)
            return
        value = self._value(event, outer)
        self.values.append(value)
        self._reach(value.end)

    def _value(self, event: Any, outer: _Open | None) -> Value:
        start, end = event.start_mark.index, event.end_mark.index
        block = event.style in {"|", ">"}
        flow = any(one.flow for one in self._stack)
        if block:
            end = start + len(_EMPTY_LINES.sub("", self._text[start:end]))
        body, properties = self._properties(start, end, tagged=event.tag is not None or event.anchor is not None)
        comment, region_end = self._comment(body, end, block=block, flow=flow)
        return Value(
            keys=self._keys(event), tag=event.tag, text=str(event.value), plain=not event.style, start=start, body=body,
            end=end, region_end=region_end, comment=comment, properties=properties, block=block, flow=flow,
            column=outer.column if outer else -1, line=event.start_mark.line + 1,
            start_column=event.start_mark.column + 1,
        )  # fmt: skip

    def _properties(self, start: int, end: int, *, tagged: bool) -> tuple[int, tuple[str, ...]]:
        """Return where a value begins behind its tag and anchor, and these."""
        found: list[str] = []
        at = start
        while tagged and (match := _PROPERTY.match(self._text, at, end)):
            found.append(match[1])
            at = match.end()
        return at, tuple(found)

    def _comment(self, body: int, end: int, *, block: bool, flow: bool) -> tuple[str, int]:
        """Return the comment on a value's line, and where the value with it ends."""
        if block:
            header = _HEADER.match(self._text, body)
            rest = _REST_OF_LINE.match(self._text, header.end()) if header else None
            return (rest[0].rstrip() if rest else ""), max(end, rest.end() if rest else end)
        rest = None if flow else _REST_OF_LINE.match(self._text, end)
        return (rest[0], rest.end()) if rest else ("", end)

    def _open(self, event: Any, *, mapping: bool) -> None:
        keys = self._keys(event)
        start = event.start_mark.index
        flow = bool(event.flow_style) or any(one.flow for one in self._stack)
        self._stack.append(_Open(keys, mapping, flow, -1, event.tag, start, end=start))

    def _close(self, event: Any) -> None:
        done = self._stack.pop()
        end = event.end_mark.index if done.flow else done.end
        self.containers.append(
            Container(
                done.keys,
                done.mapping,
                done.flow,
                done.column,
                done.tag,
                done.start,
                end,
                done.end,
                empty=not done.count,
            )
        )
        self._reach(end)

    def _reach(self, end: int) -> None:
        if self._stack:
            self._stack[-1].end = max(self._stack[-1].end, end)
