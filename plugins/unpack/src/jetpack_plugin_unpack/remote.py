# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts without Python: the archive is vetted on the control machine, and what differs is written by operations."""

from __future__ import annotations

import posixpath
import secrets
import shutil
import tempfile
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

from jetpack_core.contracts.host import Host
from jetpack_core.errors import JetpackError, OperationCode, OperationError, StaleError, TaskError
from jetpack_core.records import FileKind, FileStat, Outcome, Plan
from jetpack_plugin_unpack.control import local_digest, read_listing
from jetpack_plugin_unpack.onhost import comparing
from jetpack_plugin_unpack.onhost.comparing import Comparison, Disk, State, Step
from jetpack_plugin_unpack.onhost.manifest import Manifest, Record, name_for, parse, state_directory
from jetpack_plugin_unpack.onhost.program import reply, rules_of, signature_of
from jetpack_plugin_unpack.onhost.trouble import Trouble
from jetpack_plugin_unpack.sending import NoPython
from jetpack_plugin_unpack.showing import plan_of
from jetpack_plugin_unpack.spooling import Spool

_LARGEST_MANIFEST = 256 << 20
_OURS, _OTHERS, _ANY = 1, 0, -1
_KINDS = {FileKind.FILE: "f", FileKind.DIRECTORY: "d", FileKind.SYMLINK: "l", FileKind.OTHER: "o"}
_FOR_OWNER = 0o700


class Fetched:
    """An archive of a host in a private directory of the control machine, removed when nobody wants it any more."""

    def __init__(self) -> None:
        folder = tempfile.mkdtemp(prefix="jetpack-unpack-")
        self._finalizer = weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        self.path = Path(folder) / "archive"


class RemoteDisk(Disk):
    """What is below a directory of a host, as it was listed."""

    def __init__(
        self,
        top: FileStat,
        below: Sequence[FileStat],
        owner: str | None = None,
        group: str | None = None,
        *,
        linked: bool = False,
    ) -> None:
        super().__init__(top.path)
        self._owner = owner
        self._group = group
        self._linked = linked
        self.stats = {now.path[len(top.path) + 1 :]: now for now in below}
        if top.exists:
            self.stats[""] = top

    def look(self, path: str) -> State | None:
        """Return what is at a path."""
        now = self.stats.get(path)
        if now is None:
            return None
        state = State(
            _KINDS[now.kind],
            now.mode,
            _match(self._owner, now.owner, now.uid),
            _match(self._group, now.group, now.gid),
            now.size,
            now.target or "",
            [],
        )
        state.sha256 = now.checksum
        state.mtime = now.mtime
        return state

    def sha256(self, path: str) -> str:
        """Return the checksum of a file."""
        return self.stats[path].checksum or ""

    def entries(self, path: str) -> list[str]:
        """Return the names in a directory."""
        return [posixpath.basename(one) for one in self.stats if one and posixpath.dirname(one) == path]

    def is_link(self) -> bool:
        """Tell whether the directory itself is reached by a link."""
        return self._linked

    def everything(self) -> list[str]:
        """Return every path below the directory."""
        return [one for one in self.stats if one]


def _match(wanted: str | None, name: str, number: int) -> int:
    return _OURS if wanted in {None, name, str(number)} else _OTHERS


@dataclass(frozen=True, slots=True)
class Writing:
    """What is to be written to a host without Python."""

    request: Mapping[str, object]
    steps: Sequence[Step]
    record: Record
    manifest: Manifest
    manifest_path: str
    disk: RemoteDisk
    source: Path | None
    """The archive, where it is on the control machine already."""
    fetched: Fetched | None
    outcome: Outcome
    everything: Sequence[Step] = ()
    """The steps that make all of it, where the destination is replaced as a whole."""

    def path(self, step: Step) -> str:
        """Return the path of a step on the host."""
        dest = str(self.request["dest"])
        return posixpath.join(dest, step.path) if step.path else dest

    def expect(self, step: Step) -> FileStat:
        """Return what the plan saw there."""
        return self.disk.stats.get(step.path, FileStat(self.path(step)))

    @property
    def owner(self) -> str | None:
        """Return the owner of what is written."""
        return cast("str | None", self.request["owner"])

    @property
    def group(self) -> str | None:
        """Return its group."""
        return cast("str | None", self.request["group"])


async def plan_remotely(
    host: Host, request: Mapping[str, object], source: Path | None, user: NoPython
) -> tuple[Plan, bool]:
    """Find out what is to be done, and whether the host has the archive. Raises TaskError."""
    dest, src = str(request["dest"]), str(request["src"])
    folder = state_directory({"XDG_STATE_HOME": user.state_home}, user.uid, user.home)
    manifest_path = posixpath.join(folder, name_for(dest))
    parents = [*_parents(dest), dest]
    noted, top, *more = await host.gather(
        [
            host.stat(manifest_path, content=_LARGEST_MANIFEST),
            host.stat(dest, follow=True),
            *(host.stat(parent) for parent in parents),
            *([] if source else [host.stat(src, follow=True, checksum=True)]),
        ]
    )
    above = [now.path for now in more[: len(parents) - 1] if not now.exists]
    below = await host.walk(dest, checksum=True) if top.is_directory else ()
    owner, group = cast("str | None", request["owner"]), cast("str | None", request["group"])
    linked = more[len(parents) - 1].kind is FileKind.SYMLINK
    disk = RemoteDisk(replace(top, path=dest), below, owner, group, linked=linked)
    manifest = parse((noted.content or b"").decode("utf-8", "surrogateescape"), dest)
    known = _known(manifest, request, await _digest(host, source) if source else more[-1].checksum)
    fetched = None
    if known is None and source is None:
        fetched = await _fetch(host, more[-1])
    record = known or await _listing(host, source or (fetched.path if fetched else None), request)
    comparison = _compared(record, request, disk, manifest, known)
    answer = reply(record, comparison, above)
    there = source is None and more[-1].exists
    if answer["count"] and source is None and not there and _needs_archive(comparison):
        message = f"{comparison.steps[0].path or dest} differs from what was unpacked, and the archive {src} is gone"
        raise TaskError(message, hint="bring it back")
    plan = plan_of(host, dest, answer, owner, group, None)
    everything = comparison.everything() if comparison.whole is not None else ()
    work = Writing(
        request, comparison.steps, record, manifest, manifest_path, disk, source, fetched, plan.outcome, everything
    )
    return replace(plan, data=work), there


def _needs_archive(comparison: Comparison) -> bool:
    return comparison.whole is not None or any(step.action != comparing.REMOVE for step in comparison.steps)


def _parents(path: str) -> list[str]:
    """Return the directories above a path, from the top."""
    parts = path.split("/")[1:-1]
    return ["/" + "/".join(parts[: count + 1]) for count in range(len(parts))]


async def _digest(host: Host, source: Path) -> str:
    return await host.in_thread(lambda: local_digest(source))


def _known(manifest: Manifest, request: Mapping[str, object], digest: str | None) -> Record | None:
    """Return what the archive is known to make: if it is the same as before, or gone."""
    record = manifest.records.get(str(request["src"]))
    if record is None or record.rules != signature_of(dict(request)):
        return None
    if request["digest"] not in {None, record.digest}:
        return None
    return record if digest in {None, record.digest} else None


async def _fetch(host: Host, archive: FileStat) -> Fetched:
    if not archive.exists:
        hint = "download it first, with !download or !copy, or say `from: control`"
        raise TaskError(f"there is no archive {archive.path}", hint=hint)
    if not archive.is_file:
        raise TaskError(f"{archive.path} is no file, so it is no archive")
    fetched = Fetched()
    await host.get(archive.path, fetched.path)
    return fetched


async def _listing(host: Host, path: Path | None, request: Mapping[str, object]) -> Record:
    if path is None:
        raise TaskError(f"there is no archive {request['src']}")
    record = await host.in_thread(lambda: read_listing(path, request))
    if request["digest"] not in {None, record.digest}:
        message = f"the SHA-256 of the archive is {record.digest}, not {request['digest']}"
        raise TaskError(message, hint="fetch it again, or correct checksum")
    return record


def _compared(
    record: Record, request: Mapping[str, object], disk: RemoteDisk, manifest: Manifest, known: Record | None
) -> Comparison:
    ids = (_ANY if request["owner"] is None else _OURS, _ANY if request["group"] is None else _OURS)
    comparison = Comparison(
        record.outputs, rules_of(dict(request)), ids, bool(request["keep_newer"]), bool(request["swap"])
    )
    try:
        comparison.add_parents()
        comparison.run(disk, manifest, known)
        comparison.settle({}, disk)
        if request["prune"]:
            comparison.prune(disk, manifest)
        if request["swap"]:
            comparison.replace_whole(disk)
    except Trouble as trouble:
        raise TaskError(trouble.message, hint=trouble.hint) from None
    return comparison


async def write_remotely(host: Host, work: Writing) -> Outcome:
    """Do the steps: directories, files, links, removals, and last the directories' own permissions.

    Raises TaskError, OperationError, and StaleError where a path is not what the plan saw.
    """
    written = await (_replace_whole(host, work) if work.everything else _write_steps(host, work))
    warning = await _note(host, work)
    told = work.outcome
    return Outcome({**told.result, "bytes": written}, warnings=(*told.warnings, *warning))


async def _write_steps(host: Host, work: Writing) -> int:
    for step in work.steps:
        await _begin(host, work, step)
    written = await _write_files(host, work)
    links = [step for step in work.steps if step.output is not None and step.output.kind == "l"]
    for step in links:
        await _write_link(host, work, step)
    for step in reversed(work.steps):
        await _finish(host, work, step)
    return written


async def _replace_whole(host: Host, work: Writing) -> int:
    """Write everything beside the destination, and give it the destination's name. Raises StaleError."""
    dest = str(work.request["dest"])
    stage, aside = (posixpath.join(posixpath.dirname(dest), f".jetpack-{secrets.token_hex(12)}") for _ in range(2))
    there = work.disk.stats.get("")
    beside = replace(
        work, request={**work.request, "dest": stage}, steps=work.everything, disk=RemoteDisk(FileStat(stage), ())
    )
    try:
        written = await _write_steps(host, beside)
        if there is None:
            await host.rename(stage, dest)
            return written
        now = await host.walk(dest, checksum=True)
        if set(now) != {one for path, one in work.disk.stats.items() if path}:
            raise StaleError(dest, "what is in the destination changed since it was read")
        await host.gather([host.rename(dest, aside, expect=there), host.rename(stage, dest)])
    except JetpackError:
        await _take_back(host, stage, aside, dest)
        raise
    await host.remove(aside, recursive=True)
    return written


async def _take_back(host: Host, stage: str, aside: str, dest: str) -> None:
    """Bring the old destination back where it was moved aside, and remove what was written beside it."""
    if (await host.stat(aside)).exists:
        await host.rename(aside, dest)
    await host.remove(stage, recursive=True)


async def _begin(host: Host, work: Writing, step: Step) -> None:
    """Remove what goes, and make a directory that is missing."""
    output, path = step.output, work.path(step)
    makes_directory = output is not None and output.kind == "d" and step.action != comparing.ATTRIBUTES
    if output is None or (makes_directory and step.action == comparing.REPLACE):
        await host.remove(path, expect=work.expect(step))
    if makes_directory and output is not None:
        mode = output.mode | _FOR_OWNER
        try:
            await host.make_directory(path, mode=mode, owner=work.owner, group=work.group, parents=not step.path)
        except OperationError as error:
            if error.code is not OperationCode.EXISTS:
                raise
            raise StaleError(path) from error


async def _write_files(host: Host, work: Writing) -> int:
    wanted: dict[int, list[Step]] = {}
    for step in work.steps:
        if step.output is not None and step.output.kind == "f" and step.action != comparing.ATTRIBUTES:
            wanted.setdefault(step.output.source, []).append(step)
    if not wanted:
        return 0
    fetched = work.fetched
    if work.source is None and fetched is None:
        fetched = await _fetch(host, await host.stat(str(work.request["src"]), follow=True))
    path = work.source or (fetched.path if fetched else Path())
    with Spool(path, work.request, work.record.digest, wanted) as spool:
        while batch := await host.in_thread(spool.next_batch):
            await host.gather(
                [
                    host.write(
                        work.path(step),
                        content,
                        mode=step.output.mode if step.output else None,
                        owner=work.owner,
                        group=work.group,
                        expect=work.expect(step),
                    )
                    if isinstance(content, bytes)
                    else host.put(
                        content,
                        work.path(step),
                        mode=step.output.mode if step.output else None,
                        owner=work.owner,
                        group=work.group,
                        expect=work.expect(step),
                    )
                    for step, content in batch
                ]
            )
        return spool.size


async def _write_link(host: Host, work: Writing, step: Step) -> None:
    path = work.path(step)
    if step.output is not None and step.action != comparing.ATTRIBUTES:
        await host.link(path, step.output.target, replace=True, expect=work.expect(step))
    if work.owner is not None or work.group is not None:
        await host.set_attributes(path, owner=work.owner, group=work.group)


async def _finish(host: Host, work: Writing, step: Step) -> None:
    """Set the attributes of what was there, and those of a directory its owner had to write into."""
    output = step.output
    if output is None or output.kind == "l":
        return
    unfinished = output.kind == "d" and output.mode & _FOR_OWNER != _FOR_OWNER
    if step.action == comparing.ATTRIBUTES or unfinished:
        expect = None if output.kind == "d" else work.expect(step)
        await host.set_attributes(
            work.path(step), mode=output.mode, owner=work.owner, group=work.group, follow=not step.path, expect=expect
        )


async def _note(host: Host, work: Writing) -> tuple[str, ...]:
    """Keep what was made on the host; that it cannot be kept is only a warning."""
    if work.request["prune"] or work.request["swap"]:
        work.manifest.records.clear()
    work.manifest.records[str(work.request["src"])] = work.record
    try:
        await _make_state_directory(host, posixpath.dirname(work.manifest_path))
        await host.write(work.manifest_path, work.manifest.text().encode("ascii"), mode=0o600)
    except OperationError as error:
        return (f"what was unpacked could not be noted, so the next run reads the archive: {error.message}",)
    return ()


async def _make_state_directory(host: Host, path: str) -> None:
    try:
        await host.make_directory(path, mode=0o700, parents=True)
    except OperationError as error:
        if error.code is not OperationCode.EXISTS:
            raise
