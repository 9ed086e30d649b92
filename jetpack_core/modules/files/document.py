# SPDX-License-Identifier: GPL-3.0-or-later
"""A text file as its lines, so that an edit leaves every other byte as it was."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Self

from jetpack_core.errors import TaskError, UnknownValueError
from jetpack_core.records import FileStat

_BOM: Final = "\ufeff"


@dataclass(frozen=True, slots=True)
class Line:
    """One line: its text, and the newline it ends with."""

    text: str
    ending: str = "\n"


@dataclass(frozen=True, slots=True)
class Document:
    """The lines of a file; the byte order mark and a missing last newline are properties of the whole."""

    lines: tuple[Line, ...] = ()
    mark: str = ""
    ends_open: bool = False
    """Whether the last line lacks its newline; it then does so after an edit too."""

    @classmethod
    def parse(cls, content: bytes) -> Self:
        """Cut a file's bytes into lines; bytes that are not UTF-8 are kept as they are."""
        text = content.decode("utf-8", "surrogateescape")
        mark = _BOM if text.startswith(_BOM) else ""
        *parts, last = text.removeprefix(_BOM).split("\n") if mark else text.split("\n")
        lines = [_line(part) for part in parts]
        ending = lines[0].ending if lines else "\n"
        if last:
            lines.append(Line(last, ending))
        return cls(tuple(lines), mark, ends_open=bool(last))

    def to_bytes(self) -> bytes:
        """Return the file's bytes."""
        text = "".join(line.text + line.ending for line in self.lines)
        # An empty last line has nothing but its newline to be seen by.
        if self.ends_open and self.lines and self.lines[-1].text:
            text = text.removesuffix(self.lines[-1].ending)
        return (self.mark + text).encode("utf-8", "surrogateescape")

    @property
    def texts(self) -> tuple[str, ...]:
        """Return the lines without their newlines."""
        return tuple(line.text for line in self.lines)

    @property
    def ending(self) -> str:
        """Return the newline that this file uses."""
        return self.lines[0].ending if self.lines else "\n"

    def without(self, indexes: Sequence[int]) -> Document:
        """Return the document without some lines."""
        gone = set(indexes)
        return replace(self, lines=tuple(line for index, line in enumerate(self.lines) if index not in gone))

    def with_text(self, index: int, text: str) -> Document:
        """Return the document with another text in one line."""
        changed = replace(self.lines[index], text=text)
        return replace(self, lines=(*self.lines[:index], changed, *self.lines[index + 1 :]))

    def inserted(self, index: int, texts: Sequence[str]) -> Document:
        """Return the document with lines put in before an index; they get the newlines that the file uses."""
        new = (Line(text, self.ending) for text in texts)
        return replace(self, lines=(*self.lines[:index], *new, *self.lines[index:]))


def _line(part: str) -> Line:
    return Line(part[:-1], "\r\n") if part.endswith("\r") else Line(part)


def document_of(now: FileStat, limit: int) -> Document:
    """Return the lines of a file that was looked at with its content; none where there is no file.

    :param limit: Bytes up to which the content was asked for. Raises TaskError for a larger file.

    Raises UnknownValueError in plan mode where the content is open.
    """
    if not now.is_file:
        return Document()
    if now.content is not None:
        return Document.parse(now.content)
    if now.size > limit:
        raise TaskError(f"{now.path} is too large to be edited: {now.size} bytes, and the limit is {limit}")
    message = f"the content of {now.path} is known only once an earlier task has made it"
    raise UnknownValueError(message)
