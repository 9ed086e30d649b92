# SPDX-License-Identifier: GPL-3.0-or-later
"""The `directory` module."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Self, cast

from pydantic import model_validator

from jetpack_core.contracts.attributes import (
    NEW_DIRECTORY_MODE,
    Attributes,
    FileAttributes,
    additions,
    differences,
    needed,
    new_state,
    prefixed,
    seen,
    with_attributes,
)
from jetpack_core.contracts.fields import FileMode, HostPath
from jetpack_core.contracts.host import Host
from jetpack_core.contracts.operations import Operation
from jetpack_core.contracts.paths import explained, is_vital, noun, refuse_dangling, require_accounts
from jetpack_core.errors import OperationCode, OperationError, StaleError, TaskError
from jetpack_core.modules.files.removal import plan_removal
from jetpack_core.records import Change, FileKind, FileStat, Outcome, PathEffect, Plan, PlanKind


@dataclass(frozen=True, slots=True)
class DirectoryWork:
    """What is to be done: make the directory, or set attributes of it and of paths below it."""

    now: FileStat
    settings: tuple[tuple[FileStat, Attributes], ...] = ()


class Directory(FileAttributes):
    """See that a directory exists, with these attributes, or that there is none.

    Missing directories above it are made too, with 0o755. A link to a directory will do.

    Example::

        - !directory
          path: /srv/app/releases
          owner: app
          mode: 0o750
        - !directory
          path: /srv/app/shared
          group: www-data
          recurse: true
        - !directory
          path: /srv/old-app
          remove: true
    """

    path: HostPath
    """The directory."""
    remove: bool = False
    """Remove the directory instead, with all it contains. The directories a system is made of are refused."""
    recurse: bool = False
    """Give the attributes to everything below as well; a link below gets owner and group only, and is not followed."""
    file_mode: FileMode | None = None
    """With `recurse`: the permissions of files below, where `mode` is for the directories."""

    @model_validator(mode="after")
    def _refuse_danger(self) -> Self:
        if self.remove and is_vital(self.path):
            message = f"{self.path} is never removed: the system itself needs it, or '..' hides what is meant"
            raise ValueError(message)
        if self.recurse and posixpath.normpath(self.path).strip("/") == "":
            message = "'recurse' on / would change the whole system; name the directory that is meant"
            raise ValueError(message)
        if self.file_mode is not None and not self.recurse:
            message = "'file_mode' is for the files below, so it needs 'recurse'"
            raise ValueError(message)
        return self

    async def plan(self, host: Host) -> Plan:
        """Look at the directory, and with `recurse` at everything below it."""
        with explained(self.path):
            if self.remove:
                return self._plan_removal(await host.stat(self.path))
            now, below = await self._look(host)
        if now.is_directory:
            return await require_accounts(host, self._plan_attributes(now, below))
        if now.exists:
            raise TaskError(f"{self.path} is {noun(now)}, not a directory")
        missing = await self._missing_parents(host) if host.planning else ()
        state = new_state(host, self.path, FileKind.DIRECTORY, self.wanted, NEW_DIRECTORY_MODE)
        above = [new_state(host, path, FileKind.DIRECTORY, Attributes(), NEW_DIRECTORY_MODE) for path in missing]
        plan = Plan(
            PlanKind.CREATE,
            (
                *(Change(path, None, FileKind.DIRECTORY) for path in missing),
                *additions(self.wanted, NEW_DIRECTORY_MODE),
            ),
            effects=tuple(PathEffect(one) for one in (*above, state)),
            data=DirectoryWork(seen(now)),
        )
        return await require_accounts(host, plan)

    def _plan_removal(self, now: FileStat) -> Plan:
        if now.exists and not now.is_directory:
            raise TaskError(f"{self.path} is {noun(now)}, not a directory", hint="use !file or !link to remove it")
        return plan_removal(now)

    async def _look(self, host: Host) -> tuple[FileStat, Sequence[FileStat]]:
        if not self.recurse:
            return await host.stat(self.path, follow=True), ()
        try:
            now, below = await host.gather(self._questions(host))
        except OperationError as error:
            if error.code not in {OperationCode.NOT_FOUND, OperationCode.NOT_A_DIRECTORY}:
                raise
            return await host.stat(self.path, follow=True), ()
        return cast("FileStat", now), cast("Sequence[FileStat]", below)

    def _questions(self, host: Host) -> Iterator[Operation[object]]:
        yield host.stat(self.path, follow=True)
        yield host.walk(self.path)

    def _plan_attributes(self, now: FileStat, below: Sequence[FileStat]) -> Plan:
        changes = list(differences(now, self.wanted))
        settings = [(seen(now), needed(now, self.wanted))] if changes else []
        effects = [PathEffect(with_attributes(now, self.wanted))] if changes else []
        for one in below:
            wanted = self._wanted_below(one)
            its_changes = differences(one, wanted)
            if its_changes:
                changes += prefixed(posixpath.relpath(one.path, self.path), its_changes)
                settings.append((seen(one), needed(one, wanted)))
                effects.append(PathEffect(with_attributes(one, wanted)))
        if not changes:
            return Plan(PlanKind.NONE)
        work = DirectoryWork(now, tuple(settings))
        return Plan(PlanKind.MODIFY, tuple(changes), effects=tuple(effects), data=work)

    def _wanted_below(self, now: FileStat) -> Attributes:
        if self.file_mode is None or now.is_directory:
            return self.wanted
        return self.wanted.model_copy(update={"mode": self.file_mode})

    def applies_at_once(self, plan: Plan) -> bool:
        """Tell that all but a removal is one step; what is removed with a directory is not in its state."""
        return plan.kind is not PlanKind.REMOVE

    async def apply(self, host: Host, plan: Plan) -> Outcome:
        """Make the directory, set attributes, or remove it with its contents."""
        with explained(self.path):
            if plan.kind is PlanKind.REMOVE:
                await host.remove(self.path, recursive=True, expect=cast("FileStat", plan.data))
            elif plan.kind is PlanKind.CREATE:
                await self._create(host)
            else:
                await host.gather(_set(host, self.path, cast("DirectoryWork", plan.data)))
        return Outcome()

    async def _create(self, host: Host) -> None:
        wanted = self.wanted
        try:
            await host.make_directory(self.path, mode=wanted.mode, owner=wanted.owner, group=wanted.group, parents=True)
        except OperationError as error:
            if error.code is not OperationCode.EXISTS:
                raise
            refuse_dangling(await host.stat(self.path))
            raise StaleError(self.path) from error

    async def _missing_parents(self, host: Host) -> tuple[str, ...]:
        """Return which directories above are missing, top first. Raises TaskError when one cannot be made."""
        above, path = [], self.path
        while (path := posixpath.dirname(path)) != "/":
            above.append(path)
        itself, *states = await host.gather([host.stat(self.path), *(host.stat(one, follow=True) for one in above)])
        refuse_dangling(itself)
        nearest = next((now for now in states if now.exists), None)
        if nearest is not None and not nearest.is_directory:
            raise TaskError(f"{nearest.path} is {noun(nearest)}, and a directory is to be there")
        return tuple(now.path for now in reversed(states) if not now.exists)


def _set(host: Host, top: str, work: DirectoryWork) -> list[Operation[None]]:
    """Return one operation for each path; of the paths, only the top may be a link that is followed."""
    return [
        host.set_attributes(
            now.path,
            mode=wanted.mode,
            owner=wanted.owner,
            group=wanted.group,
            follow=now.path == top,
            expect=now,
        )
        for now, wanted in work.settings
    ]
