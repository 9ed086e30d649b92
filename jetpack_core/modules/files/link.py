# SPDX-License-Identifier: GPL-3.0-or-later
"""The `link` module."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Self, cast

from pydantic import AfterValidator, model_validator

from jetpack_core.contracts.attributes import Attributes, new_state, seen
from jetpack_core.contracts.fields import FileName
from jetpack_core.contracts.host import Host
from jetpack_core.contracts.module import Module
from jetpack_core.contracts.paths import explained, noun, require_parent
from jetpack_core.errors import TaskError
from jetpack_core.modules.files.removal import plan_removal
from jetpack_core.records import Change, CommandResult, FileKind, FileStat, Outcome, PathEffect, Plan, PlanKind

_LINK_MODE = 0o777


def _target(value: str) -> str:
    if not value or "\0" in value:
        message = "a link needs a target"
        raise ValueError(message)
    if value.startswith("~"):
        message = "'~' is not expanded on hosts; write the directory, such as /home/{{ username }}"
        raise ValueError(message)
    return value


class Link(Module):
    """See that a symbolic or hard link exists and where it points, or that there is none.

    A link that points elsewhere is changed, atomically. A file in the way is replaced only with `force`, a
    directory never.

    Example::

        - !link
          path: /srv/app/current
          target: releases/2.4.1
        - !link
          path: /etc/nginx/sites-enabled/default
          remove: true
    """

    path: FileName
    """The link."""
    target: Annotated[str, AfterValidator(_target)] | None = None
    """What it points to, as it is written into the link: absolute, or relative to the link's directory.

    It need not exist. For a hard link it is the absolute path of a file on the same file system.
    """
    hard: bool = False
    """Make a hard link: one more name of the same file."""
    force: bool = False
    """Replace a file that is in the way."""
    remove: bool = False
    """Remove the link instead; a file that is no symbolic link is removed only if `hard` says that it is meant."""

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.target is None and not self.remove:
            message = "'target' is missing: what is the link to point to?"
            raise ValueError(message)
        if self.hard and self.target is not None and not self.target.startswith("/"):
            message = f"the target of a hard link must be an absolute path, not {self.target!r}"
            raise ValueError(message)
        return self

    async def plan(self, host: Host) -> Plan:
        """Look at the link, and at its target if it is to be a hard one."""
        with explained(self.path):
            if self.remove:
                return self._plan_removal(await host.stat(self.path))
            if self.hard:
                return await self._plan_hard(host)
            now = await host.stat(self.path)
        if now.kind is FileKind.SYMLINK and now.target == self.target:
            return Plan(PlanKind.NONE)
        return await self._plan_new(host, now, now.target, replace(self._new_link(host), target=self.target))

    def _plan_removal(self, now: FileStat) -> Plan:
        if now.is_directory or (now.exists and now.kind is not FileKind.SYMLINK and not self.hard):
            hint = "use !directory" if now.is_directory else "use !file, or say `hard: true` for a hard link"
            raise TaskError(f"{self.path} is {noun(now)}, not a link", hint=hint)
        return plan_removal(now)

    async def _plan_hard(self, host: Host) -> Plan:
        # POSIX 2024: true when both names are the same file.
        is_same = host.query(["test", self.path, "-ef", self.target or ""])
        questions = [host.stat(self.path), host.stat(self.target or "", checksum=host.planning), is_same]
        # Plan mode asks the last one by itself: of two names that are planned, it cannot be answered.
        looked = await host.gather(questions[:2] if host.planning else questions)
        now, target = cast("tuple[FileStat, FileStat]", looked[:2])
        if not target.exists:
            raise TaskError(f"{target.path} does not exist, so it cannot get a hard link")
        if not target.is_file:
            raise TaskError(f"{target.path} is {noun(target)}; only files have hard links")
        if now.is_file and (await is_same if host.planning else cast("CommandResult", looked[2])).ok:
            return Plan(PlanKind.NONE)
        return await self._plan_new(host, now, None, replace(target, path=self.path))

    async def _plan_new(self, host: Host, now: FileStat, before: str | None, state: FileStat) -> Plan:
        self._refuse_in_the_way(now)
        kinds = (Change("kind", now.kind, state.kind),) if now.exists and now.kind is not state.kind else ()
        if not now.exists:
            await require_parent(host, self.path)
        return Plan(
            PlanKind.MODIFY if now.exists else PlanKind.CREATE,
            (*kinds, Change("target", before, self.target)),
            effects=(PathEffect(state),),
            data=seen(now),
        )

    def _refuse_in_the_way(self, now: FileStat) -> None:
        if now.is_directory:
            raise TaskError(
                f"{self.path} is a directory, which a link never replaces", hint="remove it with !directory"
            )
        if now.exists and now.kind is not FileKind.SYMLINK and not self.force:
            raise TaskError(f"{self.path} is {noun(now)}, not a link", hint="say `force: true` to replace it")

    def _new_link(self, host: Host) -> FileStat:
        return new_state(host, self.path, FileKind.SYMLINK, Attributes(), _LINK_MODE)

    def applies_at_once(self, plan: Plan) -> bool:
        """Tell that a link is one operation."""
        return True

    async def apply(self, host: Host, plan: Plan) -> Outcome:
        """Make, change or remove the link."""
        expect = cast("FileStat", plan.data)
        with explained(self.path):
            if plan.kind is PlanKind.REMOVE:
                await host.remove(self.path, expect=expect)
            else:
                await host.link(self.path, self.target or "", hard=self.hard, replace=expect.exists, expect=expect)
        return Outcome()
