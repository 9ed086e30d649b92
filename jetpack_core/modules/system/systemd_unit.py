# SPDX-License-Identifier: GPL-3.0-or-later
"""The module `systemd_unit`."""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Final, Self, cast

from pydantic import AfterValidator, model_validator

from jetpack_core.contracts.attributes import Attributes, for_secrets, new_state
from jetpack_core.contracts.fields import Mode
from jetpack_core.contracts.module import Module
from jetpack_core.contracts.paths import explained, refuse_in_the_way
from jetpack_core.errors import OperationCode, OperationError, StaleError, TaskError
from jetpack_core.modules.commands.chain import last_words
from jetpack_core.modules.files.content import FileWork, compare, operation, plan_new
from jetpack_core.modules.files.payload import content_limit, payload_of_bytes
from jetpack_core.modules.files.removal import plan_removal
from jetpack_core.modules.system.units import UnitFileName, systemctl
from jetpack_core.records import CommandResult, FileKind, FileStat, Outcome, PathEffect, Plan, PlanKind

if TYPE_CHECKING:
    from jetpack_core.contracts.host import Host
    from jetpack_core.contracts.operations import Operation

# systemd.unit(5): where an administrator's own units are.
_DIRECTORY: Final = "/etc/systemd/system"
_MODE: Final = Mode(0o644)
_DIRECTORY_MODE: Final = Mode(0o755)
_UNKNOWN: Final = 66
# $1: a directory with the drop-in, $2: the unit or an instance of it, $3: its file. The unit is judged as it would be
# with the drop-in.
_VERIFY: Final = """
PATH=$PATH:/usr/sbin:/sbin
command -v systemd-analyze >/dev/null || { echo "the host has no systemd-analyze" >&2; exit 127; }
unit=$(systemctl show --property=FragmentPath --value -- "$2") || exit
[ -s "$unit" ] || exit 66
cp -- "$unit" "$1/$3" || exit
exec systemd-analyze verify --man=no "$1/$3"
"""


def _drop_in(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]*", value):
        message = f"{value!r} is not the name of a drop-in such as override: letters, digits and _ . -"
        raise ValueError(message)
    return value if value.endswith(".conf") else f"{value}.conf"


@dataclass(frozen=True, slots=True)
class _Work:
    """What is to be done."""

    file: FileWork | FileStat
    """What is written, or what is removed."""
    make_directory: bool = False


def _text(value: str) -> str:
    if not value.strip() or "\0" in value:
        message = "a unit has at least one section, such as [Service]"
        raise ValueError(message)
    return value if value.endswith("\n") else f"{value}\n"


class SystemdUnit(Module):
    """Write a unit of systemd or a drop-in for one, and let systemd read it.

    A new text is first shown to `systemd-analyze verify`: what systemd could not use is never put in place. A unit that
    runs goes on as it was started until it is restarted.

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
          unit: worker@.service
          content: |
            [Service]
            ExecStart=/usr/bin/sleep %i
        - !systemd_unit
          unit: nginx
          dropin: limits
          content: |
            [Service]
            LimitNOFILE=65536
        - !systemd_unit
          unit: old.timer
          remove: true
    """

    unit: UnitFileName
    """The unit's name; a name without a type is that of a service. A template ends in `@`, and !sd_service starts an
    instance of it, such as `worker@one`."""
    dropin: Annotated[str, AfterValidator(_drop_in)] | None = None
    """The name of a drop-in, such as `override`: its text is added to the unit, whose own file stays as it is."""
    content: Annotated[str, AfterValidator(_text)] | None = None
    """The text of the unit or drop-in. In a drop-in, a setting that holds a list, such as ExecStart, is emptied by an
    empty one first where it is to be replaced."""
    verify_unit: bool = True
    """Have the text checked first. The programs it starts must then be there already, and so must the unit of a
    drop-in."""
    remove: bool = False
    """Remove the file. Stop and disable a unit before that, with !sd_service."""

    @model_validator(mode="after")
    def _one_meaning(self) -> Self:
        if self.remove == (self.content is not None):
            message = "give either 'content' or 'remove: true'"
            raise ValueError(message)
        return self

    @property
    def _file(self) -> str:
        """Return the name of the file, below the directory of units."""
        return self.unit if self.dropin is None else posixpath.join(f"{self.unit}.d", self.dropin)

    @property
    def _path(self) -> str:
        return posixpath.join(_DIRECTORY, self._file)

    async def plan(self, host: Host) -> Plan:
        """Compare the file with what it is to be."""
        if self.content is None:
            return _carrying(plan_removal(await host.stat(self._path, checksum=True)))
        payload = payload_of_bytes(self.content.encode())
        with explained(self._path):
            directory, now = await host.gather(
                [
                    host.stat(posixpath.dirname(self._path), follow=True),
                    host.stat(self._path, checksum=True, content=content_limit(host, payload)),
                ]
            )
        refuse_in_the_way(now)
        if directory.exists and not directory.is_directory:
            raise TaskError(f"{directory.path} is in the way: it is not a directory")
        wanted = for_secrets(host, now, Attributes(mode=_MODE))
        if now.is_file:
            return _carrying(compare(now, payload, wanted))
        made = () if directory.exists else (PathEffect(_directory(host, directory)),)
        return _carrying(plan_new(host, now, payload, wanted), made)

    async def apply(self, host: Host, plan: Plan) -> Outcome:
        """Check, put in place and reload, in three round trips at most. Raises TaskError with systemd's words."""
        work = cast("_Work", plan.data)
        steps: list[Operation[object]] = []
        with explained(self._path):
            if isinstance(work.file, FileStat):
                steps.append(host.remove(self._path, expect=work.file))
            else:
                if self.verify_unit and work.file.payload is not None:
                    steps.append(host.remove(await self._check(host), recursive=True))
                if work.make_directory:
                    steps.append(host.make_directory(posixpath.dirname(self._path), mode=_DIRECTORY_MODE, parents=True))
                steps.append(operation(host, work.file))
            replies = await self._done(host, [*steps, host.run(systemctl("system", "daemon-reload"))])
        ended = cast("CommandResult", replies[-1])
        if not ended.ok:
            done = "gone" if plan.kind is PlanKind.REMOVE else "in place"
            raise TaskError(f"{self._path} is {done}, and systemd did not read its units anew: {last_words(ended)}")
        return Outcome()

    async def _done(self, host: Host, steps: list[Operation[object]]) -> list[object]:
        try:
            return list(await host.gather(steps))
        except OperationError as error:
            if error.code is OperationCode.EXISTS:
                raise StaleError(error.subject, "somebody made it meanwhile") from error
            raise

    async def _check(self, host: Host) -> str:
        """Let systemd judge a private copy; returns the directory that is to be removed."""
        temporary = await host.temp_directory("unit")
        copy = posixpath.join(temporary, self._file)
        steps: list[Operation[object]] = [host.write(copy, (self.content or "").encode(), mode=_MODE)]
        if self.dropin is None:
            steps.append(host.run(["systemd-analyze", "verify", "--man=no", copy]))
        else:
            name = self.unit.replace("@.", "@i.")
            steps.insert(0, host.make_directory(posixpath.dirname(copy)))
            steps.append(host.run(["sh", "-c", _VERIFY, "sh", temporary, name, self.unit]))
        try:
            ended = cast("CommandResult", (await host.gather(steps))[-1])
        except OperationError as error:
            await host.remove(temporary, recursive=True)
            if error.code is OperationCode.NOT_FOUND:
                raise TaskError("the host has no systemd-analyze: systemd does not manage it") from error
            raise
        if not ended.ok or f"{copy}:" in ended.stderr:
            await host.remove(temporary, recursive=True)
            raise self._refused(ended, f"{temporary}/")
        return temporary

    def _refused(self, ended: CommandResult, temporary: str) -> TaskError:
        if self.dropin is not None and ended.rc == _UNKNOWN:
            hint = "see the spelling, install what brings the unit, or say `verify_unit: false` to write it even so"
            return TaskError(f"there is no unit {self.unit}, or it is masked: {self.dropin} adds to nothing", hint=hint)
        said = last_words(ended).replace(temporary, "")
        what = f"{self.unit} is no unit" if self.dropin is None else f"with {self.dropin}, {self.unit} is no unit"
        return TaskError(f"{what} that systemd could use, so nothing was changed: {said}")


def _directory(host: Host, now: FileStat) -> FileStat:
    return new_state(host, now.path, FileKind.DIRECTORY, Attributes(), _DIRECTORY_MODE)


def _carrying(plan: Plan, made: tuple[PathEffect, ...] = ()) -> Plan:
    """Return the plan of a file as one of this module, with the directory that is made for it."""
    if not plan.needed:
        return plan
    work = _Work(cast("FileWork | FileStat", plan.data), make_directory=bool(made))
    return replace(plan, effects=(*made, *plan.effects), data=work)
