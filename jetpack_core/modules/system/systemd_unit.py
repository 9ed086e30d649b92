# SPDX-License-Identifier: GPL-3.0-or-later
"""The module `systemd_unit`."""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING, Annotated, Final, Self, cast

from pydantic import AfterValidator, model_validator

from jetpack_core.contracts.attributes import Attributes
from jetpack_core.contracts.fields import Mode
from jetpack_core.contracts.module import Module
from jetpack_core.contracts.paths import explained
from jetpack_core.errors import OperationCode, OperationError, TaskError
from jetpack_core.modules.commands.chain import last_words
from jetpack_core.modules.files.content import FileWork, operation, plan_file
from jetpack_core.modules.files.payload import payload_of_bytes
from jetpack_core.modules.files.removal import plan_removal
from jetpack_core.modules.system.units import UnitName, systemctl
from jetpack_core.records import CommandResult, FileStat, Outcome, Plan, PlanKind

if TYPE_CHECKING:
    from jetpack_core.contracts.host import Host
    from jetpack_core.contracts.operations import Operation

# systemd.unit(5): where an administrator's own units are.
_DIRECTORY: Final = "/etc/systemd/system"
_MODE: Final = Mode(0o644)


def _text(value: str) -> str:
    if not value.strip() or "\0" in value:
        message = "a unit has at least one section, such as [Service]"
        raise ValueError(message)
    return value if value.endswith("\n") else f"{value}\n"


class SystemdUnit(Module):
    """Write a unit of systemd, and let systemd read it.

    A new text is first shown to `systemd-analyze verify`: what systemd could not use is never put in place.

    Example::

        - !systemd_unit
          unit: app.service
          content: |
            [Unit]
            Description=The application
            [Service]
            ExecStart=/usr/bin/sleep infinity
            [Install]
            WantedBy=multi-user.target
        - !systemd_unit
          unit: old.timer
          remove: true
    """

    unit: UnitName
    """The unit's name; a name without a type is that of a service."""
    content: Annotated[str, AfterValidator(_text)] | None = None
    """Its text."""
    verify_unit: bool = True
    """Have the text checked first. The programs it starts must then be there already."""
    remove: bool = False
    """Remove the unit's file. Stop and disable the unit before that, with !sd_service."""

    @model_validator(mode="after")
    def _one_meaning(self) -> Self:
        if self.remove == (self.content is not None):
            message = "give either 'content' or 'remove: true'"
            raise ValueError(message)
        return self

    @property
    def _path(self) -> str:
        return posixpath.join(_DIRECTORY, self.unit)

    async def plan(self, host: Host) -> Plan:
        """Compare the unit's file with what it is to be."""
        if self.content is None:
            return plan_removal(await host.stat(self._path, checksum=True))
        return await plan_file(host, self._path, payload_of_bytes(self.content.encode()), Attributes(mode=_MODE))

    async def apply(self, host: Host, plan: Plan) -> Outcome:
        """Check, put in place and reload, in three round trips at most. Raises TaskError with systemd's words."""
        reload = host.run(systemctl("system", "daemon-reload"))
        with explained(self._path):
            if plan.kind is PlanKind.REMOVE:
                steps: list[Operation[object]] = [host.remove(self._path, expect=cast("FileStat", plan.data))]
            else:
                work = cast("FileWork", plan.data)
                checked = [await self._check(host)] if self.verify_unit and work.payload is not None else []
                steps = [*(host.remove(path, recursive=True) for path in checked), operation(host, work)]
            replies = await host.gather([*steps, reload])
        ended = cast("CommandResult", replies[-1])
        if not ended.ok:
            raise TaskError(f"{self.unit} is in place, and systemd did not read it: {last_words(ended)}")
        return Outcome()

    async def _check(self, host: Host) -> str:
        """Let systemd judge a private copy; returns the directory that is to be removed."""
        temporary = await host.temp_directory("unit")
        copy = posixpath.join(temporary, self.unit)
        verify = host.run(["systemd-analyze", "verify", "--man=no", copy])
        try:
            replies = await host.gather([host.write(copy, (self.content or "").encode(), mode=_MODE), verify])
        except OperationError as error:
            await host.remove(temporary, recursive=True)
            if error.code is OperationCode.NOT_FOUND:
                raise TaskError("the host has no systemd-analyze: systemd does not manage it") from error
            raise
        ended = cast("CommandResult", replies[1])
        if not ended.ok or f"{copy}:" in ended.stderr:
            await host.remove(temporary, recursive=True)
            said = last_words(ended).replace(f"{temporary}/", "")
            raise TaskError(f"{self.unit} is no unit that systemd could use, so nothing was changed: {said}")
        return temporary
