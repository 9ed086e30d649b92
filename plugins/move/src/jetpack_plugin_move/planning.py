# SPDX-License-Identifier: GPL-3.0-or-later
"""What is to be moved, found by looking only."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, cast

from jetpack_core.contracts.attributes import Attributes, differences, new_state, seen, with_attributes
from jetpack_core.contracts.host import Host
from jetpack_core.contracts.operations import Operation
from jetpack_core.contracts.paths import explained, is_vital, noun
from jetpack_core.errors import OperationCode, OperationError, TaskError
from jetpack_core.records import Change, CommandResult, FileKind, FileStat, Outcome, PathEffect, Plan, PlanKind
from jetpack_plugin_move import backups
from jetpack_plugin_move.work import Action, Work

if TYPE_CHECKING:
    from jetpack_core.records import Effect
    from jetpack_plugin_move.move import Move

_NEW_DIRECTORY_MODE: Final = 0o755
_CONTENT_FOR_LATER_TASKS: Final = 256 * 1024
"""Bytes; in plan mode a later task may want to know what was moved."""
_PARENT_HINT: Final = "make the directory first with !directory, or say `makedirs: true`"


@dataclass(frozen=True, slots=True)
class _Backup:
    """Where the old destination is kept, and what goes or is made for it."""

    path: str | None = None
    expired: tuple[FileStat, ...] = ()
    missing_folders: tuple[str, ...] = ()


async def plan_move(host: Host, task: Move) -> Plan:
    """Compare both paths with what is wanted. Raises TaskError when the move cannot be made."""
    with explained(task.dest):
        content = _CONTENT_FOR_LATER_TASKS if host.planning else 0
        above = _above(host, task.dest, makedirs=task.makedirs)
        questions = [host.stat(task.src, content=content), host.stat(task.dest), *above]
        source, dest, *folders = await host.gather(questions)
    if not source.exists:
        return _without_source(task, dest)
    if dest.exists:
        return await _with_both(host, task, source, dest)
    missing = _missing_parents(task.dest, folders, makedirs=task.makedirs)
    return _plan(host, Work(Action.MOVE, source, dest, task.wanted, missing_parents=missing))


def _above(host: Host, path: str, *, makedirs: bool) -> Iterator[Operation[FileStat]]:
    """Ask for the directories above a path: all of them if missing ones are made, else the nearest."""
    parent = posixpath.dirname(path)
    yield host.stat(parent, follow=True)
    while makedirs and parent != "/":
        parent = posixpath.dirname(parent)
        yield host.stat(parent, follow=True)


def _missing_parents(path: str, above: list[FileStat], *, makedirs: bool) -> tuple[str, ...]:
    for found in above:
        if found.exists and not found.is_directory:
            raise TaskError(f"{path} cannot be made: {found.path} is {noun(found)}, not a directory")
    missing = tuple(found.path for found in reversed(above) if not found.exists)
    if missing and not makedirs:
        raise TaskError(f"{path} cannot be made: there is no directory {missing[-1]}", hint=_PARENT_HINT)
    return missing


def _without_source(task: Move, dest: FileStat) -> Plan:
    if not dest.exists:
        if task.missing_ok:
            return _nothing()
        hint = "check src; if it is fine that neither is there, say `missing_ok: true`"
        raise TaskError(f"neither {task.src} nor {task.dest} is there", hint=hint)
    changes = differences(dest, task.wanted)
    if not changes:
        return _nothing()
    effect = PathEffect(with_attributes(dest, task.wanted))
    work = Work(Action.ATTRIBUTES, FileStat(task.src), dest, task.wanted)
    return Plan(PlanKind.MODIFY, changes, effects=(effect,), data=work)


def _nothing(*warnings: str) -> Plan:
    result = {"moved": False, "backup": None, "method": "none", "cross_device": False}
    return Plan(PlanKind.NONE, outcome=Outcome(result, warnings=warnings))


async def _with_both(host: Host, task: Move, source: FileStat, dest: FileStat) -> Plan:
    if task.on_collision == "keep":
        message = f"collision: both {task.src} and {task.dest} are there, so nothing is moved"
        if dest.is_directory and not source.is_directory:
            message += "; dest is the final name, not a directory to move into"
        return _nothing(message)
    closer = await _look_closer(host, source, dest)
    if closer.one:
        return _nothing(f"{task.src} and {task.dest} are the same {source.kind}; nothing is moved")
    if task.on_collision == "fail":
        hint = "say `force: true` to replace it"
        raise TaskError(f"{task.dest} is there already, and so is {task.src}", hint=hint)
    if is_vital(task.dest):
        raise TaskError(f"{task.dest} is part of what every system consists of; it is never replaced")
    await _refuse_to_lose(host, source, dest)
    if task.on_collision == "exchange":
        return _plan(host, Work(Action.EXCHANGE, source, dest, task.wanted))
    if closer.same_bytes:
        return _plan(host, Work(Action.DROP, closer.source, closer.dest, task.wanted))
    kept = await _plan_backup(host, task)
    return _plan(host, Work(Action.MOVE, source, dest, task.wanted, kept.path, kept.expired, kept.missing_folders))


async def _refuse_to_lose(host: Host, source: FileStat, dest: FileStat) -> None:
    """Refuse to put a link in the place of what it points to: it would point to itself, and the rest be gone."""
    if source.kind is not FileKind.SYMLINK or dest.kind is FileKind.SYMLINK:
        return
    if (await host.query(["test", source.path, "-ef", dest.path])).ok:
        message = f"{source.path} is a link to {dest.path}, and would be one to itself in its place"
        raise TaskError(message, hint="remove the link with !link or !file, if it is not needed")


@dataclass(frozen=True, slots=True)
class _Closer:
    """What two paths have in common."""

    source: FileStat
    dest: FileStat
    one: bool = False
    """Both name the same file or directory."""

    @property
    def same_bytes(self) -> bool:
        return self.source.checksum is not None and self.source.checksum == self.dest.checksum


async def _look_closer(host: Host, source: FileStat, dest: FileStat) -> _Closer:
    """Find out whether two paths are one, or hold the same; only what looks the same needs to be asked."""
    questions: list[Operation[object]] = []
    comparable = source.is_file and dest.is_file and source.size == dest.size
    if comparable:
        questions += [host.stat(source.path, checksum=True), host.stat(dest.path, checksum=True)]
    names = _names_to_compare(source, dest)
    if names is not None:
        # POSIX 2024: true when both names are the same file.
        questions.append(host.query(["test", names[0], "-ef", names[1]]))
    if not questions:
        return _Closer(source, dest)
    found = await host.gather(questions)
    one = names is not None and cast("CommandResult", found[-1]).ok
    if not comparable:
        return _Closer(source, dest, one)
    return _Closer(cast("FileStat", found[0]), cast("FileStat", found[1]), one)


def _names_to_compare(source: FileStat, dest: FileStat) -> tuple[str, str] | None:
    """Return the names that are the same file if the two paths are one, or None when they cannot be."""
    if replace(seen(source), path="") != replace(dest, path=""):
        return None
    if source.kind is not FileKind.SYMLINK:
        return source.path, dest.path
    # `test` would follow the links; they are one if their directory is.
    if posixpath.basename(source.path) != posixpath.basename(dest.path):
        return None
    return posixpath.dirname(source.path), posixpath.dirname(dest.path)


async def _plan_backup(host: Host, task: Move) -> _Backup:
    if not task.backup:
        return _Backup()
    folder, name = posixpath.dirname(task.dest), posixpath.basename(task.dest)
    folder = task.backup_dir or folder
    try:
        entries = await host.list(folder)
    except OperationError as error:
        if error.code is not OperationCode.NOT_FOUND or not task.makedirs:
            hint = "make it with !directory, or say `makedirs: true`"
            raise TaskError(f"no backup can be made in {folder}: {error.code.value}", hint=hint) from error
        above = await host.gather(list(_above(host, posixpath.join(folder, name), makedirs=True)))
        missing = _missing_parents(folder, list(above), makedirs=True)
        return _Backup(backups.backup_name(folder, name, backups.timestamp(), ()), missing_folders=missing)
    gone = backups.expired(name, entries, task.backup_keep) if task.backup_keep else ()
    return _Backup(backups.backup_name(folder, name, backups.timestamp(), entries), gone)


def _plan(host: Host, work: Work) -> Plan:
    source, dest = work.source, work.dest
    arrived = source if work.action is not Action.DROP else dest
    changes: list[Change] = [Change("path", source.path, dest.path)]
    if work.action is Action.MOVE and dest.exists and dest.kind is not source.kind:
        changes.append(Change("kind", dest.kind, source.kind))
    if work.backup is not None:
        changes.append(Change("backup", None, work.backup))
    changes += [Change("expired backup", entry.path, None) for entry in work.expired]
    changes += [Change("directory", None, path) for path in work.missing_parents]
    changes += differences(arrived, work.wanted)
    exchange = work.action is Action.EXCHANGE
    data = replace(work, source=seen(source))
    kind, shown = (PlanKind.EXECUTE, ()) if exchange else (PlanKind.MODIFY, tuple(changes))
    return Plan(kind, shown, effects=tuple(_effects(host, work, arrived)), data=data)


def _effects(host: Host, work: Work, arrived: FileStat) -> Iterator[Effect]:
    source, dest = work.source, work.dest
    for path in work.missing_parents:
        yield PathEffect(new_state(host, path, FileKind.DIRECTORY, Attributes(), _NEW_DIRECTORY_MODE))
    for entry in work.expired:
        yield PathEffect(FileStat(entry.path), tree=entry.is_directory)
    if work.backup is not None:
        yield PathEffect(replace(dest, path=work.backup), tree=dest.is_directory)
    left = replace(dest, path=source.path) if work.action is Action.EXCHANGE else FileStat(source.path)
    yield PathEffect(left, tree=source.is_directory or left.is_directory)
    state = with_attributes(replace(arrived, path=dest.path), work.wanted)
    yield PathEffect(state, tree=source.is_directory or dest.is_directory)
