# SPDX-License-Identifier: GPL-3.0-or-later
"""Operations to and from what travels to the helper."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from jetpack_core.contracts import operations as ops
from jetpack_core.errors import (
    BecomeError,
    HeldError,
    JetpackError,
    OperationCode,
    OperationError,
    SourceChangedError,
    StaleError,
)
from jetpack_core.records import CommandResult, FileKind, FileStat

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from jetpack_core.contracts.operations import Operation
    from jetpack_core.contracts.sources import SourceState

INLINE_LIMIT: Final = 1 << 20
"""Bytes of content that travel inside a frame; more is streamed."""

CHANGED: Final = "CHANGED"
"""The code of a source that changed while it was sent: ours alone, which the helper only hands back."""

KINDS: Final = {
    "m": FileKind.MISSING,
    "f": FileKind.FILE,
    "d": FileKind.DIRECTORY,
    "l": FileKind.SYMLINK,
    "o": FileKind.OTHER,
}
LETTERS: Final = {kind: letter for letter, kind in KINDS.items()}

Wire = list[Any]


class Bytes:
    """The bytes that accompany a list of requests; each is referred to by offset and length."""

    def __init__(self) -> None:
        self.parts: list[bytes] = []
        self._size = 0

    def add(self, data: bytes) -> list[int]:
        """Add some bytes and return their reference."""
        offset = self._size
        self.parts.append(data)
        self._size += len(data)
        return [offset, len(data)]


def encode(operation: Operation[object], attached: Bytes) -> Wire:
    """Return one request as it travels; raises TypeError for an operation that no helper knows."""
    encoder = _ENCODERS.get(type(operation))
    if encoder is None:
        raise TypeError(f"{type(operation).__name__} is not an operation that a connection carries out")
    return encoder(operation, attached)


class Source(NamedTuple):
    """A file of the control machine to be streamed, and what it must still be."""

    path: Path
    seen: SourceState | None = None


def streamed(operation: Operation[object]) -> Source | bytes | None:
    """Return what is to be streamed to the host for an operation, if anything."""
    if isinstance(operation, ops.Put):
        return Source(operation.source, operation.seen)
    if isinstance(operation, ops.RunFile):
        return Source(operation.source)
    if isinstance(operation, ops.Write) and len(operation.content) > INLINE_LIMIT:
        return operation.content
    return None


def expected(state: FileStat | None) -> Wire | None:
    """Return what a path must still be, as it travels."""
    if state is None:
        return None
    checksum = state.checksum
    if checksum is None and state.content is not None:
        checksum = hashlib.sha256(state.content).hexdigest()
    return [
        LETTERS[state.kind],
        state.mode,
        state.uid,
        state.gid,
        "",
        "",
        state.size,
        state.mtime,
        state.target,
        checksum,
    ]


def _write(op: Any, attached: Bytes) -> Wire:
    rest = [op.path, op.mode, op.owner, op.group, op.follow, expected(op.expect)]
    return ["put", *rest] if streamed(op) is not None else ["write", attached.add(op.content), *rest]


def _put(op: Any, _: Bytes) -> Wire:
    return ["put", op.path, op.mode, op.owner, op.group, op.follow, expected(op.expect)]


def _run(op: Any, attached: Bytes) -> Wire:
    good = None if op.good is None else list(op.good)
    return ["run", good, list(op.argv), attached.add(op.stdin), dict(op.env), op.cwd, op.timeout]


def _run_file(op: Any, attached: Bytes) -> Wire:
    good, *how = _run(op, attached)[1:]
    return ["runfile", good, op.source.name, op.place, *how]


def _attributes(op: Any, _: Bytes) -> Wire:
    return ["attributes", list(op.paths), op.mode, op.owner, op.group, op.follow, expected(op.expect)]


_ENCODERS: Final[dict[type, Callable[[Any, Bytes], Wire]]] = {
    ops.Run: _run,
    ops.RunFile: _run_file,
    ops.Stat: lambda op, _: ["stat", op.path, op.follow, op.checksum, op.content],
    ops.List: lambda op, _: ["list", op.path],
    ops.Walk: lambda op, _: ["walk", op.path, op.checksum],
    ops.Read: lambda op, _: ["read", op.path, op.limit],
    ops.Write: _write,
    ops.Put: _put,
    ops.Get: lambda op, _: ["get", op.path],
    ops.SetAttributes: _attributes,
    ops.MakeDirectory: lambda op, _: ["mkdir", op.path, op.mode, op.owner, op.group, op.parents],
    ops.Remove: lambda op, _: ["remove", op.path, op.recursive, expected(op.expect)],
    ops.Rename: lambda op, _: ["rename", op.source, op.destination, op.replace, expected(op.expect)],
    ops.Copy: lambda op, _: ["copy", op.source, op.destination, op.replace],
    ops.Link: lambda op, _: ["link", op.path, op.target, op.hard, op.replace, expected(op.expect)],
    ops.TempDirectory: lambda op, _: ["temporary", op.prefix],
    ops.Hold: lambda op, _: ["hold", op.run, op.owner],
}


def decode(operation: Operation[object], value: Any, blob: bytes) -> object:  # noqa: PLR0911 - one line a kind
    """Return an operation's value from what came back; raises TypeError, ValueError and the like on nonsense."""
    match operation:
        case ops.Run():
            rc, out, err = value
            return CommandResult(operation.argv, int(rc), text(part(blob, out)), text(part(blob, err)))
        case ops.List() | ops.Walk():
            found = (file_stat(one[0], one[1:], blob) for one in value)
            return tuple(sorted(found, key=lambda stat: stat.path))
        case ops.Read():
            return part(blob, value)
        case ops.TempDirectory() | ops.Hold():
            return str(value)
        case ops.SetAttributes() | ops.Remove() | ops.Rename():
            return None
        case ops.Write():
            return replace(
                file_stat(operation.path, value, b""), checksum=hashlib.sha256(operation.content).hexdigest()
            )
        case ops.Copy():
            return file_stat(operation.destination, value, b"")
        case ops.Stat() | ops.Put() | ops.Get() | ops.MakeDirectory() | ops.Link():
            return file_stat(operation.path, value, blob)
    raise TypeError(f"no answer is known for {type(operation).__name__}")


def file_stat(path: str, value: Sequence[Any], blob: bytes) -> FileStat:
    """Return the state of a path from what came back."""
    kind, mode, uid, gid, owner, group, size, mtime, target, checksum, content = value
    return FileStat(
        path=str(path),
        kind=KINDS[kind],
        mode=int(mode),
        uid=int(uid),
        gid=int(gid),
        owner=str(owner),
        group=str(group),
        size=int(size),
        mtime=int(mtime),
        target=None if target is None else str(target),
        checksum=None if checksum is None else str(checksum),
        content=None if content is None else part(blob, content),
    )


def part(blob: bytes, reference: Sequence[int]) -> bytes:
    """Return the bytes that a reference stands for; raises ValueError when they did not come."""
    offset, length = reference
    data = blob[offset : offset + length]
    if len(data) != length:
        raise ValueError("bytes are missing")
    return data


def text(data: bytes) -> str:
    """Return a command's output as text that loses nothing."""
    return data.decode("utf-8", "surrogateescape")


def _become_hint(detail: str) -> str:
    # sudo -n says "required"; our own words for other programs are "needed".
    if detail.rstrip(".").endswith(("password is needed", "password is required")):
        return "give the password by --ask-sudo-password, or allow it without one in sudoers"
    if "must have a tty" in detail:
        return "sudoers demands a terminal: remove `requiretty` with visudo, or add `Defaults:LOGIN_USER !requiretty`"
    return "try the password by hand" if "was not accepted" in detail else ""


def told(error: OSError | OperationError) -> tuple[str, str, str]:
    """Return the code, subject and detail of why a source cannot be sent; see `failure`."""
    if isinstance(error, OperationError):
        code = CHANGED if isinstance(error, SourceChangedError) else error.code.name
        return code, error.subject, error.detail
    return "OTHER", str(error.filename or "source"), f"cannot be read on the control machine: {error.strerror}"


def failure(code: str, subject: str, detail: str) -> JetpackError:
    """Return the error that a failed request stands for."""
    if code == "BECOME":
        return BecomeError(f"cannot become {subject}: {detail}", hint=_become_hint(detail))
    if code == "STALE":
        return StaleError(subject, detail)
    if code == CHANGED:
        return SourceChangedError(subject)
    if code == "HELD":
        path, owner, line = [*detail.split(" ", 2), "", ""][:3]
        return HeldError(path, owner, line)
    return OperationError(OperationCode[code], subject, detail)
