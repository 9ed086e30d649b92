# SPDX-License-Identifier: GPL-3.0-or-later
"""Bring one guest to its wished state, and find out how it is reached. Everything here blocks."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from jetpack_core.errors import JetpackError
from jetpack_core.provisioning.records import KeySource, forget, recall, record_of, remember
from jetpack_core.provisioning.steps import GuestSteps, Step, plan_steps
from jetpack_core.provisioning.survey import Unsettled, broken

if TYPE_CHECKING:
    from threading import Event as Flag

    from jetpack_core.contracts.provisioner import Guest
    from jetpack_core.provisioning.records import GuestRecord
    from jetpack_core.provisioning.survey import Surveyed

_GROWTH = 1.5
GUEST: Final = "jet_guest"
"""The variable that tells plays what was learned of the guest."""


class Fate(StrEnum):
    """What a guest is to the plays that follow."""

    READY = "ready"
    AWAY = "away"
    """Stopped, absent, or not there yet (in plan mode): no play touches it, and nothing is wrong with it."""
    LOST = "lost"
    """Something failed; the host is out of the run."""


@dataclass(frozen=True, slots=True)
class Landing:
    """What became of one guest."""

    done: GuestSteps | Unsettled
    fate: Fate
    error: JetpackError | None = None
    variables: Mapping[str, object] = field(default_factory=dict)
    """How it is reached; what the user sets beats it."""
    record: GuestRecord | None = None
    """What was learned of the guest, its host keys among it; None in plan mode, and for one that is not there."""
    fresh: bool = False
    """It was made in this run, so that nobody knows its host keys from before."""
    awaited: bool = False
    """It was started in this run, so it may take a while until it can be reached."""
    duration: float = 0.0
    """Seconds."""

    @property
    def host(self) -> str:
        """Return the inventory name."""
        return self.done.host

    @property
    def differs(self) -> bool:
        """Tell whether it is left as it is although it differs from what is wanted."""
        return isinstance(self.done, GuestSteps) and self.done.drifts


def planned(surveyed: Surveyed) -> Landing:
    """Return what plan mode makes of a guest: it is used as it is, or not at all."""
    if isinstance(surveyed, Unsettled):
        return Landing(surveyed, Fate.LOST, surveyed.error)
    guest, wish = surveyed.guest, surveyed.request.wish
    if guest is None or not guest.running or not wish.stays or Step.REPLACE in surveyed.steps:
        return Landing(surveyed, Fate.AWAY)
    try:
        return _reached(Landing(surveyed, Fate.READY), guest, _addresses(surveyed, guest))
    except JetpackError as error:
        return Landing(surveyed, Fate.LOST, error)


def land(surveyed: Surveyed, ended: Flag) -> Landing:
    """Do what is to be done to a guest, and find out how it is reached; never raises.

    :param ended: Set once the user wants the run to end.
    """
    began = time.monotonic()
    try:
        landing = _land(surveyed, ended)
    except JetpackError as error:
        landing = Landing(surveyed, Fate.LOST, error)
    except Exception as error:  # noqa: BLE001 - a provisioner that breaks must not stop the other guests
        landing = Landing(surveyed, Fate.LOST, broken(surveyed.request, error))
    return replace(landing, duration=time.monotonic() - began)


def _land(surveyed: Surveyed, ended: Flag) -> Landing:
    if isinstance(surveyed, Unsettled):
        return Landing(surveyed, Fate.LOST, surveyed.error)
    steps, guest = _carry_out(surveyed) if surveyed.steps else (surveyed, surveyed.guest)
    before = steps.guest
    if before is not None and (guest is None or guest.id != before.id):
        forget(steps.request, before)
    if guest is not None:
        guest = replace(guest, running=_runs(steps))
    if guest is None or not steps.request.wish.stays or not guest.running:
        return _left_alone(steps, guest)
    fresh = bool({Step.CREATE, Step.REPLACE} & set(steps.steps))
    awaited = _started(steps) and steps.request.wish.wait_for_host
    landing = Landing(steps, Fate.READY, fresh=fresh, awaited=awaited)
    try:
        landing = _reached(landing, guest, _addresses(steps, guest, ended))
    except JetpackError as error:
        if not fresh:
            raise
        made = f"{guest.name} ({guest.id}) was made and runs; the next run goes on from there"
        raise JetpackError(error.message, hint="\n".join(filter(None, [error.hint, made]))) from error
    if landing.record is not None:
        remember(landing.record)
    return landing


def _left_alone(steps: GuestSteps, guest: Guest | None) -> Landing:
    """Return what becomes of a guest that no play touches; how it was reached is kept for later."""
    if guest is not None and guest.owned:
        known = recall(steps.request, guest)
        details = steps.request.provisioner.details(guest)
        remember(record_of(steps.request, guest, details, known.address if known is not None else ""))
    return Landing(steps, Fate.AWAY)


def _carry_out(surveyed: GuestSteps) -> tuple[GuestSteps, Guest | None]:
    """Return the steps that were taken, and the guest as it is then."""
    request = surveyed.request
    with request.provisioner.surroundings.lock(f"guest {request.wish.type} {request.host}"):
        # Somebody else may have been at work since the survey.
        steps = plan_steps(request)
        if steps.destroys and not surveyed.destroys:
            raise JetpackError("the guest is another one now", hint="look at the plan again")
        guest = steps.guest
        for step in steps.steps:
            guest = _take(step, steps, guest)
    return steps, guest


def _take(step: Step, steps: GuestSteps, guest: Guest | None) -> Guest | None:
    provisioner, host = steps.request.provisioner, steps.host
    provisioner.surroundings.check()
    if step is Step.CREATE or guest is None:
        return provisioner.create(host)
    if step is Step.UPDATE and steps.plan is not None:
        return provisioner.update(guest, steps.plan)
    if step is Step.REPLACE and steps.plan is not None:
        return provisioner.replace(host, guest, steps.plan)
    if step is Step.START:
        provisioner.start(guest)
        return replace(guest, running=True)
    if step is Step.STOP:
        provisioner.stop(guest)
        return replace(guest, running=False)
    provisioner.destroy(guest)
    return None


def _started(steps: GuestSteps) -> bool:
    return bool({Step.CREATE, Step.REPLACE, Step.START} & set(steps.steps))


def _runs(steps: GuestSteps) -> bool:
    """Tell whether the guest runs once the steps are taken."""
    if Step.START in steps.steps:
        return True
    if Step.STOP in steps.steps:
        return False
    if {Step.CREATE, Step.REPLACE} & set(steps.steps):
        return steps.request.wish.start_on_create
    return steps.guest is not None and steps.guest.running


def _addresses(steps: GuestSteps, guest: Guest, ended: Flag | None = None) -> tuple[str, ...]:
    """Return the guest's addresses, waiting for them where the run may. Raises JetpackError when time is up."""
    provisioner, wish = steps.request.provisioner, steps.request.wish
    if not provisioner.needs_address or provisioner.surroundings.variables.get("jet_ssh_hostname"):
        # What is only told to plays is neither waited for nor missed.
        with contextlib.suppress(JetpackError):
            return provisioner.addresses(guest)
        return ()
    until, delay = time.monotonic() + wish.wait_timeout, wish.wait_delay
    while not (found := provisioner.addresses(guest)):
        if ended is None or not wish.wait_for_host:
            return ()
        if time.monotonic() + delay > until:
            message = f"{guest.name} ({guest.id}) runs, but has no address after {wish.wait_timeout:g} s"
            raise JetpackError(message, hint="look at its console and its network; `wait_timeout` gives it longer")
        provisioner.surroundings.say("waiting for an address")
        ended.wait(delay)
        provisioner.surroundings.check()
        delay = min(delay * _GROWTH, wish.wait_max_delay)
    return found


def _reached(landing: Landing, guest: Guest, addresses: tuple[str, ...]) -> Landing:
    """Add how the guest is reached, and what is known of it."""
    request, provisioner = landing.done.request, landing.done.request.provisioner
    variables = dict(provisioner.connection_variables(guest))
    if addresses and provisioner.needs_address:
        variables.setdefault("jet_ssh_hostname", addresses[0])
    if request.wish.ssh_user:
        variables.setdefault("jet_ssh_user", request.wish.ssh_user)
    details = dict(provisioner.details(guest))
    record = record_of(request, guest, details, addresses[0] if addresses else "")
    if told := provisioner.host_keys(guest):
        record = replace(record, host_keys=told, key_source=KeySource.PLATFORM)
    elif landing.fresh:
        record = replace(record, host_keys=(), key_source="")
    variables[GUEST] = {
        **details,
        "type": record.type,
        "id": record.id,
        "name": record.name,
        "address": record.address,
        "addresses": list(addresses),
    }
    return replace(landing, variables=variables, record=record)
