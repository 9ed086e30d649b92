# SPDX-License-Identifier: GPL-3.0-or-later
"""Bring a directory of a host to hold what a folder of the control machine holds."""

from __future__ import annotations

import os
import posixpath
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final, cast

from jetpack_core.contracts.attributes import NEW_DIRECTORY_MODE, Attributes, additions, new_state, prefixed, seen
from jetpack_core.contracts.host import Host
from jetpack_core.contracts.operations import Operation
from jetpack_core.contracts.paths import (
    explained,
    noun,
    refuse_dangling,
    refuse_in_the_way,
    require_accounts,
    require_parent,
)
from jetpack_core.contracts.sources import NO_FILE
from jetpack_core.errors import OperationCode, OperationError, StaleError, TaskError
from jetpack_core.modules.files.content import FileWork, compare, operation, plan_attributes, plan_new
from jetpack_core.modules.files.payload import DIFF_LIMIT, Payload, payload_in_folder, read_payload, unreadable
from jetpack_core.records import Change, FileKind, FileStat, Outcome, PathEffect, Plan, PlanKind

_FRAME: Final = 8 * 1024 * 1024
"""Bytes of content that are held in memory and sent at once."""
_LINK_MODE: Final = 0o777


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of the folder: a directory, a file with its payload, or a link with its target."""

    name: str
    """Relative to the folder, which is `.` itself."""
    kind: FileKind
    payload: Payload | None = None
    target: str | None = None


@dataclass(frozen=True, slots=True)
class Item:
    """An entry that is to be made or changed, and the plan for it alone."""

    entry: Entry
    now: FileStat
    plan: Plan

    @property
    def size_in_frame(self) -> int:
        """Return how much content travels in the frame; a large file is streamed instead."""
        size = 0 if self.entry.payload is None else self.entry.payload.size
        return size if size <= DIFF_LIMIT else 0


@dataclass(frozen=True, slots=True)
class TreeWork:
    """What differs, parents first."""

    folder: Path
    items: tuple[Item, ...]


def scan(folder: Path) -> list[Entry]:
    """Read a folder of the control machine, parents first. Raises TaskError for what cannot be copied."""
    entries = [Entry(".", FileKind.DIRECTORY)]
    try:
        _scan_below(folder, "", entries)
    except OSError as error:
        raise unreadable(Path(error.filename or folder), error) from error
    return entries


def _scan_below(folder: Path, name: str, entries: list[Entry]) -> None:
    with os.scandir(folder / name) as found:
        names = sorted((posixpath.join(name, one.name), one.stat(follow_symlinks=False).st_mode) for one in found)
    for below, mode in names:
        path = folder / below
        if stat.S_ISDIR(mode):
            entries.append(Entry(below, FileKind.DIRECTORY))
            _scan_below(folder, below, entries)
        elif stat.S_ISLNK(mode):
            entries.append(Entry(below, FileKind.SYMLINK, target=_inner_target(folder, below)))
        elif stat.S_ISREG(mode):
            entries.append(Entry(below, FileKind.FILE, payload_in_folder(path)))
        else:
            raise TaskError(f"{path} {NO_FILE}")


def _inner_target(folder: Path, name: str) -> str:
    """Return where a link points. Raises TaskError if that is outside: its content was never meant to be sent."""
    target = str((folder / name).readlink())
    inside = posixpath.normpath(posixpath.join(posixpath.dirname(name), target))
    if target.startswith("/") or inside == ".." or inside.startswith("../"):
        message = f"{folder / name} is a link that leads out of the folder, to {target}"
        raise TaskError(message, hint="put the file itself into the folder, or make the link with !link")
    return target


async def plan_tree(host: Host, folder: Path, dest: str, wanted: Attributes, directory_mode: int | None) -> Plan:
    """Compare every entry of a folder with the host; one round trip however many there are."""
    entries = await host.in_thread(lambda: scan(folder))
    with explained(dest):
        questions = [_question(host, dest, entry) for entry in entries]
        itself, *states = await host.gather([host.stat(dest), *questions])
    if not states[0].exists:
        refuse_dangling(itself)
        await require_parent(host, dest)
    planner = _Planner(host, wanted, wanted.model_copy(update={"mode": directory_mode}))
    items = planner.differing(entries, states)
    if host.planning:
        items = planner.differing(*await _in_detail(host, folder, items))
    if not items:
        return Plan(PlanKind.NONE)
    await require_accounts(host, Plan(PlanKind.MODIFY, tuple(change for item in items for change in item.plan.changes)))
    plans = [(item.entry, item.plan) for item in items]
    return Plan(
        PlanKind.MODIFY if states[0].exists else PlanKind.CREATE,
        tuple(change for entry, plan in plans for change in _named(entry, plan.changes)),
        tuple(diff for _, plan in plans for diff in plan.diffs),
        tuple(effect for _, plan in plans for effect in plan.effects),
        data=TreeWork(folder, tuple(items)),
    )


def _question(host: Host, dest: str, entry: Entry) -> Operation[FileStat]:
    if entry.name == ".":
        return host.stat(dest, follow=True)
    return host.stat(posixpath.join(dest, entry.name), checksum=entry.kind is FileKind.FILE)


def _named(entry: Entry, changes: Sequence[Change]) -> Sequence[Change]:
    return changes if entry.name == "." else prefixed(entry.name, changes)


@dataclass(frozen=True, slots=True)
class _Planner:
    """Plans one entry after the other."""

    host: Host
    of_files: Attributes
    of_directories: Attributes

    def differing(self, entries: Sequence[Entry], states: Sequence[FileStat]) -> list[Item]:
        """Return what is to be made or changed."""
        plans = (self._plan(entry, now) for entry, now in zip(entries, states, strict=True))
        return [
            Item(entry, seen(now), plan) for entry, now, plan in zip(entries, states, plans, strict=True) if plan.needed
        ]

    def _plan(self, entry: Entry, now: FileStat) -> Plan:
        if entry.payload is not None:
            refuse_in_the_way(now)
            if now.is_file:
                return compare(now, entry.payload, self.of_files)
            return plan_new(self.host, now, entry.payload, self.of_files)
        return self._plan_directory(now) if entry.target is None else self._plan_link(now, entry.target)

    def _plan_directory(self, now: FileStat) -> Plan:
        wanted = self.of_directories
        if now.is_directory:
            return plan_attributes(now, wanted)
        if now.exists:
            raise TaskError(f"{now.path} is {noun(now)}, and a directory is to be there", hint="remove it first")
        state = new_state(self.host, now.path, FileKind.DIRECTORY, wanted, NEW_DIRECTORY_MODE)
        changes = (Change("kind", now.kind, FileKind.DIRECTORY), *additions(wanted, NEW_DIRECTORY_MODE))
        return Plan(PlanKind.CREATE, changes, effects=(PathEffect(state),), data=wanted)

    def _plan_link(self, now: FileStat, target: str) -> Plan:
        if now.kind is FileKind.SYMLINK and now.target == target:
            return Plan(PlanKind.NONE)
        if now.is_directory or now.kind is FileKind.OTHER:
            raise TaskError(f"{now.path} is {noun(now)}, and a link is to be there", hint="remove it first")
        state = new_state(self.host, now.path, FileKind.SYMLINK, Attributes(), _LINK_MODE)
        changes = (*_kind_change(now), Change("target", now.target, target))
        effect = PathEffect(replace(state, target=target))
        return Plan(PlanKind.MODIFY if now.exists else PlanKind.CREATE, changes, effects=(effect,))


def _kind_change(now: FileStat) -> tuple[Change, ...]:
    return (Change("kind", now.kind, FileKind.SYMLINK),) if now.kind is not FileKind.SYMLINK else ()


async def _in_detail(host: Host, folder: Path, items: Sequence[Item]) -> tuple[list[Entry], list[FileStat]]:
    """In plan mode, read both sides of what differs, to show it as text; a run does not spend a round trip on it."""
    files = [item.now.path for item in items if item.entry.payload is not None]
    entries = await host.in_thread(lambda: [_read(folder, item.entry) for item in items])
    found = await host.gather([host.stat(path, checksum=True, content=DIFF_LIMIT) for path in files])
    states = dict(zip(files, found, strict=True))
    return entries, [states.get(item.now.path, item.now) for item in items]


def _read(folder: Path, entry: Entry) -> Entry:
    return entry if entry.payload is None else replace(entry, payload=read_payload(folder / entry.name))


async def apply_tree(host: Host, work: TreeWork) -> Outcome:
    """Make and change the entries, in as few frames as their size allows. Raises StaleError."""
    for share in _shares(work.items):
        operations = await host.in_thread(partial(_operations, host, work.folder, share))
        with explained(work.items[0].now.path):
            try:
                await host.gather(operations)
            except OperationError as error:
                if error.code is OperationCode.EXISTS:
                    raise StaleError(error.subject) from error
                raise
    return Outcome()


def _shares(items: Sequence[Item]) -> Iterator[list[Item]]:
    """Cut the items into shares whose content fits into one frame."""
    share: list[Item] = []
    size = 0
    for item in items:
        held = item.size_in_frame
        if share and size + held > _FRAME:
            yield share
            share, size = [], 0
        share.append(item)
        size += held
    yield share


def _operations(host: Host, folder: Path, items: Sequence[Item]) -> list[Operation[object]]:
    return [_operation(host, folder, item) for item in items]


def _operation(host: Host, folder: Path, item: Item) -> Operation[object]:
    entry, now, data = item.entry, item.now, item.plan.data
    if entry.target is not None:
        return host.link(now.path, entry.target, replace=now.exists, expect=now)
    if isinstance(data, Attributes):
        return host.make_directory(now.path, mode=data.mode, owner=data.owner, group=data.group)
    file = cast("FileWork", data)
    if file.payload is None:
        return operation(host, file, follow=entry.name == ".")
    return operation(host, replace(file, payload=_loaded(folder, entry, file.payload)))


def _loaded(folder: Path, entry: Entry, planned: Payload) -> Payload:
    """Return the payload with its content if that is small. Raises StaleError when the file is another one by now."""
    if planned.size > DIFF_LIMIT:
        return planned
    payload = read_payload(folder / entry.name)
    if payload.checksum != planned.checksum:
        raise StaleError(str(folder / entry.name))
    return payload
