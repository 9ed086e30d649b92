# SPDX-License-Identifier: GPL-3.0-or-later
"""The module `sd_service`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, Self, cast

from pydantic import model_validator

from jetpack_core.contracts.module import Module
from jetpack_core.errors import TaskError
from jetpack_core.modules.commands.chain import before_that, chain, last_words
from jetpack_core.modules.system.units import (
    UnitName,
    UnitState,
    explain_failure,
    parse_unit,
    read_unit,
    show,
    show_settled,
    systemctl,
)
from jetpack_core.records import Change, Outcome, Plan, PlanKind

if TYPE_CHECKING:
    from jetpack_core.contracts.host import Host


class SdService(Module):
    """Start, stop, enable and restart a unit of systemd.

    What is not given is left as it is. A unit that is to be restarted and does not run is started; one that is to be
    reloaded and does not run is left alone. A unit that fails right after its start fails the task, and what it last
    said to the journal is shown; so does one that systemd starts again and again because it keeps failing.

    Example::

        - !sd_service
          service: nginx
          started: true
          enabled: true
        - !sd_service
          service: nginx
          reload: true
        - !sd_service
          service: syncthing
          scope: user
          started: true
          with:
            sudo: alice
        - !sd_service
          service: bluetooth
          started: false
          masked: true
    """

    service: UnitName
    """The unit's name; a name without a type is that of a service."""
    started: bool | None = None
    """Whether it runs."""
    enabled: bool | None = None
    """Whether it is started with the system."""
    masked: bool | None = None
    """Whether it can be started at all."""
    restart: bool = False
    """Restart it, or start it."""
    reload: bool = False
    """Let it read its configuration anew, if it runs. A restart, or a start, does that as well."""
    daemon_reload: bool | None = None
    """Whether systemd reads its units anew, before anything else. Not given, it does so where something is to be done
    and it knows that this unit changed on disk; it does not notice the first drop-in file."""
    scope: Literal["system", "user"] = "system"
    """Whose unit it is: the system's, or the acting user's own."""

    @model_validator(mode="after")
    def _one_meaning(self) -> Self:
        message = ""
        if self.started is False and (self.restart or self.reload):
            message = f"'started: false' and '{'restart' if self.restart else 'reload'}' exclude each other"
        elif self.masked and (self.started or self.enabled or self.restart or self.reload):
            message = "a masked unit can be neither started nor enabled"
        elif not self.model_fields_set & {"started", "enabled", "masked", "restart", "reload", "daemon_reload"}:
            message = "nothing is to be done; say 'started', 'enabled', 'masked', 'restart' or 'reload'"
        if message:
            raise ValueError(message)
        return self

    async def plan(self, host: Host) -> Plan:
        """Ask systemd, and compare. Raises TaskError for a unit that cannot be as wanted."""
        now = await read_unit(host, self.scope, self.service)
        self._require_possible(now)
        changes = (*self._mask_changes(now), *self._enable_changes(now), *self._start_changes(now))
        verbs = [*self._settle_verbs(now), *self._run_verbs(now)]
        if self.daemon_reload or (self.daemon_reload is None and now.stale and verbs):
            verbs.insert(0, ("daemon-reload",))
        if not verbs:
            return Plan(PlanKind.NONE, outcome=Outcome(_result(now)))
        return Plan(PlanKind.MODIFY if changes else PlanKind.EXECUTE, changes, data=verbs)

    def _require_possible(self, now: UnitState) -> None:
        uses = bool(self.started or self.enabled or self.restart)
        if not now.exists and (uses or self.masked is False or self.reload):
            raise TaskError(f"there is no unit {self.service}", hint="install what brings it, or write it first")
        if uses and now.masked and self.masked is not False:
            raise TaskError(f"{self.service} is masked, so it cannot be used", hint="say `masked: false` as well")
        if uses and now.load in {"error", "bad-setting"}:
            raise TaskError(f"systemd cannot read {self.service}: {now.error or now.load}")
        if self.enabled and now.file in {"static", "transient", "generated"}:
            raise TaskError(
                f"{self.service} is {now.file}: it has no [Install] section, so it cannot be enabled",
                hint="leave `enabled` out, or enable the unit that starts it",
            )
        if self.reload and now.running and not self.restart and not now.can_reload:
            raise TaskError(f"{self.service} cannot read its configuration anew", hint="say `restart: true` instead")

    def _mask_changes(self, now: UnitState) -> tuple[Change, ...]:
        return (Change("masked", now.masked, self.masked),) if self.masked not in {None, now.masked} else ()

    def _enable_changes(self, now: UnitState) -> tuple[Change, ...]:
        return (Change("enabled", now.enabled, self.enabled),) if self._enable_verb(now) else ()

    def _start_changes(self, now: UnitState) -> tuple[Change, ...]:
        starts = self.started is True or self.restart
        if starts and not now.running:
            return (Change("state", now.shown, "active"),)
        if self.started is False and (now.running or now.looping or now.active == "deactivating"):
            return (Change("state", now.shown, "inactive"),)
        return ()

    def _enable_verb(self, now: UnitState) -> str:
        if self.enabled is True and not now.enabled:
            return "enable"
        leftover = now.enabled or now.file == "enabled-runtime"
        # An indirect unit is enabled by others, and disabling it would find nothing to do every time.
        return "disable" if self.enabled is False and leftover and now.file != "indirect" else ""

    def _settle_verbs(self, now: UnitState) -> list[tuple[str, ...]]:
        """Return what is done before anything starts; stopping comes before masking."""
        verbs: list[tuple[str, ...]] = []
        if self._mask_changes(now) and not self.masked:
            verbs.append(("unmask",))
        if verb := self._enable_verb(now):
            verbs.append((verb,))
        if self.started is False and self._start_changes(now):
            verbs.append(("stop",))
        if self._mask_changes(now) and self.masked:
            verbs.append(("mask",))
        return verbs

    def _run_verbs(self, now: UnitState) -> list[tuple[str, ...]]:
        if self.started is not False and self._start_changes(now):
            # A start would wait for the next attempt, and be refused where there were too many in a short time.
            afresh = [("reset-failed",)] if now.active == "failed" or now.looping else []
            return [*afresh, ("restart",) if now.looping else ("start",)]
        if self.restart:
            return [("restart",)]
        return [("reload",)] if self.reload and now.running else []

    async def apply(self, host: Host, plan: Plan) -> Outcome:
        """Do it in one round trip. Raises TaskError with systemd's words and the unit's own."""
        verbs = cast("list[tuple[str, ...]]", plan.data)
        commands = [systemctl(self.scope, *verb, *_about(verb, self.service)) for verb in verbs]
        starts = verbs[-1][0] in {"start", "restart"}
        look = (show_settled if starts else show)(self.scope, self.service)
        ended, said = await host.gather([host.run(chain(commands)), host.query(look)])
        now = parse_unit(self.service, said.stdout)
        if not ended.ok:
            words = f"{last_words(ended)}{before_that(ended, [_TOLD.get(verb[0], '') for verb in verbs])}"
            raise await explain_failure(host, self.scope, self.service, words, failed=now.active == "failed")
        again = now.looping or now.attempts > 0
        if starts and (now.active == "failed" or again):
            words = f"it failed right after it was started{', and systemd goes on trying' if again else ''}"
            raise await explain_failure(host, self.scope, self.service, words, failed=True)
        return Outcome(_result(now))


# What a verb has done, as far as it matters where a later one fails.
_TOLD: Final = {
    "unmask": "it was unmasked",
    "enable": "it was enabled",
    "disable": "it was disabled",
    "stop": "it was stopped",
}


def _about(verb: tuple[str, ...], name: str) -> tuple[str, ...]:
    return () if verb[0] == "daemon-reload" else ("--", name)


def _result(now: UnitState) -> dict[str, object]:
    return {"active": now.active, "sub": now.sub, "enabled": now.enabled, "masked": now.masked}
