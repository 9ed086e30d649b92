# SPDX-License-Identifier: GPL-3.0-or-later
"""Lines of fstab(5): read and edited so that every other byte stays as it was."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from jetpack_core.errors import TaskError
from jetpack_core.modules.files.document import Document

_ENCODED: Final = re.compile(rb"\\([0-3][0-7]{2})")
_TO_ENCODE: Final = re.compile(r"[ \t\n\r\\]|^#")
_FIELD: Final = re.compile(r"[^ \t]+")
# A value in double quotes may hold commas (mount(8)).
_OPTION: Final = re.compile(r'(?:"[^"]*"|[^,])+')
_FIELDS: Final = 6
_LEAST_FIELDS: Final = 2
_DEFAULTS: Final = ("auto", "defaults", "0", "0")


def decoded(field: str) -> str:
    """Return what a field means; blanks and the like stand there as octal numbers."""
    data = field.encode("utf-8", "surrogateescape")
    return _ENCODED.sub(lambda code: bytes([int(code[1], 8)]), data).decode("utf-8", "surrogateescape")


def encoded(value: str) -> str:
    """Return a value as a field."""
    return _TO_ENCODE.sub(lambda char: f"\\{ord(char[0]):03o}", value)


def split_options(text: str) -> tuple[str, ...]:
    """Return the options in a list of them, each once."""
    return tuple(dict.fromkeys(_OPTION.findall(text)))


@dataclass(frozen=True, slots=True)
class Entry:
    """What one line says."""

    src: str
    path: str
    fstype: str
    options: tuple[str, ...]
    dump: int = 0
    passno: int = 0

    @property
    def fields(self) -> tuple[str, ...]:
        """Return the fields as they stand in the file."""
        options = ",".join(map(encoded, self.options)) or "defaults"
        return (encoded(self.src), encoded(self.path), encoded(self.fstype), options, str(self.dump), str(self.passno))

    @property
    def line(self) -> str:
        """Return the line of a new entry."""
        return " ".join(self.fields)

    @property
    def meanings(self) -> tuple[object, ...]:
        """Return what of each field counts, in the order of `fields`: that of options does not."""
        return (self.src, self.path, self.fstype, frozenset(self.options), self.dump, self.passno)


def parse_line(text: str) -> Entry | None:
    """Return what a line says; None for a comment, an empty line, and one that is no entry."""
    fields = _FIELD.findall(text)
    if len(fields) < _LEAST_FIELDS or fields[0].startswith("#"):
        return None
    given = [*fields[:_FIELDS], *_DEFAULTS[len(fields) - _LEAST_FIELDS :]]
    src, path, fstype, options, dump, passno = given
    target = decoded(path)
    return Entry(
        decoded(src),
        target.rstrip("/") or target,
        decoded(fstype),
        tuple(map(decoded, split_options(options))),
        int(dump) if dump.isdecimal() else 0,
        int(passno) if passno.isdecimal() else 0,
    )


def find(document: Document, path: str) -> list[int]:
    """Return the indexes of the lines that are about a mount point."""
    entries = map(parse_line, document.texts)
    return [index for index, entry in enumerate(entries) if entry is not None and entry.path == path]


def entry_of(document: Document, path: str) -> Entry | None:
    """Return what is said about a mount point. Raises TaskError where several lines are about it."""
    found = find(document, path)
    if len(found) > 1:
        lines = ", ".join(str(index + 1) for index in found)
        raise TaskError(f"the lines {lines} of fstab are all about {path}", hint="take away all but one")
    return parse_line(document.texts[found[0]]) if found else None


def with_entry(document: Document, entry: Entry) -> Document:
    """Return the file with an entry: in the line that is about its mount point, or in a new last one."""
    for index in find(document, entry.path):
        return document.with_text(index, _rewritten(document.texts[index], entry))
    return replace(document, ends_open=False).inserted(len(document.lines), [entry.line])


def without_path(document: Document, path: str) -> Document:
    """Return the file without the lines that are about a mount point."""
    return document.without(find(document, path))


def _rewritten(text: str, entry: Entry) -> str:
    """Return a line with what differs replaced; blanks stay, and so does what means the same."""
    now = parse_line(text)
    if now is None or now.meanings == entry.meanings:
        return text
    old = _FIELD.findall(text)
    kept = [
        old[place] if place < len(old) and was == wanted else field
        for place, (field, was, wanted) in enumerate(zip(entry.fields, now.meanings, entry.meanings, strict=True))
    ]
    blanks = _FIELD.split(text)
    return _joined([*kept[: _needed(entry, len(old))], *old[_FIELDS:]], blanks)


def _needed(entry: Entry, there: int) -> int:
    """Return how many fields a line is to have: the last two may be left out where they are zero."""
    least = _FIELDS if entry.passno else _FIELDS - 1 if entry.dump else _FIELDS - 2
    return max(least, min(there, _FIELDS))


def _joined(fields: Sequence[str], blanks: Sequence[str]) -> str:
    between = [*blanks[1:-1], *[" "] * len(fields)]
    parts = [part for pair in zip(fields, between, strict=False) for part in pair]
    return blanks[0] + "".join(parts[:-1]) + blanks[-1]
