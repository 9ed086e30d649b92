# SPDX-License-Identifier: GPL-3.0-or-later
"""Packages on hold: left at their version by every upgrade, until a task says otherwise."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import Self

from pydantic import model_validator

from jetpack_core.contracts.host import Host
from jetpack_core.contracts.operations import Operation, Run
from jetpack_core.errors import TaskError, UnknownValueError
from jetpack_core.modules.packages.foresight import Foreseen, State, Step, Work, hold_of, told_of
from jetpack_core.modules.packages.indexed import IndexedTransaction, ListedTransaction
from jetpack_core.modules.packages.names import HOLD_HINT, Request
from jetpack_core.modules.packages.transaction import run_alone
from jetpack_core.records import Change, Outcome, PackageEffect, Plan, PlanKind


class HoldingTransaction(IndexedTransaction):
    """A transaction that may also put packages on hold."""

    hold: bool | None = None
    """Whether the packages are on hold, so that no upgrade touches them; left as it is unless said."""

    @model_validator(mode="after")
    def _holds_what_is_there(self) -> Self:
        if self.hold is not None and (self.package is None or self.remove):
            message = "`hold` is about packages that are to be there; name them in `package`"
            raise ValueError(message)
        return self

    @abstractmethod
    def is_held(self, request: Request, state: State) -> bool:
        """Tell whether a package is on hold."""

    @abstractmethod
    async def mark(self, host: Host, work: Work, names: Sequence[str], changed: Mapping[str, object]) -> None:
        """Put packages on hold or take them off, by their own names. Raises TaskError.

        `changed` has the packages whose version is another one since the task began.
        """

    def own_name(self, request: Request, state: State) -> str:
        """Return the name of a package itself, where the task names its file."""
        return state.names.get(request.name, request.name)

    def fulfils(self, host: Host, request: Request, state: State) -> bool:
        """Tell whether a package is as the task wants it; one on hold is left alone by `update`."""
        now = state.packages.get(request.name)
        concerned = self.update and self.hold is None and not request.constraints
        if concerned and now is not None and self.is_held(request, state):
            host.warn(f"{now.name} is on hold and stays at {now.version}")
            return True
        return super().fulfils(host, request, state)

    def to_mark(self, state: State) -> tuple[str, ...]:
        """Return the names of the packages whose hold is not as the task wants it."""
        if self.hold is None:
            return ()
        wanted = {self.own_name(one, state): self.is_held(one, state) for one in self.requests()}
        return tuple(name for name, held in wanted.items() if held != self.hold)

    def finish_plan(self, host: Host, work: Work) -> Plan:
        """Return the plan, holds included. Raises UnknownValueError where an earlier task frees a package."""
        if self.has_transaction():
            steps = {step.name for step in work.steps}
            _check_freed({name for name in work.state.planned_holds if name not in steps}, work.state)
        return self.with_holds(super().finish_plan(host, work), work)

    def plan_refresh(self, state: State, todo: tuple[Request, ...]) -> Plan:
        """Return the plan behind a refresh, holds included."""
        return self.with_holds(super().plan_refresh(state, todo), Work(state, todo, refresh=True))

    def plan_behind_refresh(self, state: State, todo: tuple[Request, ...]) -> Plan:
        """Return the plan behind an earlier task's refresh, holds included."""
        return self.with_holds(super().plan_behind_refresh(state, todo), Work(state, todo))

    def with_holds(self, plan: Plan, work: Work) -> Plan:
        """Return a plan with what becomes of holds."""
        names = [hold_of(name) for name in self.to_mark(work.state)]
        if not names:
            return plan
        kind = PlanKind.MODIFY if plan.kind is PlanKind.NONE else plan.kind
        changes = [Change(name, not self.hold, self.hold) for name in names]
        effects = [PackageEffect(self.keeper, name, "held" if self.hold else None) for name in names]
        changed = replace(plan, changes=(*plan.changes, *changes), effects=(*plan.effects, *effects))
        return replace(changed, kind=kind, data=work)

    def check_todo(self, todo: Sequence[Request], state: State) -> None:
        """Raise UnknownValueError where the manager still sees a hold that an earlier task would take away."""
        _check_freed({self.own_name(one, state) for one in todo}, state)

    def check_steps(self, steps: Sequence[Step], state: State) -> None:
        """Raise UnknownValueError where only the run can tell what becomes of what is on hold by then."""
        named = {self.own_name(one, state) for one in self.requests()} if self.hold is not None else set()
        for step in steps:
            if state.planned_holds.get(step.name) and step.name not in named:
                raise UnknownValueError(f"an earlier task would put {step.name} on hold")
        super().check_steps(steps, state)

    async def apply(self, host: Host, plan: Plan) -> Outcome:
        """Make the transaction, then set holds."""
        work = plan.data
        if not isinstance(work, Work) or work.steps or work.refresh:
            outcome = await super().apply(host, plan)
        else:
            outcome = Outcome(result={"changed": {}, **work.state.findings})
        if not isinstance(work, Work) or outcome.failed:
            return outcome
        changed = outcome.result.get("changed")
        became = changed if isinstance(changed, Mapping) else {}
        try:
            await self.mark(host, work, self.to_mark(work.state), became)
        except TaskError as error:
            if not became:
                raise
            message = f"{error.message}; changed by then: {told_of(became)}"
            return replace(outcome, failed=True, changed=True, msg=message)
        return outcome

    async def set_holds(self, host: Host, run: Run, title: str) -> None:
        """Run the manager's own command about holds, once nobody else has its lock. Raises TaskError."""
        ended = await self.patiently(host, lambda: run_alone(run), "what is on hold was not changed")
        if not ended.ok:
            raise TaskError(f"{title}: {self.last_words(ended)}")


def _check_freed(names: Collection[str], state: State) -> None:
    for name, held in state.planned_holds.items():
        if name in names and not held:
            raise UnknownValueError(f"an earlier task would take {name} off hold")


class LockingTransaction(HoldingTransaction, ListedTransaction):
    """A transaction whose manager keeps a list of what is on hold: names, and patterns of names."""

    @abstractmethod
    def lock_queries(self) -> Sequence[Operation[object]]:
        """Return what tells which packages are on hold."""

    @abstractmethod
    def locks(self, replies: Sequence[object]) -> tuple[str, ...]:
        """Return the names and patterns from the replies to `lock_queries`."""

    def is_held(self, request: Request, state: State) -> bool:
        """Tell whether a name or a pattern in the list is about a package."""
        return held_by(self.own_name(request, state), state.locks) is not None

    def to_mark(self, state: State) -> tuple[str, ...]:
        """Return the names to change. Raises TaskError for a package that a pattern keeps on hold."""
        names = super().to_mark(state)
        for name in names if self.hold is False else ():
            if name not in state.locks:
                message = f"{name} is on hold by the pattern {held_by(name, state.locks)}"
                raise TaskError(message, hint="take the pattern away first: it may be about other packages, too")
        return names

    def across_holds(self, run: Run) -> Run:
        """Return a transaction that changes packages on hold as well."""
        return run

    def as_allowed(self, run: Run, todo: Sequence[Request], state: State) -> Run:
        """Return a transaction, across holds where it must change a package on hold and the task allows that."""
        held = self.hold is not None and any(self.is_held(one, state) for one in todo)
        return self.across_holds(run) if held else run

    @property
    def foresees_at_once(self) -> bool:
        """Tell whether only the manager can tell what to do, and it need not know first what is on hold."""
        return self.hold is None and super().foresees_at_once

    def simulation(self, todo: Sequence[Request], state: State | None) -> Sequence[Operation[object]]:
        """Return the simulation, across holds where the task allows that."""
        found = super().simulation(todo, state)
        if state is None:
            return found
        return [self.as_allowed(one, todo, state) if isinstance(one, Run) else one for one in found[:1]] + [*found[1:]]

    def foresee(self, replies: Sequence[object], state: State) -> Foreseen:
        """Return the steps of a simulation. Raises TaskError where the manager refuses, holds being one reason."""
        try:
            return super().foresee(replies, state)
        except TaskError as error:
            if error.hint or not state.locks:
                raise
            held = f"on hold are {', '.join(state.locks)}"
            raise TaskError(error.message, hint=f"{held}; {HOLD_HINT}") from error

    def check_steps(self, steps: Sequence[Step], state: State) -> None:
        """Raise TaskError where a package on hold would change that the task does not name with `hold`."""
        super().check_steps(steps, state)
        named = {self.own_name(one, state) for one in self.requests()} if self.hold is not None else set()
        for step in steps:
            if step.before is not None and step.name not in named and held_by(step.name, state.locks) is not None:
                raise TaskError(f"{step.name} is on hold and would change from {step.before}", hint=HOLD_HINT)


def held_by(name: str, locks: Sequence[str]) -> str | None:
    """Return the entry of a list that keeps a package on hold."""
    return next((one for one in locks if fnmatchcase(name, one)), None)
