# SPDX-License-Identifier: GPL-3.0-or-later
"""What a shell answers, cut into tokens and turned into the values that the helper would have sent."""

from __future__ import annotations

import hashlib
import re
import stat as modes
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from jetpack_core.connections.codec import failure, text
from jetpack_core.connections.remote.helper.commands import OUTPUT_LIMIT
from jetpack_core.connections.remote.helper.holding import TAKEN
from jetpack_core.connections.shell_script import subject
from jetpack_core.contracts import operations as ops
from jetpack_core.errors import JetpackError, OperationCode, OperationError
from jetpack_core.records import CommandResult, FileKind, FileStat

if TYPE_CHECKING:
    from jetpack_core.contracts.operations import Operation

_KINDS = {modes.S_IFREG: FileKind.FILE, modes.S_IFDIR: FileKind.DIRECTORY, modes.S_IFLNK: FileKind.SYMLINK}


@dataclass(frozen=True, slots=True)
class Token:
    """A line of the shell that holds the nonce, and the bytes before it."""

    before: bytes
    tag: bytes
    words: bytes


class Tokens:
    """Cut what a shell prints at the lines that only it can know."""

    def __init__(self, nonce: str) -> None:
        self.nonce = nonce
        self._mark = re.compile(rb"\n([-=~][-=,.ox])" + nonce.encode("ascii") + rb" ([^\n]*)\n")
        self._longest = len(nonce) + 4096
        self._buffer = bytearray()
        self._from = 0

    def feed(self, data: bytes) -> None:
        """Add what came."""
        self._buffer += data

    def ends(self, nonce: str, size: int) -> bool:
        """Tell whether another shell ended a frame in the last `size` bytes."""
        mark = b"\n==%s " % nonce.encode("ascii")
        return self._buffer.find(mark, max(0, len(self._buffer) - size - len(mark))) >= 0

    def next(self) -> Token | None:
        """Return the next token, or None while it is not complete."""
        found = self._mark.search(self._buffer, self._from)
        if found is None:
            self._from = max(0, len(self._buffer) - self._longest)
            return None
        token = Token(bytes(self._buffer[: found.start()]), found[1], found[2])
        del self._buffer[: found.end()]
        self._from = 0
        return token

    def peek(self) -> bytes:
        """Return what came since the last token."""
        return bytes(self._buffer)

    def clear(self) -> None:
        """Forget what came since the last token."""
        self._buffer.clear()
        self._from = 0

    def spill(self) -> bytes:
        """Return bytes that are before the next token for certain."""
        safe = max(0, len(self._buffer) - self._longest)
        data = bytes(self._buffer[:safe])
        del self._buffer[:safe]
        self._from = max(0, self._from - safe)
        return data


def failed(operation: Operation[object], number: str, words: str) -> JetpackError:
    """Return the error that the shell says: a code and details, about the operation's subject of that number."""
    code, _, detail = words.partition(" ")
    name = subject(operation, number)
    if isinstance(operation, ops.Run):
        if code == "TIMEOUT":
            detail = f"still running after {operation.timeout:g} s"
        elif detail == "d":
            name = operation.cwd or name
        elif isinstance(operation, ops.RunFile) and detail != "p":
            name = operation.source.name
        detail = "" if detail in {"d", "p"} else detail
    if code == "TAKEN":
        return failure("OTHER", detail, TAKEN)
    if code == "NO_SUCH_ACCOUNT":
        name = detail or name
        detail = ""
    return failure(code, name, detail)


def value(  # noqa: PLR0911 - one line a kind
    operation: Operation[object], data: bytes, extra: bytes, rc: str
) -> object:
    """Return an operation's value from what was printed; raises OperationError, and ValueError on nonsense."""
    match operation:
        case ops.Run():
            return _result(operation, extra, data, rc)
        case ops.Stat():
            return _examined(operation, data)
        case ops.Read():
            if len(data) > operation.limit:
                detail = f"larger than {operation.limit} bytes"
                raise OperationError(OperationCode.TOO_LARGE, operation.path, detail)
            return data
        case ops.TempDirectory() | ops.Hold():
            return text(data).strip()
        case ops.SetAttributes() | ops.Remove() | ops.Rename():
            return None
        case ops.Write():
            state = described(operation.path, data)
            return replace(state, checksum=hashlib.sha256(operation.content).hexdigest())
        case ops.Copy():
            return described(operation.destination, data)
    return described(str(getattr(operation, "path", "")), data)


def _result(operation: ops.Run, out: bytes, err: bytes, rc: str) -> CommandResult:
    for name, data in (("stdout", out), ("stderr", err)):
        if len(data) > OUTPUT_LIMIT:
            detail = f"wrote more than {OUTPUT_LIMIT >> 20} MiB to {name}"
            raise OperationError(OperationCode.TOO_LARGE, operation.argv[0], detail)
    return CommandResult(operation.argv, int(rc), text(out), text(err))


def described(path: str, data: bytes) -> FileStat:
    """Return the state of a path from its line, the line of its checksum or kind, and its link's target."""
    line, _, rest = data.partition(b"\n")
    mark, _, tail = rest.partition(b"\n")
    state = fields(path, line)
    return replace(state, target=text(tail)) if mark == b"l" else state


def fields(path: str, line: bytes) -> FileStat:
    """Return the state of a path from the line that `stat` prints."""
    raw, uid, gid, size, mtime, owner, group = text(line).split(" ")[:7]
    mode = int(raw, 16)
    kind = _KINDS.get(modes.S_IFMT(mode), FileKind.OTHER)
    return FileStat(
        path=path,
        kind=kind,
        mode=modes.S_IMODE(mode),
        uid=int(uid),
        gid=int(gid),
        owner=uid if owner == "UNKNOWN" else owner,
        group=gid if group == "UNKNOWN" else group,
        size=int(size),
        mtime=int(mtime),
    )


def _examined(operation: ops.Stat, data: bytes) -> FileStat:
    if data.strip() in {b"-", b""}:
        return FileStat(operation.path)
    line, _, rest = data.partition(b"\n")
    mark, _, tail = rest.partition(b"\n")
    state = fields(operation.path, line)
    if mark == b"l":
        return replace(state, target=text(tail))
    if operation.checksum and state.is_file:
        state = replace(state, checksum=checksum(mark))
    if operation.content and state.is_file and len(tail) <= operation.content:
        state = replace(state, content=tail, size=len(tail))
    return state


def checksum(line: bytes) -> str:
    """Return the checksum that sha256sum printed; raises ValueError."""
    found = line.strip().lstrip(b"\\")[:64].decode("ascii")
    if not re.fullmatch(r"[0-9a-f]{64}", found):
        raise ValueError("sha256sum printed no checksum")
    return found


def listing(path: str, data: bytes, nonce: str) -> tuple[FileStat, ...]:
    """Return the entries that `jlist` printed, sorted by path."""
    mark = f"<{nonce}>".encode("ascii")
    found: dict[bytes, FileStat] = {}
    parts = iter(data.split(mark)[1:])
    for part in parts:
        if part[:1] in {b"l", b"s"} and part[1:3] == b"./":
            answer = next(parts).removesuffix(b"\n")
            change: Callable[[FileStat], FileStat] = _link(answer) if part[:1] == b"l" else _sum(answer)
            if part[1:] in found:
                found[part[1:]] = change(found[part[1:]])
            continue
        words = part.removesuffix(b"\n").split(b" ", 7)
        found[words[7]] = fields(f"{path.rstrip('/')}/{text(words[7][2:])}", part)
    return tuple(sorted(found.values(), key=lambda state: state.path))


def _link(answer: bytes) -> Callable[[FileStat], FileStat]:
    return lambda state: replace(state, target=text(answer))


def _sum(answer: bytes) -> Callable[[FileStat], FileStat]:
    return lambda state: replace(state, checksum=checksum(answer))
