# SPDX-License-Identifier: GPL-3.0-or-later
"""Decide which steps bring a guest to its wished state; nothing here touches a platform."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from jetpack_core.contracts.provisioner import Guest, GuestAction, GuestPlan
from jetpack_core.errors import JetpackError
from jetpack_core.provisioning.wish import GuestRequest, State
from jetpack_core.records import Status

if TYPE_CHECKING:
    from jetpack_core.provisioning.wish import Wish
    from jetpack_core.records import Change


class Step(StrEnum):
    """One thing done to a guest."""

    CREATE = "create"
    UPDATE = "update"
    REPLACE = "replace"
    START = "start"
    STOP = "stop"
    DESTROY = "destroy"


_STATUSES: Final = {Step.CREATE: Status.CREATED, Step.DESTROY: Status.REMOVED}


@dataclass(frozen=True, slots=True)
class GuestSteps:
    """What is to be done to one guest, in order."""

    request: GuestRequest
    guest: Guest | None
    steps: tuple[Step, ...] = ()
    plan: GuestPlan | None = None
    """What the provisioner says of its parameters; None for a guest that is to be absent."""

    @property
    def host(self) -> str:
        """Return the inventory name."""
        return self.request.host

    @property
    def changes(self) -> tuple[Change, ...]:
        """Return the fields that are to change, those of a drift left alone among them."""
        return self.plan.changes if self.plan is not None else ()

    @property
    def status(self) -> Status:
        """Return what the steps make of the guest, as tasks report it."""
        if not self.steps:
            return Status.MATCHED
        return next((_STATUSES[step] for step in self.steps if step in _STATUSES), Status.MODIFIED)

    @property
    def destroys(self) -> bool:
        """Tell whether a guest is removed for good."""
        return Step.DESTROY in self.steps

    @property
    def drifts(self) -> bool:
        """Tell whether the guest differs in what only a replacement could mend, and is left as it is."""
        return self.plan is not None and self.plan.action is GuestAction.DRIFT and Step.REPLACE not in self.steps


def plan_steps(request: GuestRequest) -> GuestSteps:
    """Look at a guest and decide. Blocks; raises JetpackError with the platform's own words."""
    provisioner, host = request.provisioner, request.host
    guest = provisioner.find(host)
    if request.wish.state is State.ABSENT:
        return GuestSteps(request, guest, _removal(request, guest))
    plan = provisioner.plan(host, guest)
    if guest is not None:
        _check_owner(request, guest)
    steps = _building(request.wish, guest, plan)
    return GuestSteps(request, guest, (*steps, *_power(request.wish, guest, steps)), plan)


def _removal(request: GuestRequest, guest: Guest | None) -> tuple[Step, ...]:
    if guest is None:
        return ()
    if not guest.owned:
        message = f"the guest {guest.name} ({guest.id}) was not made by Jetpack, so it is not destroyed"
        raise JetpackError(message, hint=f"remove it by hand, or take {request.host!r} out of the inventory")
    return (Step.STOP, Step.DESTROY) if guest.running else (Step.DESTROY,)


def _check_owner(request: GuestRequest, guest: Guest) -> None:
    if not guest.owned and not request.wish.adopt:
        message = f"there is a guest {guest.name} ({guest.id}) that Jetpack did not make"
        raise JetpackError(message, hint="give the host another name, or say `adopt: true` to take the guest over")


def _building(wish: Wish, guest: Guest | None, plan: GuestPlan) -> tuple[Step, ...]:
    if guest is None:
        return (Step.CREATE,)
    if plan.action is GuestAction.DRIFT:
        return (Step.REPLACE,) if wish.rebuild and guest.owned else ()
    if plan.action is GuestAction.REPLACE:
        return (Step.REPLACE,)
    return (Step.UPDATE,) if plan.action is GuestAction.UPDATE else ()


def _power(wish: Wish, guest: Guest | None, before: tuple[Step, ...]) -> tuple[Step, ...]:
    """Return the step that makes a guest run or rest, after it was built."""
    new = guest is None or Step.REPLACE in before
    running = wish.start_on_create if new else guest is not None and guest.running
    if wish.state is State.STOPPED:
        return (Step.STOP,) if running else ()
    if running or (wish.state is State.PRESENT and not wish.start_on_create):
        return ()
    return (Step.START,)
