# SPDX-License-Identifier: GPL-3.0-or-later
"""Bring one file of a host to a wanted content and wanted attributes; what `copy` and `template` share."""

from __future__ import annotations

import posixpath
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated, cast

from pydantic import AfterValidator

from jetpack_core.contracts.attributes import (
    Attributes,
    additions,
    differences,
    for_secrets,
    needed,
    new_state,
    seen,
    with_attributes,
)
from jetpack_core.contracts.fields import Mode
from jetpack_core.contracts.host import Host
from jetpack_core.contracts.operations import Operation
from jetpack_core.contracts.paths import explained, refuse_in_the_way, require_accounts, require_parent
from jetpack_core.errors import OperationError, TaskError
from jetpack_core.modules.files.payload import (
    Payload,
    content_changes,
    content_limit,
    text_diffs,
)
from jetpack_core.records import Change, CommandResult, FileKind, FileStat, Outcome, PathEffect, Plan, PlanKind


def _checks_a_file(words: list[str]) -> list[str]:
    if not any("%s" in word for word in words):
        message = "one word must hold %s, which stands for the file to be checked"
        raise ValueError(message)
    return words


CheckCommand = Annotated[list[str], AfterValidator(_checks_a_file)]
"""A command as a list of words, one of which holds `%s`."""


@dataclass(frozen=True, slots=True)
class FileWork:
    """What is to be done to one file, and what it looked like."""

    expect: FileStat
    attributes: Attributes
    payload: Payload | None
    """None leaves the content alone."""


async def plan_file(host: Host, path: str, payload: Payload, wanted: Attributes, *, follow: bool = False) -> Plan:
    """Compare one file with what it is to be. Raises TaskError when something is in the way."""
    with explained(path):
        now = await host.stat(path, follow=follow, checksum=True, content=content_limit(host, payload))
    wanted = for_secrets(host, now, wanted)
    refuse_in_the_way(now, hint="'dest' is the file's own name, not the directory it goes into")
    if not now.is_file:
        if not now.exists:
            await require_parent(host, path, follow=follow)
        return await require_accounts(host, plan_new(host, now, payload, wanted))
    return await require_accounts(host, compare(now, payload, wanted))


def compare(now: FileStat, payload: Payload, wanted: Attributes) -> Plan:
    """Return the plan for a file that is there; its data is a FileWork."""
    content = content_changes(now, payload)
    changes = (*content, *differences(now, wanted))
    if not changes:
        return Plan(PlanKind.NONE)
    state = with_attributes(now, wanted)
    return Plan(
        PlanKind.MODIFY,
        changes,
        text_diffs(now, payload) if content else (),
        (PathEffect(holding(state, payload)),),
        data=FileWork(seen(now), needed(now, wanted), payload if content else None),
    )


def plan_attributes(now: FileStat, wanted: Attributes) -> Plan:
    """Return the plan for the attributes alone of a path that is there."""
    changes = differences(now, wanted)
    if not changes:
        return Plan(PlanKind.NONE)
    effect = PathEffect(with_attributes(now, wanted))
    return Plan(PlanKind.MODIFY, changes, (), (effect,), data=FileWork(seen(now), needed(now, wanted), None))


def plan_new(host: Host, now: FileStat, payload: Payload, wanted: Attributes) -> Plan:
    """Return the plan of a file where nothing is, or a link that it replaces."""
    replaced = (Change("kind", now.kind, FileKind.FILE), Change("target", now.target, None)) if now.exists else ()
    mode = Mode(payload.default_mode) if wanted.mode is None else wanted.mode
    state = new_state(host, now.path, FileKind.FILE, wanted, mode)
    return Plan(
        PlanKind.MODIFY if now.exists else PlanKind.CREATE,
        (*replaced, *content_changes(now, payload), *additions(wanted, mode)),
        text_diffs(now, payload),
        (PathEffect(holding(state, payload)),),
        data=FileWork(seen(now), Attributes(owner=wanted.owner, group=wanted.group, mode=mode), payload),
    )


def holding(state: FileStat, payload: Payload) -> FileStat:
    """Return the state of a file with the payload as its content."""
    return replace(state, size=payload.size, checksum=payload.checksum, content=payload.content, mtime=0)


def operation(host: Host, work: FileWork, *, follow: bool = False) -> Operation[object]:
    """Return the one operation that does the work."""
    path, payload, wanted = work.expect.path, work.payload, work.attributes
    if payload is None:
        return host.set_attributes(
            path, mode=wanted.mode, owner=wanted.owner, group=wanted.group, follow=follow, expect=work.expect
        )
    if payload.content is None and payload.source is not None:
        return host.put(
            payload.source,
            path,
            mode=wanted.mode,
            owner=wanted.owner,
            group=wanted.group,
            follow=follow,
            expect=work.expect,
            seen=payload.seen,
        )
    return host.write(
        path,
        payload.content or b"",
        mode=wanted.mode,
        owner=wanted.owner,
        group=wanted.group,
        follow=follow,
        expect=work.expect,
    )


async def apply_file(
    host: Host, work: FileWork, *, follow: bool = False, check: Sequence[str] | None = None
) -> Outcome:
    """Do the work, after the check of the new content has passed. Raises TaskError."""
    with explained(work.expect.path):
        place = operation(host, work, follow=follow)
        if check is None or work.payload is None:
            await place
        else:
            temporary = await _check(host, work.expect.path, work.payload, check)
            await host.gather([host.remove(temporary, recursive=True), place])
    return Outcome()


async def _check(host: Host, path: str, payload: Payload, command: Sequence[str]) -> str:
    """Run the check on a private copy of the new file, and return the directory that is to be removed."""
    temporary = await host.temp_directory("check")
    copy = posixpath.join(temporary, posixpath.basename(path))
    argv = [word.replace("%s", copy) for word in command]
    upload = FileWork(FileStat(copy), Attributes(mode=Mode(0o600)), payload)
    try:
        replies = await host.gather([operation(host, upload), host.run(argv)])
    except OperationError:
        await host.remove(temporary, recursive=True)
        raise
    result = cast("CommandResult", replies[1])
    if not result.ok:
        await host.remove(temporary, recursive=True)
        said = (result.stderr or result.stdout).strip() or f"exit code {result.rc}"
        raise TaskError(f"the new {path} did not pass {argv[0]}, so the old one stays: {said}")
    return temporary
