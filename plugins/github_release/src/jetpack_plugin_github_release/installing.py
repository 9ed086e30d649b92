# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether what is installed is what is wanted, and how it is put in its place and recorded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from jetpack_core.contracts.attributes import Attributes
from jetpack_core.contracts.host import Host
from jetpack_core.contracts.operations import Operation
from jetpack_core.errors import OperationCode, OperationError, UnknownValueError
from jetpack_core.records import Change, FileKind, FileStat
from jetpack_plugin_github_release.archives import Program
from jetpack_plugin_github_release.assets import Choice, Machine, is_alone
from jetpack_plugin_github_release.host_state import Record, Seen, record_steps
from jetpack_plugin_github_release.releases import Release

PROGRAM_MODE: Final = 0o755


@dataclass(frozen=True, slots=True)
class Work:
    """A program that is to be installed, or only its attributes."""

    repo: str
    seen: Seen
    now: FileStat
    release: Release
    choice: Choice
    host: Machine
    digest: str | None
    """What the asset must be, as far as that is known beforehand."""
    changed: Attributes = field(default_factory=Attributes)
    """The attributes that differ."""
    install: bool = True


def content_changes(work: Work, *, planning: bool) -> tuple[Change, ...]:
    """Return in what the installed program is not the wanted one. Raises UnknownValueError."""
    now, record, asset = work.now, work.seen.record, work.choice.asset
    if not now.is_file:
        kind = (Change("kind", now.kind, FileKind.FILE),) if now.exists else ()
        return (*kind, *_new(work))
    if record is None or record.repo != work.repo:
        return _unrecorded_changes(work, planning=planning)
    changes = []
    if record.tag != work.release.tag:
        changes.append(Change("release", record.tag, work.release.tag))
    if record.asset != asset.name:
        changes.append(Change("asset", record.asset, asset.name))
    if not changes and work.digest and record.digest and record.digest != work.digest:
        changes.append(Change("digest", record.digest, work.digest.removeprefix("sha256:")))
    if not changes and now.checksum != record.sha256:
        changes.append(Change("content", f"sha256:{now.checksum}", f"what {asset.name} holds"))
    return tuple(changes)


def _new(work: Work) -> tuple[Change, ...]:
    return Change("release", None, work.release.tag), Change("asset", None, work.choice.asset.name)


def _unrecorded_changes(work: Work, *, planning: bool) -> tuple[Change, ...]:
    """Return in what a file that somebody else put there differs.

    Raises UnknownValueError in plan mode where the program is in an archive, which would have to be fetched.
    """
    asset, digest = work.choice.asset, work.digest
    alone = digest is not None and digest.startswith("sha256:") and is_alone(asset.name)
    if alone and digest == f"sha256:{work.now.checksum}":
        return ()
    if not alone and planning:
        raise UnknownValueError(f"whether {work.now.path} is what {asset.name} holds can only be told by fetching it")
    return _new(work)


def attribute_steps(host: Host, work: Work) -> list[Operation[object]]:
    """Return what sets the attributes that differ."""
    changed = work.changed
    if changed == Attributes():
        return []
    return [
        host.set_attributes(work.now.path, mode=changed.mode, owner=changed.owner, group=changed.group, expect=work.now)
    ]


def program_steps(host: Host, work: Work, program: Program, wanted: Attributes) -> list[Operation[object]]:
    """Return what puts a program in its place; what is not given stays as it was."""
    mode = wanted.mode if wanted.mode is not None or work.now.is_file else PROGRAM_MODE
    return [host.put(program.path, work.now.path, mode=mode, owner=wanted.owner, group=wanted.group, expect=work.now)]


async def install(host: Host, work: Work, steps: Sequence[Operation[object]], record: Record) -> None:
    """Carry out the steps, and record what is installed; that it cannot be recorded only costs work later."""
    seen = work.seen
    writing = record_steps(host, seen, record)
    if not steps and not writing:
        return
    try:
        await host.gather([*steps, *writing])
    except OperationError as error:
        if seen.folder is None or not error.subject.startswith(seen.folder):
            raise
        if error.code is OperationCode.EXISTS and not seen.folder_there:
            # Another task made the directory a moment ago.
            await install(host, replace(work, seen=replace(seen, folder_there=True)), (), record)
            return
        host.warn(f"what is installed cannot be recorded, so it is installed anew next time: {error.message}")
