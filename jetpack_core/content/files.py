# SPDX-License-Identifier: GPL-3.0-or-later
"""Read content files, with one clear error for whatever is no text."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from jetpack_core.records import Position

if TYPE_CHECKING:
    from jetpack_core.content.problems import Problems

SIZE_LIMIT: Final = 16 * 1024 * 1024
"""The largest content file, in bytes."""


def shown(path: Path) -> str:
    """Return a path as messages show it: as the user gave it, relative to the current folder where it is inside."""
    if not path.is_absolute():
        return str(path)
    try:
        return str(path.relative_to(Path.cwd()))
    except (ValueError, OSError):
        return str(path)


def top(path: Path) -> Position:
    """Return the first place in a file, for what concerns all of it."""
    return Position(shown(path), 1, 1)


def read_bytes(path: Path, problems: Problems) -> bytes | None:
    """Return a file's content, or None with the problem noted."""
    try:
        with path.open("rb") as file:
            content = file.read(SIZE_LIMIT + 1)
    except IsADirectoryError:
        problems.add(top(path), "is a directory, and a file is needed", code="unreadable-file")
    except FileNotFoundError:
        problems.add(top(path), "there is no such file", code="missing-file")
    except (OSError, ValueError) as error:
        problems.add(top(path), f"cannot be read: {getattr(error, 'strerror', None) or error}", code="unreadable-file")
    else:
        if len(content) <= SIZE_LIMIT:
            return content
        size = f"{os.stat(path).st_size // 1_000_000} MB" if path.is_file() else "more"  # noqa: PTH116
        problems.add(
            top(path), f"is too large: {size}, and the limit is {SIZE_LIMIT // 1_048_576} MiB", code="unreadable-file"
        )
    return None


_OTHER_ENCODINGS: Final = (
    (b"\xff\xfe\0\0", "UTF-32"),
    (b"\0\0\xfe\xff", "UTF-32"),
    (b"\xff\xfe", "UTF-16"),
    (b"\xfe\xff", "UTF-16"),
)


def decode(content: bytes, file: str, problems: Problems) -> str | None:
    """Return the text of a content file, or None with the problem noted."""
    start = Position(file, 1, 1)
    for mark, name in _OTHER_ENCODINGS:
        if content.startswith(mark):
            problems.add(start, f"is written in {name}", "save it as UTF-8", code="unreadable-file")
            return None
    if content.startswith(b"\xef\xbb\xbf"):
        problems.add(start, "begins with a byte order mark", "save it as UTF-8 without BOM", code="unreadable-file")
        return None
    if b"\0" in content:
        problems.add(
            place_in(content, content.index(b"\0"), file),
            "holds a NUL byte, so it is no text file",
            code="unreadable-file",
        )
        return None
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        message = f"the byte 0x{content[error.start]:02x} is not UTF-8"
        problems.add(place_in(content, error.start, file), message, "save the file as UTF-8", code="unreadable-file")
        return None


def place_in(content: bytes, offset: int, file: str) -> Position:
    """Return the line and column of a byte of a file."""
    line_start = content.rfind(b"\n", 0, offset) + 1
    column = len(content[line_start:offset].decode("utf-8", "replace")) + 1
    return Position(file, content.count(b"\n", 0, offset) + 1, column)


@contextmanager
def paused_collection() -> Iterator[None]:
    """Keep the garbage collector out while many objects are made that all stay: it takes most of the time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
