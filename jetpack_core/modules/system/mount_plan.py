# SPDX-License-Identifier: GPL-3.0-or-later
"""From what fstab and the kernel say of a mount point: the changes, and what makes them."""

from __future__ import annotations

import posixpath
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, cast

from jetpack_core.contracts.attributes import Attributes
from jetpack_core.errors import TaskError, UnknownValueError
from jetpack_core.modules.commands.chain import chain, last_words
from jetpack_core.modules.files.content import FileWork, compare, operation, plan_new
from jetpack_core.modules.files.document import Document
from jetpack_core.modules.files.payload import payload_of_bytes
from jetpack_core.modules.system.fstab import Entry, entry_of, find, with_entry, without_path
from jetpack_core.modules.system.mounts import (
    BINDS,
    LOOK,
    Mounted,
    Seen,
    is_source,
    kernel_options,
    missing_options,
    parse_look,
    undone,
)
from jetpack_core.records import (
    Change,
    CommandResult,
    Effect,
    FileStat,
    Outcome,
    PathEffect,
    Plan,
    PlanKind,
    TextDiff,
)

if TYPE_CHECKING:
    from jetpack_core.contracts.host import Host
    from jetpack_core.contracts.operations import Operation
    from jetpack_core.modules.system.mount import Mount

_LIMIT: Final = 1024 * 1024
# Whether something can be mounted is seen elsewhere, before what is there is taken away for it.
_TRIAL: Final = 'd=$(mktemp -d) || exit; "$@" "$d"; code=$?; [ $code = 0 ] && umount "$d"; rmdir "$d"; exit $code'


@dataclass(frozen=True, slots=True)
class MountWork:
    """What `apply` is to do."""

    command: tuple[str, ...] = ()
    point: str = ""
    layers: int = 0
    """How many mounts there must be at the point, for the plan to hold."""
    make: tuple[Operation[object], ...] = ()
    made: tuple[str, ...] = ()
    """What `make` makes."""
    write: Operation[object] | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """What the host tells."""

    fstab: FileStat
    seen: Seen
    source: FileStat | None
    """The directory or file to be bound."""
    above: tuple[FileStat, ...]
    """The mount point, and the directories it is in, from below."""


async def read(host: Host, module: Mount) -> Found:
    """Ask for everything at once. Raises TaskError where the host is no Linux."""
    look = host.query(["sh", "-c", LOOK], env={"MOUNT_PATH": module.path, "MOUNT_SRC": module.src or ""})
    asked: list[Operation[object]] = [
        host.stat(module.fstab, follow=True, checksum=True, content=_LIMIT),
        look,
        *(host.stat(path, follow=True) for path in _above(module.path)),
    ]
    if module.bind and module.src is not None:
        asked.append(host.stat(module.src, follow=True))
    fstab, looked, *states = await host.gather(asked)
    told = cast("CommandResult", looked)
    if not told.ok:
        raise TaskError(f"the host does not tell what is mounted: {last_words(told)}", hint="!mount is for Linux")
    stats = [cast("FileStat", state) for state in states]
    source = stats.pop() if module.bind and module.src is not None else None
    return Found(cast("FileStat", fstab), parse_look(told.stdout), source, tuple(stats))


def _above(path: str) -> list[str]:
    found = [path]
    while found[-1] != "/":
        found.append(posixpath.dirname(found[-1]))
    return found[:-1]


@dataclass(frozen=True, slots=True)
class Part:
    """What is to become of the line, or of the mount."""

    changes: tuple[Change, ...] = ()
    diffs: tuple[TextDiff, ...] = ()
    effects: tuple[Effect, ...] = ()
    work: MountWork = MountWork()


def plan_mount(module: Mount, host: Host, found: Found) -> Plan:
    """Return the plan. Raises TaskError where it cannot be."""
    document = Document.parse(_content(found.fstab))
    before = entry_of(document, module.path) if module.wanted else None
    line = Part() if module.state == "unmounted" else _line_part(module, host, found.fstab, document, before)
    live = Part() if module.state == "present" else _live_part(module, host, found, before)
    changes = (*line.changes, *live.changes)
    if not changes:
        return Plan(PlanKind.NONE, outcome=Outcome({"mounted": found.seen.top is not None}))
    new = module.wanted and before is None and found.seen.top is None
    kind = PlanKind.CREATE if new else PlanKind.REMOVE if module.state == "absent" else PlanKind.MODIFY
    work = replace(live.work, write=line.work.write)
    return Plan(kind, changes, line.diffs, (*line.effects, *live.effects), data=work)


def _content(file: FileStat) -> bytes:
    if file.is_file and file.content is None:
        if file.size > _LIMIT:
            raise TaskError(f"{file.path} is too large: {file.size} bytes, and the limit is {_LIMIT}")
        message = f"the content of {file.path} is known only once an earlier task has made it"
        raise UnknownValueError(message)
    return file.content or b""


def _line_part(module: Mount, host: Host, file: FileStat, document: Document, before: Entry | None) -> Part:
    """Compare the line in fstab."""
    new = with_entry(document, module.entry) if module.wanted else without_path(document, module.path)
    if new == document:
        return Part()
    gone = [document.texts[index] for index in find(document, module.path)]
    payload = payload_of_bytes(new.to_bytes())
    plan = compare(file, payload, Attributes()) if file.exists else plan_new(host, file, payload, Attributes())
    write = operation(host, cast("FileWork", plan.data), follow=True)
    changes = _line_changes(before, module.entry) if module.wanted else [Change("fstab", line, None) for line in gone]
    return Part(tuple(changes), plan.diffs, plan.effects, MountWork(write=write))


def _line_changes(before: Entry | None, wanted: Entry) -> list[Change]:
    if before is None:
        return [Change("fstab", None, wanted.line)]
    names = ("src", "path", "fstype", "opts", "dump", "passno")
    pairs = zip(names, before.meanings, wanted.meanings, _shown(before), _shown(wanted), strict=True)
    return [Change(name, was, now) for name, one, other, was, now in pairs if one != other]


def _shown(entry: Entry) -> tuple[object, ...]:
    return (entry.src, entry.path, entry.fstype, ",".join(entry.options), entry.dump, entry.passno)


def _live_part(module: Mount, host: Host, found: Found, before: Entry | None) -> Part:
    """Compare what is mounted."""
    seen, top = found.seen, found.seen.top
    unknown = (PathEffect(FileStat(module.path), known=False),)
    base = MountWork(point=seen.point, layers=len(seen.layers))
    leave = [("umount", seen.path)] * len(seen.layers)
    if not module.wanted:
        if top is None:
            return Part()
        change = Change("mounted", _told(top), None)
        return Part((change,), effects=unknown, work=replace(base, command=chain(leave)))
    if found.source is not None and not found.source.exists:
        raise TaskError(f"there is no {module.src} to be seen at {module.path}", hint="make it first, with !directory")
    wanted = kernel_options(module.opts)
    entry = module.entry
    if top is None:
        work = replace(base, command=chain(_mount(module, wanted)))
        make = _missing(host, found)
        made = tuple(path for path, _ in make)
        work = replace(work, make=tuple(step for _, step in make), made=made)
        return Part((Change("mounted", None, f"{entry.src} ({entry.fstype})"),), effects=unknown, work=work)
    if not is_source(seen, top, entry.src, entry.fstype, bind=module.bind):
        change = Change("mounted", _told(top), f"{entry.src} ({entry.fstype})")
        commands = _mount(module, wanted)
        trial = ("sh", "-c", _TRIAL, "trial", *commands[0][:-1])
        return Part((change,), effects=unknown, work=replace(base, command=chain([trial, *leave, *commands])))
    return _option_part(module, host, top, wanted, before, base)


def _told(now: Mounted) -> str:
    return f"{now.source} ({now.fstype})"


def _option_part(
    module: Mount, host: Host, top: Mounted, wanted: tuple[str, ...], before: Entry | None, base: MountWork
) -> Part:
    """Compare the options of what is mounted rightly."""
    old = () if before is None else kernel_options(before.options)
    gone = tuple(option for option in old if option not in wanted)
    missing, untold = missing_options(wanted, top)
    news = tuple(option for option in untold if option not in old)
    back = tuple(one for one in undone(gone) if missing_options([one], top)[0])
    if stuck := [option for option in gone if not undone([option]) and "=" in option and option in top.options]:
        host.warn(f"{module.path}: {', '.join(stuck)} stays until it is mounted anew")
    differing = (*missing, *news, *back)
    if not differing:
        return Part()
    change = Change("mount options", ",".join(top.options), ",".join(differing))
    command = _remount(module, top, (*wanted, *back))
    return Part((change,), work=replace(base, command=chain([command])))


def _mount(module: Mount, wanted: Sequence[str]) -> list[tuple[str, ...]]:
    """Return the commands that mount it; for a bind, options of its own need a second step."""
    src, entry = module.src or "", module.entry
    if module.bind:
        bind = next(option for option in entry.options if option in BINDS)
        own = [("mount", "-o", f"remount,bind,{','.join(wanted)}", src, module.path)] if wanted else []
        return [("mount", "-o", bind, src, module.path), *own]
    # What only programs read is left out, but for what mount(8) itself reads.
    for_mount = [option for option in entry.options if option == "loop" or option.lower().startswith("x-mount.")]
    options = ",".join([*wanted, *for_mount])
    kind = () if entry.fstype in {"auto", "none"} else ("-t", entry.fstype)
    return [("mount", *kind, *(("-o", options) if options else ()), src, module.path)]


def _remount(module: Mount, top: Mounted, wanted: Sequence[str]) -> tuple[str, ...]:
    """Return the command that changes the options; a bind loses those that are not named again."""
    options = list(wanted)
    if module.bind:
        kept = [option for option in kernel_options(top.options) if undone([option])]
        options = ["bind", *kernel_options([*kept, *wanted])]
    return ("mount", "-o", ",".join(["remount", *options]), module.src or top.source, module.path)


def _missing(host: Host, found: Found) -> list[tuple[str, Operation[object]]]:
    """Return the directories to be made, the highest first; what a file is bound to is a file."""
    steps: list[tuple[str, Operation[object]]] = []
    for state in reversed(found.above):
        if state.exists and state is not found.above[0] and not state.is_directory:
            raise TaskError(f"{found.above[0].path} cannot be made: {state.path} is not a directory")
        if not state.exists:
            steps.append((state.path, host.make_directory(state.path)))
    if steps and found.source is not None and not found.source.is_directory:
        path = found.above[0].path
        steps[-1] = (path, host.write(path, b"", expect=FileStat(path)))
    return steps
