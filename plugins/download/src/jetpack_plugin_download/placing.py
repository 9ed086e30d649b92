# SPDX-License-Identifier: GPL-3.0-or-later
"""Put a checked download in its place, atomically, and record where it came from."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Final

from jetpack_core.contracts.attributes import NEW_FILE_MODE, Attributes
from jetpack_core.contracts.host import Host
from jetpack_core.contracts.operations import Operation
from jetpack_core.errors import OperationCode, OperationError, StaleError
from jetpack_core.records import FileStat
from jetpack_plugin_download.fetching import Obtained, discard, tidy
from jetpack_plugin_download.looking import Record, Seen

_RECORD_MODE: Final = 0o600
_FOLDER_MODE: Final = 0o700


@dataclass(frozen=True, slots=True)
class Placement:
    """What is to become of a download."""

    seen: Seen
    attributes: Attributes
    """All that were asked for."""
    changed: Attributes
    """Those of them that differ from the file that is there."""
    backup: str | None = None


def backup_name(now: FileStat) -> str:
    """Return where the old file is kept: the same name however often it is asked for, and another for another file."""
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now.mtime))
    return f"{now.path}.{stamp}-{(now.checksum or 'unknown')[:8]}.bak"


async def place(host: Host, placement: Placement, obtained: Obtained) -> bool:
    """Put the file in place, or leave what is there if it is the same. Returns whether anything changed.

    Raises StaleError when the destination is not as the plan saw it, and OperationError.
    """
    now = placement.seen.now
    if now.is_file and now.checksum == obtained.sha256:
        await discard(host, obtained)
        steps = attribute_steps(host, now, placement.changed)
        await _carry_out(host, steps, placement.seen, obtained.record())
        return bool(steps)
    steps = [*_backup_steps(host, placement), *_file_steps(host, placement, obtained)]
    try:
        await _carry_out(host, steps, placement.seen, obtained.record())
    except OperationError as error:
        await tidy(host, obtained.directory or obtained.part)
        if (
            error.subject == now.path
            and error.code in {OperationCode.EXISTS, OperationCode.NOT_FOUND}
            and (now.exists or error.code is OperationCode.EXISTS)
        ):
            raise StaleError(now.path) from error
        raise
    if obtained.directory is not None:
        await discard(host, obtained)
    return True


def attribute_steps(host: Host, now: FileStat, changed: Attributes) -> list[Operation[object]]:
    """Return what sets the attributes that differ."""
    if changed == Attributes():
        return []
    return [host.set_attributes(now.path, mode=changed.mode, owner=changed.owner, group=changed.group, expect=now)]


def _backup_steps(host: Host, placement: Placement) -> list[Operation[object]]:
    now = placement.seen.now
    if placement.backup is None:
        return []
    return [host.set_attributes(now.path, expect=now), host.copy(now.path, placement.backup, replace=True)]


def _file_steps(host: Host, placement: Placement, obtained: Obtained) -> list[Operation[object]]:
    now, wanted = placement.seen.now, placement.attributes
    mode = int(wanted.mode) if wanted.mode is not None else (now.mode if now.is_file else NEW_FILE_MODE)
    if obtained.source is not None:
        put = host.put(obtained.source, now.path, mode=mode, owner=wanted.owner, group=wanted.group, expect=now)
        return [put]
    part = obtained.part or ""
    owner, group = wanted.owner, wanted.group
    if now.is_file:
        # As for any other file that is replaced: what is not given stays as it was.
        owner = str(now.uid) if owner is None and now.uid not in {-1, obtained.uid} else owner
        group = str(now.gid) if group is None and now.gid not in {-1, obtained.gid} else group
    own = host.set_attributes(part, mode=mode, owner=owner, group=group)
    # Setting nothing changes nothing, but is refused, with all behind it, where the file is not what the plan saw.
    guard: list[Operation[object]] = [host.set_attributes(now.path, expect=now)] if now.exists else []
    if obtained.directory is None:
        return [own, *guard, host.rename(part, now.path, replace=now.exists)]
    return [own, *guard, host.copy(part, now.path, replace=now.exists)]


async def _carry_out(host: Host, steps: Sequence[Operation[object]], seen: Seen, record: Record) -> None:
    """Carry out the steps, and write the record behind them; that it cannot be written only costs work later."""
    writing = _record_steps(host, seen, record)
    if not steps and not writing:
        return
    try:
        await host.gather([*steps, *writing])
    except OperationError as error:
        if seen.folder is None or not error.subject.startswith(seen.folder):
            raise
        if error.code is OperationCode.EXISTS:
            # Another task made the directory a moment ago.
            await _carry_out(host, (), replace(seen, folder_there=True), record)
            return
        host.warn(f"the download cannot be recorded, so it is looked at anew next time: {error.message}")


def _record_steps(host: Host, seen: Seen, record: Record) -> list[Operation[object]]:
    if seen.folder is None or seen.state is None or seen.record == record:
        return []
    content = json.dumps({"version": 1, **asdict(record)}).encode() + b"\n"
    steps: list[Operation[object]] = []
    if not seen.folder_there:
        steps.append(host.make_directory(seen.folder, mode=_FOLDER_MODE, parents=True))
    return [*steps, host.write(seen.state, content, mode=_RECORD_MODE)]
