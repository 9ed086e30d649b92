# SPDX-License-Identifier: GPL-3.0-or-later
"""What a file is to hold, and how that differs from what it holds."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from jetpack_core.contracts.host import Host
from jetpack_core.errors import TaskError, UnknownValueError
from jetpack_core.records import Change, FileStat, TextDiff

DIFF_LIMIT: Final = 256 * 1024
"""Bytes; a larger file is shown by its checksum."""
_APPLY_DIFF_LIMIT: Final = 16 * 1024
_READ_AT_ONCE: Final = 1024 * 1024
_CHUNK: Final = 256 * 1024
_OWNER_EXECUTES: Final = 0o100


@dataclass(frozen=True, slots=True)
class Payload:
    """The wanted content of a file: in memory, or over DIFF_LIMIT and still in a file of the control machine."""

    size: int
    checksum: str
    content: bytes | None = None
    source: Path | None = None
    executable: bool = False
    """Whether the owner of the source may execute it."""

    @property
    def text(self) -> str | None:
        """Return the content as text, where it is text and small enough to be shown."""
        return None if self.content is None or self.size > DIFF_LIMIT else decoded(self.content)

    @property
    def default_mode(self) -> int:
        """Return the mode of a new file that was given none."""
        return 0o755 if self.executable else 0o644


def payload_of_bytes(content: bytes) -> Payload:
    """Return the payload of content that is in memory already."""
    return Payload(len(content), hashlib.sha256(content).hexdigest(), content)


async def payload_of_file(host: Host, source: Path) -> Payload:
    """Read a file of the control machine. Raises TaskError when it cannot be read.

    A small one is read at once rather than in a thread: that is quicker, and lets the engine plan ahead.
    """
    return read_payload(source) if _is_small(source) else await host.in_thread(lambda: read_payload(source))


def _is_small(source: Path) -> bool:
    try:
        return source.stat().st_size <= _READ_AT_ONCE
    except OSError as error:
        raise unreadable(source, error) from error


def read_payload(source: Path) -> Payload:
    """Read a file of the control machine, holding no more than a little of it. Raises TaskError."""
    try:
        executable = bool(source.stat().st_mode & _OWNER_EXECUTES)
        digest, size, kept = hashlib.sha256(), 0, bytearray()
        for part in _parts(source):
            digest.update(part)
            size += len(part)
            if size <= DIFF_LIMIT:
                kept += part
    except OSError as error:
        raise unreadable(source, error) from error
    content = bytes(kept) if size <= DIFF_LIMIT else None
    return Payload(size, digest.hexdigest(), content, source, executable)


def _parts(source: Path) -> Iterator[bytes]:
    with source.open("rb") as stream:
        while part := stream.read(_CHUNK):
            yield part


def unreadable(source: Path, error: OSError) -> TaskError:
    """Return the error for a file of the control machine that cannot be read."""
    return TaskError(f"the control machine's {source} cannot be read: {(error.strerror or str(error)).lower()}")


def decoded(content: bytes) -> str | None:
    """Return the content as text, or None where it is none."""
    if b"\0" in content:
        return None
    try:
        return content.decode()
    except UnicodeDecodeError:
        return None


def content_limit(host: Host, payload: Payload) -> int:
    """Return up to how many bytes of the host's file are worth asking for, to show the difference.

    Only a plan is read for its differences: there the answer may be large, in a run only small.
    """
    if payload.text is None:
        return 0
    return DIFF_LIMIT if host.planning else _APPLY_DIFF_LIMIT


def fingerprint(checksum: str | None) -> str | None:
    """Return a checksum as it is shown in changes."""
    return None if checksum is None else f"sha256:{checksum}"


def checksum_of(now: FileStat) -> str:
    """Return the checksum of a file that was looked at. Raises UnknownValueError in plan mode where it is open."""
    if now.checksum is not None:
        return now.checksum
    if now.content is not None:
        return hashlib.sha256(now.content).hexdigest()
    message = f"the content of {now.path} is known only once an earlier task has made it"
    raise UnknownValueError(message)


def content_changes(now: FileStat, payload: Payload) -> tuple[Change, ...]:
    """Return how a path's content differs, as a checksum, and the size where that differs."""
    before = checksum_of(now) if now.is_file else None
    if before == payload.checksum:
        return ()
    changes = [Change("content", fingerprint(before), fingerprint(payload.checksum))]
    if before is not None and now.size != payload.size:
        changes.append(Change("size", now.size, payload.size))
    return tuple(changes)


def text_diffs(now: FileStat, payload: Payload) -> tuple[TextDiff, ...]:
    """Return the difference as text, where both sides are text and small."""
    if payload.text is None:
        return ()
    if not now.is_file:
        return (TextDiff(now.path, None, payload.text),)
    before = None if now.content is None else decoded(now.content)
    return () if before is None else (TextDiff(now.path, before, payload.text),)
