# SPDX-License-Identifier: GPL-3.0-or-later
"""Moving what was planned, and taking back what was begun where a step fails."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from jetpack_core.contracts.attributes import needed
from jetpack_core.contracts.host import Host
from jetpack_core.contracts.operations import Operation
from jetpack_core.contracts.paths import explained
from jetpack_core.errors import JetpackError, OperationCode, OperationError, StaleError, TaskError
from jetpack_core.records import FileKind, FileStat, Outcome
from jetpack_plugin_move.crossing import copied, crossing, is_crossing
from jetpack_plugin_move.exchange import Swap, swap
from jetpack_plugin_move.work import Action, Work, beside


async def carry_out(host: Host, work: Work) -> Outcome:
    """Do the work. Raises StaleError where a path is not what the plan saw, else TaskError or OperationError."""
    with explained(work.dest.path), _staleness(work):
        if work.action is Action.ATTRIBUTES:
            await host.gather([*_adjusted(host, work.dest, work)])
            return _outcome(work, moved=False)
        if work.action is Action.DROP:
            guard = [*_adjusted(host, work.dest, work)] or [_unchanged(host, work.dest)]
            await host.gather([*guard, host.remove(work.source.path, expect=work.source)])
            return _outcome(work, moved=True)
        if work.action is Action.EXCHANGE:
            await _exchange(host, work)
            return _outcome(work, moved=True)
        return await _move(host, work)


@contextmanager
def _staleness(work: Work) -> Iterator[None]:
    """Call it a change in between when one of the two paths came or went since the plan."""
    try:
        yield
    except OperationError as error:
        paths = {work.source.path, work.dest.path}
        if error.subject in paths and error.code in {OperationCode.NOT_FOUND, OperationCode.EXISTS}:
            raise StaleError(error.subject) from error
        raise


def _outcome(work: Work, *, moved: bool, crossed: bool = False) -> Outcome:
    method = "copy" if crossed else work.action.value
    return Outcome({"moved": moved, "backup": work.backup, "method": method, "cross_device": crossed})


def _unchanged(host: Host, now: FileStat) -> Operation[object]:
    """Return the operation that changes nothing, and is refused where the path is not what it was."""
    return host.set_attributes(now.path, expect=now)


def _adjusted(host: Host, now: FileStat, work: Work) -> Iterator[Operation[object]]:
    """Give a path the attributes wanted, where it has others."""
    short = needed(now, work.wanted)
    if short.owner is None and short.group is None and short.mode is None:
        return
    yield host.set_attributes(now.path, mode=short.mode, owner=short.owner, group=short.group, expect=now)


async def _move(host: Host, work: Work) -> Outcome:
    made: list[Operation[object]] = []
    if work.missing_parents:
        made.append(host.make_directory(work.missing_parents[-1], parents=True))
    crossed = False
    try:
        await _put_in_place(host, work, work.source, made)
    except OperationError as error:
        if not is_crossing(error):
            raise
        crossed = True
        await _cross(host, work)
    if work.expired:
        await host.gather([host.remove(old.path, recursive=True, expect=old) for old in work.expired])
    return _outcome(work, moved=True, crossed=crossed)


async def _cross(host: Host, work: Work) -> None:
    """Copy to the other file system, put the copy in place, and remove the source."""
    async with copied(host, work.source.path, work.dest.path) as pair:
        await _put_in_place(host, work, pair.copy, [])
        try:
            await host.remove(work.source.path, recursive=pair.source.is_directory, expect=pair.source)
        except OperationError as error:
            hint = "remove it by hand once you know why"
            message = f"{work.dest.path} is in place, but {error.subject} could not be removed: {error.code.value}"
            raise TaskError(message, hint=hint) from error


async def _put_in_place(host: Host, work: Work, arriving: FileStat, first: list[Operation[object]]) -> None:
    """Rename something to the destination, after what is there was backed up or moved out of the way."""
    steps = [*first]
    if work.dest.exists:
        steps.append(_unchanged(host, work.dest))
    adjusted = [*_adjusted(host, arriving, work)]
    steps += adjusted
    dest = work.dest.path
    expect = None if adjusted else arriving
    if work.backup is None and not work.needs_room:
        await host.gather([*steps, host.rename(arriving.path, dest, replace=work.dest.exists, expect=expect)])
        return
    if work.needs_room:
        guard = [] if adjusted else [_unchanged(host, arriving)]
        if await _swapped_in(host, work, arriving, [*steps, *guard]):
            return
    elif steps:
        await host.gather(steps)
    aside = work.backup or beside(dest)
    await _make_room(host, work, aside)
    try:
        await host.rename(arriving.path, dest, replace=not work.needs_room, expect=expect)
    except JetpackError:
        await _undo(host, work, aside)
        raise
    if work.backup is None:
        await host.remove(aside, recursive=True)


async def _swapped_in(host: Host, work: Work, arriving: FileStat, steps: list[Operation[object]]) -> bool:
    """Exchange something with the destination, so that there is always one, and put the old one away.

    Returns whether the host could. Raises OperationError where the two are on different file systems.
    """
    dest = work.dest.path
    aside = work.backup or beside(arriving.path)
    done = await swap(host, steps, arriving.path, dest, aside)
    if done is Swap.ASIDE_APART:
        async with copied(host, dest, aside) as pair:
            await host.rename(pair.copy.path, aside)
        aside = beside(arriving.path)
        done = await swap(host, [_unchanged(host, work.dest)], arriving.path, dest, aside)
    if done is Swap.APART:
        raise crossing(dest)
    if done is Swap.IMPOSSIBLE:
        return False
    if aside != work.backup:
        await host.remove(aside, recursive=True)
    return True


async def _make_room(host: Host, work: Work, aside: str) -> None:
    """Get the old destination to another name; a file or link keeps its own as well, until it is replaced."""
    dest = work.dest
    if work.needs_room:
        await _rename_or_copy(host, dest.path, aside)
    elif dest.kind is FileKind.SYMLINK:
        await host.link(aside, dest.target or "")
    else:
        try:
            await host.link(aside, dest.path, hard=True)
        except OperationError as error:
            if error.code not in {OperationCode.OTHER, OperationCode.PERMISSION}:
                raise
            # Another file system, or one without hard links.
            async with copied(host, dest.path, aside) as pair:
                await host.rename(pair.copy.path, aside)


async def _rename_or_copy(host: Host, source: str, dest: str) -> None:
    try:
        await host.rename(source, dest)
    except OperationError as error:
        if not is_crossing(error):
            raise
        async with copied(host, source, dest) as pair:
            await host.rename(pair.copy.path, dest)
            await host.remove(source, recursive=True, expect=pair.source)


async def _undo(host: Host, work: Work, aside: str) -> None:
    if work.needs_room:
        await _rename_or_copy(host, aside, work.dest.path)
    else:
        await host.remove(aside)


async def _exchange(host: Host, work: Work) -> None:
    source, dest = work.source.path, work.dest.path
    adjusted = [*_adjusted(host, work.source, work)]
    guards = [_unchanged(host, work.dest), *(adjusted or [_unchanged(host, work.source)])]
    try:
        done = await swap(host, guards, source, dest)
        if done is Swap.APART:
            raise crossing(dest)
        if done is Swap.IMPOSSIBLE:
            await _exchange_by_renames(host, source, dest)
    except OperationError as error:
        if not is_crossing(error):
            raise
        hint = "only what is on one file system can be exchanged"
        raise TaskError(f"{source} and {dest} are on different file systems", hint=hint) from error


async def _exchange_by_renames(host: Host, source: str, dest: str) -> None:
    """Exchange two names where the host cannot in one step; where a rename fails, those before it are taken back."""
    aside = beside(source)
    await host.rename(source, aside)
    try:
        await host.rename(dest, source)
    except JetpackError:
        await host.rename(aside, source)
        raise
    try:
        await host.rename(aside, dest)
    except JetpackError:
        await host.gather([host.rename(source, dest), host.rename(aside, source)])
        raise
