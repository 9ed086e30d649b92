# SPDX-License-Identifier: GPL-3.0-or-later
"""What a file is to hold, and how that differs from what it holds."""

from __future__ import annotations

import hashlib
import stat
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Final, NamedTuple

from jetpack_core.contracts.host import Host
from jetpack_core.contracts.sources import NO_FILE, SourceFile, SourceState
from jetpack_core.errors import SourceChangedError, TaskError, UnknownValueError
from jetpack_core.records import Change, FileStat, TextDiff

DIFF_LIMIT: Final = 256 * 1024
"""Bytes; a larger file is shown by its checksum."""
_APPLY_DIFF_LIMIT: Final = 16 * 1024
_READ_AT_ONCE: Final = 1024 * 1024
_CHUNK: Final = 256 * 1024
_OWNER_EXECUTES: Final = 0o100
_TICK: Final = 100_000_000
"""Nanoseconds in which the times that files are given move on at the latest; Linux takes 10 ms."""
_COARSE_TICK: Final = 2_000_000_000
"""The same where they are whole seconds."""


@dataclass(frozen=True, slots=True)
class Payload:
    """The wanted content of a file: in memory, or over DIFF_LIMIT and still in a file of the control machine."""

    size: int
    checksum: str
    content: bytes | None = None
    source: Path | None = None
    seen: SourceState | None = None
    """What the source was when it was read."""
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
    version = _version(source)
    if version.state.size <= _READ_AT_ONCE:
        return _read(source, version)
    return await host.in_thread(lambda: _read(source, version))


def read_payload(source: Path) -> Payload:
    """Read a file of the control machine, holding no more than a little of it. Raises TaskError."""
    return _read(source, _version(source))


def payload_in_folder(source: Path) -> Payload:
    """Read a file of a folder, whose content as a whole does not belong in memory. Raises TaskError."""
    version = _version(source)
    try:
        return (_described if version.settled else _described.__wrapped__)(source, version)
    except OSError as error:
        raise unreadable(source, error) from error


class _Version(NamedTuple):
    """What differs once a file has been changed."""

    state: SourceState
    changed: int
    """In nanoseconds: for what is remembered, any change counts, also one with the file's time set back."""
    executable: bool

    @property
    def settled(self) -> bool:
        """Whether the clock of the file system has gone on since, so that another change would be seen."""
        return time.time_ns() - self.changed > (_TICK if self.changed % 10**9 else _COARSE_TICK)


def _version(source: Path) -> _Version:
    try:
        state = source.stat()
    except OSError as error:
        raise unreadable(source, error) from error
    if not stat.S_ISREG(state.st_mode) and not stat.S_ISDIR(state.st_mode):
        raise TaskError(f"the control machine's {source} {NO_FILE}")
    return _Version(SourceState.of(state), state.st_ctime_ns, bool(state.st_mode & _OWNER_EXECUTES))


def _read(source: Path, version: _Version) -> Payload:
    try:
        return (_payload if version.settled else _payload.__wrapped__)(source, version)
    except OSError as error:
        raise unreadable(source, error) from error


@lru_cache(maxsize=32)
def _payload(source: Path, version: _Version) -> Payload:
    """Read a file that all hosts of a task are likely to take."""
    digest, size, kept = hashlib.sha256(), 0, bytearray()
    for part in _parts(source, version):
        digest.update(part)
        size += len(part)
        if size <= DIFF_LIMIT:
            kept += part
    content = bytes(kept) if size <= DIFF_LIMIT else None
    return Payload(size, digest.hexdigest(), content, source, version.state, version.executable)


@lru_cache(maxsize=4096)
def _described(source: Path, version: _Version) -> Payload:
    return replace(_payload.__wrapped__(source, version), content=None)


def _parts(source: Path, version: _Version) -> Iterator[bytes]:
    with SourceFile(source, doing="read") as file:
        if not version.state.same(file.state):
            raise SourceChangedError(str(source), "read")
        while part := file.read(_CHUNK):
            yield part
        file.check()


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
