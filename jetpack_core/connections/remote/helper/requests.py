# SPDX-License-Identifier: GPL-3.0-or-later
"""From requests on the wire to operations: one table, used on hosts and for the local connection. Python 3.6."""

from jetpack_core.connections.remote.helper import changes, files
from jetpack_core.connections.remote.helper.failures import Fail, from_os_error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator  # noqa: F401 - in type comments
    from typing import Any


class Work:
    """What an operation may use while it runs; the helper and the local connection each have their own."""

    def __init__(self) -> None:
        self.accounts = files.Accounts()

    def tick(self) -> None:
        """Let cancellation and keepalive through; called between the steps of long operations."""

    def part(self, reference: "list[int]") -> bytes:
        """Return the bytes that came with the frame, by offset and length."""
        raise NotImplementedError

    def incoming(self, index: int) -> "Iterator[bytes]":
        """Yield the bytes that are streamed for a request."""
        raise NotImplementedError

    def outgoing(self, index: int, data: bytes) -> None:
        """Send bytes of a file that is streamed to the control side."""
        raise NotImplementedError

    def attach(self, data: bytes) -> "list[int]":
        """Add bytes to the replies and return their reference."""
        raise NotImplementedError

    def temporary(self, prefix: str) -> str:
        """Make a temporary directory."""
        raise NotImplementedError

    def hold(self, run: str, owner: str) -> str:
        """Hold the host for a run."""
        raise NotImplementedError

    def run(self, index: int, *arguments: object) -> object:
        """Run a command."""
        raise NotImplementedError


def _stat(work: Work, _: int, path: str, follow: bool, checksum: bool, content: int) -> object:
    described, data = files.examine(work.accounts, path, follow, checksum, content, work.tick)
    if data is not None:
        described[10] = work.attach(data)
    return described


def _list(work: Work, _: int, path: str) -> object:
    return files.entries(work.accounts, path)


def _walk(work: Work, _: int, path: str, checksum: bool) -> object:
    return files.walk(work.accounts, path, checksum, work.tick)


def _read(work: Work, _: int, path: str, limit: int) -> object:
    return work.attach(files.read(path, limit))


def _write(work: Work, _: int, content: "list[int]", *rest: "Any") -> object:
    return changes.write(work.accounts, rest[0], [work.part(content)], *rest[1:], work.tick)  # type: ignore[call-arg]


def _put(work: Work, index: int, *rest: "Any") -> object:
    return changes.write(work.accounts, rest[0], work.incoming(index), *rest[1:], work.tick)  # type: ignore[call-arg]


def _get(work: Work, index: int, path: str) -> object:
    import hashlib

    parts = files.stream(path, work.accounts)
    described = next(parts)
    total, size = hashlib.sha256(), 0
    for part in parts:
        total.update(part)  # type: ignore[arg-type]
        size += len(part)  # type: ignore[arg-type]
        work.outgoing(index, part)  # type: ignore[arg-type]
        work.tick()
    described[6], described[9] = size, total.hexdigest()  # type: ignore[index]
    return described


def _attributes(work: Work, _: int, *rest: "Any") -> None:
    changes.set_attributes(work.accounts, *rest)


def _mkdir(work: Work, _: int, *rest: "Any") -> object:
    return changes.make_directory(work.accounts, *rest)


def _remove(work: Work, _: int, path: str, recursive: bool, expect: "list[object] | None") -> None:
    changes.remove(path, recursive, expect, work.tick)


def _rename(_: Work, __: int, *rest: "Any") -> None:
    changes.rename(*rest)


def _copy(work: Work, _: int, source: str, destination: str, replace: bool) -> object:
    return changes.copy(work.accounts, source, destination, replace, work.tick)


def _link(work: Work, _: int, *rest: "Any") -> object:
    return changes.link(work.accounts, *rest)


def _temporary(work: Work, _: int, prefix: str) -> object:
    return work.temporary(prefix)


def _hold(work: Work, _: int, run: str, owner: str) -> object:
    return work.hold(run, owner)


def _run(work: Work, index: int, *rest: "Any") -> object:
    try:
        return work.run(index, *rest)
    finally:
        # The command may have made or renamed accounts.
        work.accounts.forget()


def _run_file(work: Work, index: int, name: str, place: int, words: "list[str]", *rest: "Any") -> object:
    import os

    from jetpack_core.connections.remote.helper import temporary

    directory = work.temporary("script")
    try:
        path = os.path.join(directory, name)
        changes.write(work.accounts, path, work.incoming(index), 0o700, None, None, False, None, work.tick)
        return _run(work, index, words[:place] + [path] + words[place + 1 :], *rest)
    finally:
        # What cannot be removed now is tried again when the connection closes, and by the next run.
        temporary.remove_quietly(files.to_bytes(directory))


READING = {
    "stat": _stat,
    "list": _list,
    "walk": _walk,
    "read": _read,
    "get": _get,
}  # type: dict[str, Callable[..., object]]
CHANGING = {
    "run": _run,
    "runfile": _run_file,
    "write": _write,
    "put": _put,
    "attributes": _attributes,
    "mkdir": _mkdir,
    "remove": _remove,
    "rename": _rename,
    "copy": _copy,
    "link": _link,
    "temporary": _temporary,
    "hold": _hold,
}  # type: dict[str, Callable[..., object]]
RUNNING = ("run", "runfile")
"""What has an exit code, and is told first after which of them the frame goes on."""

_OPERATIONS = {}  # type: dict[str, Callable[..., object]]
_OPERATIONS.update(READING)
_OPERATIONS.update(CHANGING)


def carry_out(work: Work, index: int, request: "list[Any]") -> "tuple[list[object], bool]":
    """Carry out one request; return its reply, and whether the frame goes on.

    A reply is [1, value] or [0, code, subject, detail].
    """
    name = request[0]
    operation = _OPERATIONS.get(name)
    try:
        if operation is None:
            raise Fail("OTHER", str(name), "the helper knows no such operation")
        if name not in RUNNING:
            return [1, operation(work, index, *request[1:])], True
        good = request[1]
        value = operation(work, index, *request[2:])  # type: Any
        return [1, value], good is None or value[0] in good
    except Fail as fail:
        return [0, fail.code, fail.subject, fail.detail], name in READING
    except OSError as error:
        # One that no operation foresaw fails its own request, not the host.
        path = error.filename
        failed = from_os_error(error, files.to_text(path) if isinstance(path, bytes) else str(path or name))
        return [0, failed.code, failed.subject, failed.detail], name in READING
    except (ValueError, TypeError, OverflowError, MemoryError, RecursionError) as error:
        detail = "{}: {}".format(type(error).__name__, error)
        return [0, "OTHER", str(name), detail], name in READING
