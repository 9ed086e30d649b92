# SPDX-License-Identifier: GPL-3.0-or-later
"""Edit a text file in place; what `line` and `block` share."""

from __future__ import annotations

import re
from abc import abstractmethod
from dataclasses import dataclass, replace
from typing import Annotated, Final, Self, cast

from pydantic import AfterValidator, model_validator

from jetpack_core.contracts.attributes import FileAttributes, for_secrets
from jetpack_core.contracts.fields import FileName
from jetpack_core.contracts.host import Host
from jetpack_core.contracts.paths import explained, refuse_in_the_way, require_accounts, require_parent
from jetpack_core.errors import TaskError
from jetpack_core.modules.files.content import FileWork, compare, operation, plan_new
from jetpack_core.modules.files.document import Document, document_of
from jetpack_core.modules.files.payload import checksum_of, payload_of_bytes
from jetpack_core.records import Change, FileStat, Outcome, PathEffect, Plan, PlanKind

EDIT_LIMIT: Final = 16 * 1024 * 1024
"""Bytes of the largest file that is edited."""


def _pattern(value: str) -> str:
    try:
        re.compile(value)
    except re.error as error:
        message = f"{value!r} is not a regular expression: {error}"
        raise ValueError(message) from error
    return value


Pattern = Annotated[str, AfterValidator(_pattern)]
"""A regular expression of Python's `re`, searched for in each line."""


def one_line(value: str) -> str:
    """Return the text, refusing one that is no line; pydantic reports the ValueError."""
    if not value or "\n" in value or "\r" in value:
        message = "this must be one line, and not an empty one"
        raise ValueError(message)
    return value


@dataclass(frozen=True, slots=True)
class EditWork:
    """The file as it is to be, and the path its old version is kept at."""

    file: FileWork
    backup: str | None = None


class TextEdit(FileAttributes):
    """A module that changes some lines of a file and leaves every other byte as it was.

    A link is followed. Newlines are those the file uses; a byte order mark, a missing last newline and bytes that
    are not UTF-8 stay.
    """

    path: FileName
    """The file."""
    insert_after: Pattern | None = None
    """Where something new goes: behind the last line that this regular expression is found in, or `EOF`."""
    insert_before: Pattern | None = None
    """Where something new goes: before the last line that this regular expression is found in, or `BOF`."""
    create: bool = False
    """Make the file if it is missing; otherwise that is an error."""
    backup: bool = False
    """Keep the old version beside the file, as NAME.CHECKSUM.bak, with its time, owner and mode."""

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if self.insert_after is not None and self.insert_before is not None:
            message = "give either 'insert_after' or 'insert_before'"
            raise ValueError(message)
        return self

    @property
    @abstractmethod
    def removing(self) -> bool:
        """Tell whether something is to go, so that a missing file is as wanted."""

    @abstractmethod
    def edit(self, document: Document) -> Document:
        """Return the document as it is to be. Raises TaskError when it cannot be told what is meant."""

    def place(self, document: Document) -> int:
        """Return the index at which something new goes: the end, unless said otherwise."""
        if self.insert_before == "BOF":
            return 0
        wanted = self.insert_before if self.insert_after is None else self.insert_after
        if wanted is None or self.insert_after == "EOF":
            return len(document.lines)
        found = matching(document, wanted)
        if not found:
            return len(document.lines)
        return found[-1] if self.insert_after is None else found[-1] + 1

    def applies_at_once(self, plan: Plan) -> bool:
        """Tell that the edited file is put in place only where it is still the one that was read."""
        return cast("EditWork", plan.data).backup is None

    async def plan(self, host: Host) -> Plan:
        """Read the file and edit it in memory."""
        with explained(self.path):
            now = await host.stat(self.path, follow=True, checksum=True, content=EDIT_LIMIT)
        refuse_in_the_way(now)
        if not now.exists:
            return await self._plan_missing(host, now)
        payload = payload_of_bytes(self.edit(document_of(now, EDIT_LIMIT)).to_bytes())
        plan = compare(now, payload, for_secrets(host, now, self.wanted))
        return await require_accounts(host, self._with_backup(now, plan))

    async def _plan_missing(self, host: Host, now: FileStat) -> Plan:
        if self.removing:
            return Plan(PlanKind.NONE)
        if not self.create:
            raise TaskError(f"{self.path} does not exist", hint="say `create: true` to make it")
        await require_parent(host, self.path, follow=True)
        payload = payload_of_bytes(self.edit(Document()).to_bytes())
        plan = await require_accounts(host, plan_new(host, now, payload, for_secrets(host, now, self.wanted)))
        return replace(plan, data=EditWork(cast("FileWork", plan.data)))

    def _with_backup(self, now: FileStat, plan: Plan) -> Plan:
        """Keep the old version, where the plan is to change the content and it is wanted."""
        if not plan.needed:
            return plan
        work = cast("FileWork", plan.data)
        if not self.backup or work.payload is None:
            return replace(plan, data=EditWork(work))
        kept = _backup_of(now)
        return replace(
            plan,
            changes=(*plan.changes, Change("backup", None, kept)),
            effects=(*plan.effects, PathEffect(replace(now, path=kept))),
            data=EditWork(work, kept),
        )

    async def apply(self, host: Host, plan: Plan) -> Outcome:
        """Put the edited file in place, or set its attributes."""
        work = cast("EditWork", plan.data)
        place = operation(host, work.file, follow=True)
        with explained(self.path):
            if work.backup is None:
                await place
                return Outcome()
            await host.gather([host.copy(self.path, work.backup, replace=True), place])
        return Outcome({"backup": work.backup})


def matching(document: Document, pattern: str) -> list[int]:
    """Return the indexes of the lines that a regular expression is found in."""
    search = re.compile(pattern).search
    return [index for index, text in enumerate(document.texts) if search(text)]


def _backup_of(now: FileStat) -> str:
    """Return a name that is the same for plan and apply, and another one for every other version of the file."""
    return f"{now.path}.{checksum_of(now)[:12]}.bak"
