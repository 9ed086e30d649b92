# SPDX-License-Identifier: GPL-3.0-or-later
"""Immutable records that every layer speaks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Final


@dataclass(frozen=True, slots=True)
class Position:
    """A place in a content file; line and column count from 1."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


class Status(StrEnum):
    """What became of a task, or of one of its items, on one host."""

    MATCHED = "matched"
    CREATED = "created"
    MODIFIED = "modified"
    REMOVED = "removed"
    EXECUTED = "executed"
    PASSIVE = "passive"
    SKIPPED = "skipped"
    FAILED = "failed"
    IGNORED = "ignored"
    UNREACHABLE = "unreachable"
    UNKNOWN = "unknown"

    @property
    def changed(self) -> bool:
        """Tell whether the host was (or in plan mode would be) changed."""
        return self in _CHANGED

    @property
    def ended_badly(self) -> bool:
        """Tell whether the host leaves the run with this status."""
        return self in {Status.FAILED, Status.UNREACHABLE}


_CHANGED: Final = frozenset({Status.CREATED, Status.MODIFIED, Status.REMOVED, Status.EXECUTED})


class PlanKind(StrEnum):
    """What a module would do to bring a host to the desired state."""

    NONE = "none"
    CREATE = "create"
    MODIFY = "modify"
    REMOVE = "remove"
    EXECUTE = "execute"
    PASSIVE = "passive"

    @property
    def status(self) -> Status:
        """Return the status of a task whose plan of this kind was applied."""
        return _STATUS_OF_KIND[self]


_STATUS_OF_KIND: Final = {
    PlanKind.NONE: Status.MATCHED,
    PlanKind.CREATE: Status.CREATED,
    PlanKind.MODIFY: Status.MODIFIED,
    PlanKind.REMOVE: Status.REMOVED,
    PlanKind.EXECUTE: Status.EXECUTED,
    PlanKind.PASSIVE: Status.PASSIVE,
}


class FileKind(StrEnum):
    """The type of a directory entry."""

    MISSING = "missing"
    FILE = "file"
    DIRECTORY = "directory"
    SYMLINK = "symlink"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class FileStat:
    """The state of one path on a host; `kind` is MISSING when nothing is there."""

    path: str
    kind: FileKind = FileKind.MISSING
    mode: int = 0
    """Permission bits, setuid, setgid and sticky included (0 to 0o7777)."""
    uid: int = -1
    gid: int = -1
    owner: str = ""
    """User name, or the uid as text when the host knows no name for it."""
    group: str = ""
    size: int = 0
    """Bytes."""
    mtime: int = 0
    """Seconds since the epoch."""
    target: str | None = None
    """Where a symbolic link points, as written in it."""
    checksum: str | None = None
    """SHA-256 in hex, when it was asked for and the path is a regular file."""
    content: bytes | None = None
    """The file's bytes, when asked for and not larger than the limit asked for."""

    @property
    def exists(self) -> bool:
        """Tell whether anything is at the path (a dangling link counts)."""
        return self.kind is not FileKind.MISSING

    @property
    def is_file(self) -> bool:
        """Tell whether a regular file is at the path."""
        return self.kind is FileKind.FILE

    @property
    def is_directory(self) -> bool:
        """Tell whether a directory is at the path."""
        return self.kind is FileKind.DIRECTORY


@dataclass(frozen=True, slots=True)
class CommandResult:
    """How a command on a host ended; text is UTF-8 with surrogate escapes, so nothing is lost."""

    argv: tuple[str, ...]
    rc: int
    stdout: str = ""
    stderr: str = ""

    @property
    def ok(self) -> bool:
        """Tell whether the command exited with 0."""
        return self.rc == 0


@dataclass(frozen=True, slots=True)
class Change:
    """One field that differs between what is and what is wanted."""

    field: str
    before: object = None
    after: object = None


@dataclass(frozen=True, slots=True)
class TextDiff:
    """The text of one file before and after; `None` stands for "no such file"."""

    path: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a module reports after it acted, or from `plan` when it is passive.

    `changed` is None where the plan's kind says it all. A module that decides for itself, such as
    a command with `changed_when`, sets it. `result` is what `save` stores and conditions see.
    """

    result: Mapping[str, object] = field(default_factory=dict)
    msg: str = ""
    rc: int | None = None
    stdout: str = ""
    stderr: str = ""
    changed: bool | None = None
    failed: bool = False
    command: tuple[str, ...] = ()
    """The command's argv, shown when it fails."""
    warnings: tuple[str, ...] = ()
    variables: Mapping[str, object] = field(default_factory=dict)
    """Variables to set besides, by name: those that the parameters in `Module.names_variables` name."""


_NOTHING_TO_TELL: Final = Outcome(result=MappingProxyType({}), variables=MappingProxyType({}))
"""Shared by all plans that say nothing beyond their kind: most of those that find nothing to do."""


@dataclass(frozen=True, slots=True)
class PathEffect:
    """In plan mode: what a path will be once the plan is applied; later plans read it from here.

    A `state` with a kind but without content means "a file whose content is not known yet". `tree` says that
    the paths below change as well, in ways not listed. `known` is False where only a run can tell what will be at the
    path and below, as at a mount point; of `state`, only the path counts then.
    """

    state: FileStat
    tree: bool = False
    known: bool = True


@dataclass(frozen=True, slots=True)
class AccountEffect:
    """In plan mode: a user or group that the plan makes, removes or changes."""

    kind: str
    """`user` or `group`."""
    name: str
    present: bool | None = True
    """Whether it will exist once the plan is applied; None where only a run can tell."""
    home: str = ""
    """The home of a user, where it is known."""


@dataclass(frozen=True, slots=True)
class PackageEffect:
    """In plan mode: what a package of one package manager will be once the plan is applied."""

    manager: str
    """What keeps the packages, such as `apt`, `rpm`, or `pip` with its environment."""
    name: str
    version: str | None
    """None where it will be gone; empty where it will be there in a version that is not known yet."""


Effect = PathEffect | AccountEffect | PackageEffect


@dataclass(frozen=True, slots=True)
class Plan:
    """What a module found and would do; made by `Module.plan`, carried out by `Module.apply`.

    `data` is the module's own: whatever `apply` needs of what `plan` saw (`expect` states among them).
    """

    kind: PlanKind
    changes: tuple[Change, ...] = ()
    diffs: tuple[TextDiff, ...] = ()
    effects: tuple[Effect, ...] = ()
    outcome: Outcome = _NOTHING_TO_TELL
    """The result of a passive plan, or what is known before applying (rc is never known)."""
    data: object = None
    read_only: bool = False
    """An EXECUTE plan that may be applied in plan mode as well, because it only reads."""

    @property
    def needed(self) -> bool:
        """Tell whether there is anything to apply."""
        return self.kind not in {PlanKind.NONE, PlanKind.PASSIVE}
