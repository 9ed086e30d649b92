# SPDX-License-Identifier: GPL-3.0-or-later
"""What can be asked of a host: one small record per operation, awaitable from a module.

A module writes `state = await host.stat("/etc/motd")`. The method returns a `Stat` record, awaiting it hands the
record to the engine, which sends it, together with whatever else the host is to be asked, as one frame over the
connection. Nothing here does any work, so a connection, a module and a test kit share these words and no code.

Every path is absolute, and every argument is passed as it is: no operation interprets `~`, globs or variables.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Generic, TypeVar, cast

from jetpack_core.contracts.sources import SourceState
from jetpack_core.records import CommandResult, FileStat

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Step(Generic[T_co]):
    """Anything a module may await; awaiting it asks the engine and returns the answer."""

    __slots__ = ()

    def __await__(self) -> Generator[Step[object], object, T_co]:
        return cast("T_co", (yield self))


class Operation(Step[T_co]):
    """A step that a connection carries out on the host.

    `changing` operations MUST stop a frame when they fail, and commands when they end other than their `good` says;
    the others MUST NOT.
    """

    __slots__ = ()
    changing: ClassVar[bool] = False


@dataclass(frozen=True, slots=True)
class Run(Operation[CommandResult]):
    """Run a command without a shell; its exit code is a result, never an error.

    Raises OperationError NOT_FOUND (no such program, or no such `cwd`), PERMISSION, or TIMEOUT (the command and all it
    started are killed). The environment is the login's, with `env` added; the locale is C.UTF-8 unless `env` says
    otherwise. Standard input is empty unless given.
    """

    changing: ClassVar[bool] = True
    argv: tuple[str, ...]
    stdin: bytes = b""
    env: Mapping[str, str] = field(default_factory=dict)
    cwd: str | None = None
    timeout: float | None = None
    """Seconds."""
    read_only: bool = False
    """The author's word that the command changes nothing, so that it may run in plan mode."""
    listen: OutputCallback | None = field(default=None, compare=False, repr=False)
    """Is handed what the command prints, as it comes; it must not block."""
    good: tuple[int, ...] | None = None
    """Exit codes after which the frame goes on, None for all; a frame that stops has the result all the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFile(Run):
    """Run a file of the control machine: it goes to a private directory that is removed again, however it ends.

    The word of `argv` at `place` is the file's name, which is its path there when it runs; the result has the words as
    they are given. Raises what `Run` and `Put` do.
    """

    source: Path
    place: int = 0

    def words(self, path: str) -> tuple[str, ...]:
        """Return the words to run it by, once the file is at a path."""
        return (*self.argv[: self.place], path, *self.argv[self.place + 1 :])


@dataclass(frozen=True, slots=True)
class Stat(Operation[FileStat]):
    """Look at one path; nothing there is an answer (`kind` MISSING), not an error.

    With `follow`, links are resolved and the final target is described. `checksum` adds SHA-256 of a regular file;
    `content` adds its bytes when it is no larger than that many.
    """

    path: str
    follow: bool = False
    checksum: bool = False
    content: int = 0


@dataclass(frozen=True, slots=True)
class List(Operation[tuple[FileStat, ...]]):
    """Describe the direct entries of a directory, sorted by path; links are not followed."""

    path: str


@dataclass(frozen=True, slots=True)
class Walk(Operation[tuple[FileStat, ...]]):
    """Describe everything below a directory (not itself), sorted by path; links are not followed."""

    path: str
    checksum: bool = False


@dataclass(frozen=True, slots=True)
class Read(Operation[bytes]):
    """Return a file's bytes; raises TOO_LARGE rather than return part of a file over `limit` bytes."""

    path: str
    limit: int = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Write(Operation[FileStat]):
    """Put a file in place atomically, by a private file in the same directory and a rename.

    What is not given is kept from the file that is there; a new file is 0o644 and belongs to the acting user. A link at
    `path` is replaced, unless `follow`, when the file it points to is. Raises STALE when `expect` is given
    and the path differs from it; on any error the path is as it was.
    """

    changing: ClassVar[bool] = True
    path: str
    content: bytes
    mode: int | None = None
    owner: str | None = None
    group: str | None = None
    follow: bool = False
    expect: FileStat | None = None


@dataclass(frozen=True, slots=True)
class Put(Operation[FileStat]):
    """Like `Write`, streamed from a regular file of the control machine in constant memory.

    Raises SourceChangedError when the file changes meanwhile.
    """

    changing: ClassVar[bool] = True
    source: Path
    path: str
    mode: int | None = None
    owner: str | None = None
    group: str | None = None
    follow: bool = False
    expect: FileStat | None = None
    seen: SourceState | None = None
    """What the source must still be when it is opened, else StaleError is raised; None takes what is there then."""


@dataclass(frozen=True, slots=True)
class Get(Operation[FileStat]):
    """Stream a file of the host into `destination` on the control machine, atomically; its checksum is returned."""

    path: str
    destination: Path


@dataclass(frozen=True, slots=True)
class SetAttributes(Operation[None]):
    """Set mode, owner and group of paths, in order; None leaves one as it is.

    Links are changed, not followed, unless `follow`; the mode of a link is left alone. `expect` is only for a single
    path.
    """

    changing: ClassVar[bool] = True
    paths: tuple[str, ...]
    mode: int | None = None
    owner: str | None = None
    group: str | None = None
    follow: bool = False
    expect: FileStat | None = None


@dataclass(frozen=True, slots=True)
class MakeDirectory(Operation[FileStat]):
    """Make a directory (0o755 unless said); with `parents`, what is missing above it as well (0o755).

    Raises EXISTS when anything is there already, a directory included.
    """

    changing: ClassVar[bool] = True
    path: str
    mode: int | None = None
    owner: str | None = None
    group: str | None = None
    parents: bool = False


@dataclass(frozen=True, slots=True)
class Remove(Operation[None]):
    """Remove a path; nothing there is fine. A directory that is not empty needs `recursive`.

    Links are removed, never followed. Raises STALE as `Write` does.
    """

    changing: ClassVar[bool] = True
    path: str
    recursive: bool = False
    expect: FileStat | None = None


@dataclass(frozen=True, slots=True)
class Rename(Operation[None]):
    """Rename within one file system; raises EXISTS when `destination` is there, unless `replace`.

    Never moves *into* a directory: `destination` is the final name. Raises OTHER across file systems.
    """

    changing: ClassVar[bool] = True
    source: str
    destination: str
    replace: bool = False
    expect: FileStat | None = None
    """What `source` must still be."""


@dataclass(frozen=True, slots=True)
class Copy(Operation[FileStat]):
    """Copy a regular file on the host, atomically, with its mode, owner, group and mtime where permitted."""

    changing: ClassVar[bool] = True
    source: str
    destination: str
    replace: bool = False


@dataclass(frozen=True, slots=True)
class Link(Operation[FileStat]):
    """Make a symbolic link (or, with `hard`, a hard one) at `path`; `replace` swaps a link or file atomically.

    A directory at `path` is never replaced (IS_A_DIRECTORY).
    """

    changing: ClassVar[bool] = True
    path: str
    target: str
    hard: bool = False
    replace: bool = False
    expect: FileStat | None = None


@dataclass(frozen=True, slots=True)
class TempDirectory(Operation[str]):
    """Make a private directory (0700) for the acting user; it is removed when the connection closes, at the latest."""

    changing: ClassVar[bool] = True
    prefix: str = "task"


@dataclass(frozen=True, slots=True)
class Hold(Operation[str]):
    """Keep other runs off the host until the connection closes; the engine sends it, in a run's first frame.

    Returns why the host cannot be held, empty where it is. Another connection of the same run is granted it as well.
    Raises HeldError while another run holds the host. Only for connections whose `holds` is true.
    """

    changing: ClassVar[bool] = True
    run: str
    """A name without blanks that no other run has."""
    owner: str
    """One line that tells the holder to those who wait."""


@dataclass(frozen=True, slots=True)
class Gather(Step[tuple[T, ...]], Generic[T]):
    """Several operations at once; they travel together and run in order. The first error is raised.

    Behind a command that ended other than `good` says, the answers are None: nothing was done.
    """

    operations: tuple[Operation[T], ...]


@dataclass(frozen=True, slots=True)
class InThread(Step[T], Generic[T]):
    """Run a blocking function of the control machine in a thread."""

    function: Callable[[], T]


@dataclass(frozen=True, slots=True)
class Sleep(Step[None]):
    """Let some seconds pass; other hosts go on meanwhile."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Barrier(Step[tuple[str, ...]]):
    """Wait until every host of the batch that is still in the run arrives here; returns the play's lost hosts.

    Raises TimeoutError after `timeout` seconds.
    """

    timeout: float


@dataclass(frozen=True, slots=True)
class Reconnect(Step[None]):
    """Drop the connection and open it again, trying for up to `timeout` seconds, every `delay` seconds.

    Raises HostUnreachableError when time is up.
    """

    timeout: float
    delay: float = 1.0


@dataclass(frozen=True, slots=True)
class Become:
    """Another user to act as on a host, and the way to get there."""

    user: str
    template: str
    """With `{{ jet_sudo_user }}` and `{{ jet_command }}` only."""
    password: str | None = field(default=None, repr=False)


OutputCallback = Callable[[str, bytes], None]
"""Called with `stdout` or `stderr` and the bytes, while a command runs; MUST return at once."""


@dataclass(frozen=True, slots=True)
class Request:
    """One operation within a frame, and who it runs as (None: the user who logged in)."""

    operation: Operation[object]
    become: Become | None = None
    on_output: OutputCallback | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer to one request: a value, or an error, or neither when the frame stopped before it."""

    value: object = None
    error: Exception | None = None
    ran: bool = True


def ends_frame(operation: Operation[object], reply: Reply) -> bool:
    """Tell whether a frame ends with a reply: a changing operation failed, or a command ended other than it should."""
    if reply.error is not None or not reply.ran:
        return operation.changing
    good = operation.good if isinstance(operation, Run) else None
    return good is not None and isinstance(reply.value, CommandResult) and reply.value.rc not in good


class HostOperations:
    """The operations as methods; each returns a record to be awaited, or gathered with others."""

    def run(
        self,
        argv: Sequence[str],
        *,
        stdin: bytes = b"",
        env: Mapping[str, str] | None = None,
        cwd: str | None = None,
        timeout: float | None = None,
        read_only: bool = False,
        listen: OutputCallback | None = None,
        good: tuple[int, ...] | None = None,
    ) -> Run:
        """Run a command; see `Run`."""
        return self._admitted(Run(tuple(argv), stdin, dict(env or {}), cwd, timeout, read_only, listen, good))

    def query(self, argv: Sequence[str], *, env: Mapping[str, str] | None = None, stdin: bytes = b"") -> Run:
        """Run a command that only reads, as `plan` may."""
        return self._admitted(Run(tuple(argv), stdin, dict(env or {}), read_only=True))

    def run_file(self, source: Path, command: Run, *, place: int = 0) -> RunFile:
        """Run a file of the control machine by a command of which it is a word; see `RunFile`."""
        how = (command.stdin, command.env, command.cwd, command.timeout, command.read_only)
        return RunFile(command.argv, *how, command.listen, command.good, source=source, place=place)

    def _admitted(self, command: Run) -> Run:
        """Return a command that may run; the engine's host refuses one that would show a secret to other users."""
        return command

    def stat(self, path: str, *, follow: bool = False, checksum: bool = False, content: int = 0) -> Stat:
        """Look at one path; see `Stat`."""
        return Stat(path, follow, checksum, content)

    def list(self, path: str) -> List:
        """Describe the entries of a directory; see `List`."""
        return List(path)

    def walk(self, path: str, *, checksum: bool = False) -> Walk:
        """Describe everything below a directory; see `Walk`."""
        return Walk(path, checksum)

    def read(self, path: str, *, limit: int = 16 * 1024 * 1024) -> Read:
        """Return a file's bytes; see `Read`."""
        return Read(path, limit)

    def write(
        self,
        path: str,
        content: bytes,
        *,
        mode: int | None = None,
        owner: str | None = None,
        group: str | None = None,
        follow: bool = False,
        expect: FileStat | None = None,
    ) -> Write:
        """Put a file in place atomically; see `Write`."""
        return Write(path, content, mode, owner, group, follow, expect)

    def put(
        self,
        source: Path,
        path: str,
        *,
        mode: int | None = None,
        owner: str | None = None,
        group: str | None = None,
        follow: bool = False,
        expect: FileStat | None = None,
        seen: SourceState | None = None,
    ) -> Put:
        """Stream a file to the host; see `Put`."""
        return Put(source, path, mode, owner, group, follow, expect, seen)

    def get(self, path: str, destination: Path) -> Get:
        """Stream a file from the host; see `Get`."""
        return Get(path, destination)

    def set_attributes(
        self,
        *paths: str,
        mode: int | None = None,
        owner: str | None = None,
        group: str | None = None,
        follow: bool = False,
        expect: FileStat | None = None,
    ) -> SetAttributes:
        """Set mode, owner and group; see `SetAttributes`."""
        return SetAttributes(paths, mode, owner, group, follow, expect)

    def make_directory(
        self,
        path: str,
        *,
        mode: int | None = None,
        owner: str | None = None,
        group: str | None = None,
        parents: bool = False,
    ) -> MakeDirectory:
        """Make a directory; see `MakeDirectory`."""
        return MakeDirectory(path, mode, owner, group, parents)

    def remove(self, path: str, *, recursive: bool = False, expect: FileStat | None = None) -> Remove:
        """Remove a path; see `Remove`."""
        return Remove(path, recursive, expect)

    def rename(self, source: str, destination: str, *, replace: bool = False, expect: FileStat | None = None) -> Rename:
        """Rename within one file system; see `Rename`."""
        return Rename(source, destination, replace, expect)

    def copy(self, source: str, destination: str, *, replace: bool = False) -> Copy:
        """Copy a file on the host; see `Copy`."""
        return Copy(source, destination, replace)

    def link(
        self,
        path: str,
        target: str,
        *,
        hard: bool = False,
        replace: bool = False,
        expect: FileStat | None = None,
    ) -> Link:
        """Make a symbolic or hard link; see `Link`."""
        return Link(path, target, hard, replace, expect)

    def temp_directory(self, prefix: str = "task") -> TempDirectory:
        """Make a private temporary directory; see `TempDirectory`."""
        return TempDirectory(prefix)
