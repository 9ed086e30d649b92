# SPDX-License-Identifier: GPL-3.0-or-later
"""A verified copy on another file system, private until it is put in place."""

from __future__ import annotations

import posixpath
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from jetpack_core.contracts.host import Host
from jetpack_core.errors import OperationCode, OperationError, TaskError
from jetpack_core.records import FileKind, FileStat
from jetpack_plugin_move.work import beside


@dataclass(frozen=True, slots=True)
class Copied:
    """A copy that was compared with its source."""

    source: FileStat
    """The source as it was when the copy was compared, a file's checksum included."""
    copy: FileStat


def crossing(path: str) -> OperationError:
    """Return the error of a rename to a path on another file system."""
    return OperationError(OperationCode.OTHER, path, "invalid cross-device link")


def is_crossing(error: OperationError) -> bool:
    """Tell whether a rename or hard link failed because the paths are on two file systems (EXDEV)."""
    return error.code is OperationCode.OTHER and "cross-device" in error.detail


@asynccontextmanager
async def copied(host: Host, source: str, place: str) -> AsyncIterator[Copied]:
    """Copy a path, with all below it, next to `place`; what is still there afterwards is removed.

    Raises TaskError when the copy fails or is not the same as the source.
    """
    stage = beside(place)
    await host.make_directory(stage, mode=0o700)
    try:
        # `cp` keeps what no operation does: extended attributes, access lists, holes, hard links, times.
        copy = posixpath.join(stage, "copy")
        result = await host.run(["cp", "-a", "--", source, copy])
        if not result.ok:
            said = result.stderr.strip().splitlines()
            detail = said[-1] if said else f"cp ended with {result.rc}"
            raise TaskError(f"{source} could not be copied to {posixpath.dirname(place)}, and stays: {detail}")
        await _flush(host, stage)
        yield await _verified(host, source, copy)
    finally:
        await host.remove(stage, recursive=True)


async def _flush(host: Host, stage: str) -> None:
    """Have the copy written out before the source goes, where the host has the means."""
    try:
        await host.run(["sync", "-f", stage])
    except OperationError as error:
        if error.code is not OperationCode.NOT_FOUND:
            raise


async def _verified(host: Host, source: str, copy: str) -> Copied:
    before, after = await host.gather([host.stat(source, checksum=True), host.stat(copy, checksum=True)])
    pairs = [(before, after)]
    if before.is_directory:
        below, arrived = await host.gather([host.walk(source, checksum=True), host.walk(copy, checksum=True)])
        pairs += _paired(source, below, copy, arrived)
    for one, other in pairs:
        if _essence(one) != _essence(other):
            raise TaskError(f"the copy of {one.path} is not the same, so {source} stays: did it change meanwhile?")
    if any((one.uid, one.gid) != (other.uid, other.gid) for one, other in pairs):
        host.warn(f"{source} was copied to another file system by a user who may not keep its owner and group")
    return Copied(before, after)


def _paired(
    source: str, below: Sequence[FileStat], copy: str, arrived: Sequence[FileStat]
) -> list[tuple[FileStat, FileStat]]:
    ours = {entry.path[len(copy) :]: entry for entry in arrived}
    pairs = [(entry, ours.pop(entry.path[len(source) :], FileStat(entry.path))) for entry in below]
    return pairs + [(FileStat(source + name), entry) for name, entry in ours.items()]


def _essence(now: FileStat) -> FileStat:
    """Return what must be the same in a copy."""
    size = now.size if now.is_file else 0
    mode = 0 if now.kind is FileKind.SYMLINK else now.mode
    return FileStat("", now.kind, mode=mode, size=size, target=now.target, checksum=now.checksum)
