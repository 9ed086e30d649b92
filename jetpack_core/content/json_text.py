# SPDX-License-Identifier: GPL-3.0-or-later
"""Read JSON files with the places of their keys, which the parser of the standard library does not tell."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Final

from jetpack_core.content.files import decode
from jetpack_core.content.nodes import Source
from jetpack_core.content.problems import twice
from jetpack_core.records import Position
from jetpack_core.variables.data import SourceList, SourceMap

if TYPE_CHECKING:
    from jetpack_core.content.problems import Problems

_BLANK: Final = re.compile(r"[ \t\r\n]*")
_DEPTH_LIMIT: Final = 100


def parse(content: bytes, file: str, problems: Problems) -> object:
    """Return the data of a JSON document; None when it is empty, or with the problems noted."""
    text = decode(content, file, problems)
    if text is None or not text.strip():
        return None
    problems.register(Source(file, text))
    return _Reader(text, file, problems).document()


class _Reader:
    """Walks over lists and mappings, and leaves strings and numbers to the standard library."""

    def __init__(self, text: str, file: str, problems: Problems) -> None:
        self._text = text
        self._file = file
        self._problems = problems
        self._decoder = json.JSONDecoder(parse_constant=_refuse_constant)
        self._line = 1
        self._line_start = 0
        self._seen = 0

    def document(self) -> object:
        try:
            value, end = self._value(self._skip(0), 0)
            end = self._skip(end)
            if end != len(self._text):
                raise json.JSONDecodeError("Extra data", self._text, end)
        except json.JSONDecodeError as error:
            where = Position(self._file, error.lineno, error.colno)
            words = error.msg.replace("Extra data", "more text, where it has ended")
            self._problems.add(where, f"this is not JSON: {words}", code="yaml-syntax")
            return None
        return value

    def _skip(self, index: int) -> int:
        match = _BLANK.match(self._text, index)
        return match.end() if match else index

    def _position(self, index: int) -> Position:
        """Return a place; asked for ever later places, so lines are counted once."""
        lines = self._text.count("\n", self._seen, index)
        if lines:
            self._line += lines
            self._line_start = self._text.rfind("\n", self._seen, index) + 1
        self._seen = max(self._seen, index)
        return Position(self._file, self._line, index - self._line_start + 1)

    def _value(self, index: int, depth: int) -> tuple[object, int]:
        if depth > _DEPTH_LIMIT:
            message = f"more than {_DEPTH_LIMIT} lists and mappings inside one another"
            raise json.JSONDecodeError(message, self._text, index)
        opening = self._text[index : index + 1]
        if opening == "{":
            return self._mapping(index + 1, depth + 1)
        if opening == "[":
            return self._list(index + 1, depth + 1)
        try:
            return self._decoder.raw_decode(self._text, index)
        except json.JSONDecodeError:
            raise
        except ValueError as error:
            words = str(error) if "digits" not in str(error) else "a number of thousands of digits"
            raise json.JSONDecodeError(words, self._text, index) from None

    def _mapping(self, index: int, depth: int) -> tuple[SourceMap, int]:
        result = SourceMap()
        index = self._skip(index)
        if self._text[index : index + 1] == "}":
            return result, index + 1
        while True:
            index = self._entry(result, index, depth)
            index, done = self._next(index, "}")
            if done:
                return result, index

    def _entry(self, result: SourceMap, index: int, depth: int) -> int:
        if self._text[index : index + 1] != '"':
            raise json.JSONDecodeError("a key in double quotes is expected", self._text, index)
        position = self._position(index)
        key, end = self._decoder.raw_decode(self._text, index)
        if key in result:
            self._problems.add(position, *twice(key, result.positions[key]), code="duplicate-key")
        end = self._skip(end)
        if self._text[end : end + 1] != ":":
            raise json.JSONDecodeError("a ':' is expected", self._text, end)
        value, end = self._value(self._skip(end + 1), depth)
        result[key] = value
        result.positions[key] = position
        return end

    def _list(self, index: int, depth: int) -> tuple[SourceList, int]:
        result = SourceList()
        index = self._skip(index)
        if self._text[index : index + 1] == "]":
            return result, index + 1
        while True:
            result.positions.append(self._position(index))
            value, index = self._value(index, depth)
            result.append(value)
            index, done = self._next(index, "]")
            if done:
                return result, index

    def _next(self, index: int, closing: str) -> tuple[int, bool]:
        index = self._skip(index)
        found = self._text[index : index + 1]
        if found == closing:
            return index + 1, True
        if found == ",":
            return self._skip(index + 1), False
        raise json.JSONDecodeError(f"a ',' or '{closing}' is expected", self._text, index)


def _refuse_constant(name: str) -> object:
    raise ValueError(f"{name} is no value of JSON")
