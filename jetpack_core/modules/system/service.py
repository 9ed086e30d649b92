# SPDX-License-Identifier: GPL-3.0-or-later
"""The module `service`."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, ClassVar, Final, Self, cast

from pydantic import AfterValidator, ValidationError, model_validator

from jetpack_core.contracts.module import Module
from jetpack_core.errors import TaskError
from jetpack_core.modules.commands.chain import before_that, chain, last_words
from jetpack_core.modules.system.init_systems import Command, InitSystem, OpenRc, ServiceState, SysVinit
from jetpack_core.modules.system.sd_service import SdService
from jetpack_core.records import Change, FileStat, Outcome, Plan, PlanKind

if TYPE_CHECKING:
    from jetpack_core.contracts.host import Host

_NAME: Final = re.compile(r"(?![-.])[A-Za-z0-9:_.\\@+-]{1,255}")
# Each says by a path that it runs the system: sd_booted(3), openrc(8). SysVinit leaves no such mark.
_MARKS: Final = {"systemd": "/run/systemd/system", "openrc": "/run/openrc/softlevel"}
_SCRIPTS: Final = "/etc/init.d"
_SERVICE: Final = ("/usr/sbin/service", "/sbin/service")
# Those that need another way, by what they are known by.
_OTHERS: Final = {
    "runit": "/run/runit",
    "s6": "/run/s6",
    "launchd": "/System/Library/LaunchDaemons",
    "rc.d of BSD": "/etc/rc.subr",
}


def _service_name(value: str) -> str:
    if not _NAME.fullmatch(value):
        message = f"{value!r} is not the name of a service: letters, digits and : - _ . \\ @ +"
        raise ValueError(message)
    return value


@dataclass(frozen=True, slots=True)
class _Systemd:
    """The plan of systemd's own module."""

    module: SdService
    data: object


@dataclass(frozen=True, slots=True)
class _Work:
    """The commands for another init system, and what the service is to be in the end."""

    system: InitSystem
    commands: tuple[Command, ...]
    running: bool | None


class Service(Module):
    """Start, stop, enable and restart a service, whatever the init system.

    systemd, OpenRC and SysVinit are known. The fact `jet_init` decides where `facts` gathered it; otherwise the host
    is asked, which takes one more round trip. What only systemd can do is in `sd_service`.

    Example::

        - !service
          service: cron
          started: true
          enabled: true
        - !service
          name: the web server of each family
          service: "{{ 'apache2' if jet_os_flavor == 'Debian' else 'httpd' }}"
          restart: true
    """

    service: Annotated[str, AfterValidator(_service_name)]
    """The service's name."""
    started: bool | None = None
    """Whether it runs."""
    enabled: bool | None = None
    """Whether it is started with the system: in OpenRC's runlevel `default`, in those of the init script elsewhere."""
    restart: bool = False
    """Restart it, or start it."""
    reload: bool = False
    """Let it read its configuration anew, if it runs. A restart, or a start, does that as well."""

    titled_by: ClassVar[str] = "service"
    fact: ClassVar[str] = "jet_init"

    @model_validator(mode="after")
    def _one_meaning(self) -> Self:
        message = ""
        if self.started is False and (self.restart or self.reload):
            message = f"'started: false' and '{'restart' if self.restart else 'reload'}' exclude each other"
        elif not self.model_fields_set & {"started", "enabled", "restart", "reload"}:
            message = "nothing is to be done; say 'started', 'enabled', 'restart' or 'reload'"
        if message:
            raise ValueError(message)
        return self

    async def plan(self, host: Host) -> Plan:
        """Choose the init system, ask it, and compare. Raises TaskError for a service that cannot be as wanted."""
        known = host.variables.get(self.fact)
        chosen = known if isinstance(known, str) and known in _MARKS else await _detect(host)
        if chosen == "systemd":
            return await self._plan_systemd(host)
        system: InitSystem = OpenRc() if chosen == "openrc" else SysVinit()
        return self._compared(system, await system.read(host, self.service))

    async def _plan_systemd(self, host: Host) -> Plan:
        try:
            module = SdService.model_validate({name: getattr(self, name) for name in self.model_fields_set})
        except ValidationError as error:
            raise TaskError(error.errors()[0]["msg"].removeprefix("Value error, ")) from error
        plan = await module.plan(host)
        return replace(plan, data=_Systemd(module, plan.data))

    def _compared(self, system: InitSystem, now: ServiceState) -> Plan:
        self._require_possible(system, now)
        changes = []
        commands: list[Command] = []
        if self.enabled is not None and self.enabled != now.enabled:
            changes.append(Change("enabled", now.enabled, self.enabled))
            commands += (system.enable if self.enabled else system.disable)(self.service, now)
        verb = self._verb(now)
        if verb in {"start", "stop"}:
            changes.append(Change("running", now.running, verb == "start"))
        if verb:
            commands.append(system.act(self.service, verb))
        if not commands:
            return Plan(PlanKind.NONE, outcome=Outcome(_result(now.running, now.enabled)))
        work = _Work(system, tuple(commands), verb != "stop" if verb else None)
        return Plan(PlanKind.MODIFY if changes else PlanKind.EXECUTE, tuple(changes), data=work)

    def _require_possible(self, system: InitSystem, now: ServiceState) -> None:
        if not now.exists and (self.started or self.enabled or self.restart or self.reload):
            raise TaskError(f"{system.name} knows no service {self.service}", hint="install what brings it")
        if now.doubt and (self.started is not None or self.restart or self.reload):
            raise TaskError(f"it cannot be told whether {self.service} runs: {now.doubt}")

    def _verb(self, now: ServiceState) -> str:
        if not now.running:
            return "start" if self.started or self.restart else ""
        if self.started is False:
            return "stop"
        return "restart" if self.restart else "reload" if self.reload else ""

    async def apply(self, host: Host, plan: Plan) -> Outcome:
        """Do it in one round trip, and see what came of it. Raises TaskError with the last words of the init system."""
        if isinstance(plan.data, _Systemd):
            return await plan.data.module.apply(host, replace(plan, data=plan.data.data))
        work = cast("_Work", plan.data)
        system = work.system
        ended, status, levels = await host.gather(
            [
                host.run(chain(work.commands)),
                host.query(system.status_query(self.service)),
                host.query(system.levels_query(self.service)),
            ]
        )
        if not ended.ok:
            # What comes first is the change of runlevels.
            told = before_that(ended, ["its runlevels were changed"] if self.enabled is not None else [])
            raise TaskError(f"{self.service}: {last_words(ended)}{told}")
        running = status.ok
        if work.running is not None and work.running != running:
            said = last_words(ended) if ended.stderr.strip() else last_words(status)
            outcome = "runs" if running else "does not run"
            raise TaskError(f"{self.service} {outcome} after all: {said}", hint=system.remedy)
        return Outcome(_result(running, system.parse(status, levels, FileStat("")).enabled))


async def _detect(host: Host) -> str:
    """Return the init system that runs the host. Raises TaskError for one that is not known."""
    paths = [*_MARKS.values(), _SCRIPTS, *_SERVICE, *_OTHERS.values()]
    found = await host.gather([host.stat(path, follow=True) for path in paths])
    there = {path for path, now in zip(paths, found, strict=True) if now.exists}
    for name, path in _MARKS.items():
        if path in there:
            return name
    other = next((name for name, path in _OTHERS.items() if path in there), "")
    if other or _SCRIPTS not in there or not there & set(_SERVICE):
        what = f"is managed by {other}" if other else "has neither systemd nor OpenRC nor the scripts of SysVinit"
        hint = "use !command with the tool of the host"
        raise TaskError(f"the host {what}, which this module does not know", hint=hint)
    return "sysvinit"


def _result(running: bool, enabled: bool) -> dict[str, object]:
    return {"running": running, "enabled": enabled}
