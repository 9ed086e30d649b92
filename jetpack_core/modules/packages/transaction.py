# SPDX-License-Identifier: GPL-3.0-or-later
"""What all package managers share: packages are looked at together, and changed in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Final

from jetpack_core.contracts.host import Host
from jetpack_core.contracts.operations import Operation, Run
from jetpack_core.errors import OperationCode, OperationError, StaleError, TaskError, UnknownValueError
from jetpack_core.modules.packages.foresight import (
    Foreseen,
    Package,
    State,
    Step,
    Work,
    behind,
    ended_of,
    result_of,
    told_of,
    with_planned,
)
from jetpack_core.modules.packages.manager import ManagedPackages
from jetpack_core.modules.packages.names import (
    Request,
    span_text,
)
from jetpack_core.records import Change, CommandResult, Outcome, PackageEffect, Plan, PlanKind

INDEX: Final = "package index"
_ALONE: Final = "refreshed"
"""How the index is called among what earlier tasks would make, where nothing is installed from it."""
_POLL: Final = 1.0
_STALE: Final = 75
"""The exit code by which a guarded command says that it was not run (EX_TEMPFAIL of sysexits.h)."""


class Transaction(ManagedPackages):
    """Packages that are there, or not, in one transaction."""

    lacking_hint: ClassVar[str] = "choose the module of the host's own package manager, or `package`, which does that"
    """What to do where the host does not have the manager."""

    # What can be asked in the first round trip already, because it depends on nothing.

    @property
    def foresees_at_once(self) -> bool:
        """Tell whether only the manager itself can tell if there is anything to do."""
        return self.update and not any(one.ranged for one in self.requests())

    async def plan(self, host: Host) -> Plan:
        """Look at the packages, and ask the manager what it would do. Raises TaskError where it refuses."""
        at_once = self.foresees_at_once
        queries = self.queries()
        ahead = self.simulation(self.requests(), None) if at_once else ()
        aftermath = self.aftermath()
        replies = await self._ask(host, [*queries, *aftermath, *ahead])
        first, second = len(queries), len(queries) + len(aftermath)
        state = replace(self.state(replies[:first]), findings=self.findings(replies[first:second]))
        planned = host.planned_packages(self.keeper)
        state = with_planned(state, self.requests(), planned)
        todo = self.todo(host, state)
        self._check_settled(state, planned)
        if not todo and not self.has_other_work():
            return self.finish_plan(host, Work(state, ()))
        if INDEX in planned:
            return self.plan_behind_refresh(state, todo)
        if self.refresh_due(state):
            return self.plan_refresh(state, todo)
        self.check_todo(todo, state)
        if at_once and len(todo) == len(self.requests()):
            foreseen = self.foresee(replies[second:], state)
        else:
            foreseen = await self._foresee(host, todo, state)
        if planned:
            foreseen = replace(foreseen, steps=behind(foreseen.steps, todo, planned, removing=self.remove))
        return self.finish_plan(host, Work(state, todo, foreseen))

    async def _ask(self, host: Host, operations: Sequence[Operation[object]]) -> tuple[object, ...]:
        try:
            return await host.gather(operations)
        except OperationError as error:
            if error.code is OperationCode.NOT_FOUND:
                raise TaskError(
                    f"there is no {self.tool} on the host ({error.subject})", hint=self.lacking_hint
                ) from error
            raise

    async def _foresee(self, host: Host, todo: tuple[Request, ...], state: State) -> Foreseen:
        simulation = self.simulation(todo, state)
        if not simulation:
            return Foreseen()
        return self.foresee(await self._ask(host, simulation), state)

    def todo(self, host: Host, state: State) -> tuple[Request, ...]:
        """Return the requests that the host does not fulfil, or may not."""
        return tuple(one for one in self.requests() if not self.fulfils(host, one, state))

    def fulfils(self, host: Host, request: Request, state: State) -> bool:
        """Tell whether a package is as the task wants it."""
        now = state.packages.get(request.name)
        if self.remove:
            return now is None
        if now is None or not now.complete:
            return False
        if request.is_file:
            return now.version == state.in_files.get(request.name)
        if not request.accepts(now.version, self.order):
            return False
        return not self.update or bool(request.constraints)

    def finish_plan(self, host: Host, work: Work) -> Plan:
        """Return the plan for the steps that were foreseen. Raises TaskError where one goes back unasked."""
        self.check_steps(work.steps, work.state)
        changes = tuple(Change(step.name, step.before, step.after) for step in work.steps)
        if not changes:
            found = result_of({}, work.state.findings)
            return Plan(PlanKind.NONE, outcome=Outcome(result=found, variables=self.renewed(host, found)))
        effects = tuple(PackageEffect(self.keeper, step.name, step.after) for step in work.steps)
        return Plan(self._kind(work), changes, effects=effects, data=work)

    def check_todo(self, todo: Sequence[Request], state: State) -> None:
        """Raise UnknownValueError where an earlier task would change what the manager is about to be asked of."""

    def check_steps(self, steps: Sequence[Step], state: State) -> None:
        """Raise TaskError where a package would go back to an older version and the task does not allow that."""
        for step in steps:
            if self.downgrade or step.before is None or step.after is None:
                continue
            # A package that is not configured says so behind its version.
            if self.order.compare(step.after, step.before.split()[0]) < 0:
                message = f"{step.name} would go back from {step.before} to {step.after}"
                raise TaskError(message, hint="`downgrade: true` allows that")

    def _kind(self, work: Work) -> PlanKind:
        if self.remove:
            return PlanKind.REMOVE
        missing = any(one.name not in work.state.packages for one in work.todo)
        return PlanKind.CREATE if missing else PlanKind.MODIFY

    def plan_refresh(self, state: State, todo: tuple[Request, ...]) -> Plan:
        """Return a plan that cannot name versions, because the index that would tell them is too old."""
        age = "unknown or older than its sources" if state.index_age is None else f"{span_text(state.index_age)} old"
        changes = [Change(INDEX, age, "refreshed")]
        for request in todo:
            now = state.packages.get(request.name)
            wanted = request.wanted or "the newest that the refreshed index has"
            changes.append(Change(request.name, None if now is None else now.version, wanted))
        work = Work(state, todo, refresh=True)
        alone = not todo and not self.has_transaction()
        effects = [
            PackageEffect(self.keeper, INDEX, _ALONE if alone else ""),
            *(PackageEffect(self.keeper, one.name, "") for one in todo),
        ]
        return Plan(self._kind(work), tuple(changes), effects=tuple(effects), data=work)

    def _check_settled(self, state: State, planned: Mapping[str, str | None]) -> None:
        """Plan mode: raise UnknownValueError where what an earlier task takes from a refreshed index may matter."""
        if INDEX not in planned or "" not in planned.values():
            return
        for one in self.requests():
            if one.name not in planned and (one.wanted if one.name in state.packages else self.remove):
                message = f"{one.name} may come or change with what an earlier task takes from the refreshed index"
                raise UnknownValueError(message)

    def plan_behind_refresh(self, state: State, todo: tuple[Request, ...]) -> Plan:
        """Plan mode: an earlier task would refresh the index, so that what is missing will come from a newer one.

        Raises UnknownValueError where only the new index can tell whether anything is to be done.
        """
        missing = [one for one in todo if one.name not in state.packages]
        if not todo and not self.has_transaction():
            return Plan(PlanKind.NONE)
        if self.remove or self.has_transaction() or len(missing) < len(todo):
            raise UnknownValueError("it depends on the package index, which an earlier task would refresh")
        changes = (Change(one.name, None, one.wanted or "the newest that the refreshed index has") for one in todo)
        effects = (PackageEffect(self.keeper, one.name, "") for one in todo)
        return Plan(PlanKind.CREATE, tuple(changes), effects=tuple(effects), data=Work(state, todo))

    async def apply(self, host: Host, plan: Plan) -> Outcome:
        """Make the transaction. Fails with the manager's last words, and says what had changed by then."""
        work = plan.data
        if not isinstance(work, Work):
            message = "apply was given another module's plan"
            raise TypeError(message)
        if work.refresh:
            work = await self._refresh(host, work)
            if not work.steps:
                return Outcome(result=result_of({}, work.state.findings), msg="the package index was refreshed")
        outcome = await self._carry_out(host, work)
        return replace(outcome, variables=self.renewed(host, outcome.result))

    async def _refresh(self, host: Host, work: Work) -> Work:
        """Refresh the index and look again; what is to be done is known only then."""
        refresh = self.refresh_command()
        if refresh is None:
            return work
        command = self.watched(refresh)
        ended = await self.patiently(host, lambda: run_alone(command))
        if not ended.ok:
            raise TaskError(f"the package index cannot be refreshed: {self.last_words(ended)}")
        if not work.todo and not self.has_transaction():
            return work
        queries = self.queries()
        simulation = () if any(one.ranged for one in work.todo) else self.simulation(work.todo, work.state)
        replies = await self._ask(host, [*queries, *simulation])
        state = self.state(replies[: len(queries)])
        if simulation:
            foreseen = self.foresee(replies[len(queries) :], state)
        else:
            foreseen = await self._foresee(host, work.todo, state)
        self.check_steps(foreseen.steps, state)
        return Work(state, work.todo, foreseen, refresh=True)

    async def _carry_out(self, host: Host, work: Work) -> Outcome:
        run = self.transaction(work)
        replies: list[object] = []

        async def attempt() -> CommandResult:
            replies[:] = await self._attempt(host, run, work)
            return ended_of(replies[0])

        ended = replace(await self.patiently(host, attempt), argv=run.argv)
        if ended.rc == _STALE and work.foreseen.digest:
            raise StaleError(self.tool, "other packages were installed or removed meanwhile")
        for remark in self.remarks(ended):
            host.warn(remark)
        findings = {**self.findings(replies[2:]), **self.outcome_findings(ended)}
        return self._judge(ended, work, self.versions(ended_of(replies[1])), findings)

    async def patiently(
        self,
        host: Host,
        attempt: Callable[[], Coroutine[Any, Any, CommandResult]],
        otherwise: str = "nothing was changed",
    ) -> CommandResult:
        """Try again for as long as somebody else holds the lock. Raises TaskError when time is up."""
        waited = 0.0
        while True:
            ended = await attempt()
            holder = None if ended.ok else self.lock_holder(ended)
            if holder is None:
                return ended
            if waited >= self.lock_timeout:
                message = f"{holder}, still after {span_text(waited)}; {otherwise}"
                raise TaskError(message, hint="`lock_timeout` says how long to wait")
            await host.sleep(_POLL)
            waited += _POLL

    async def _attempt(self, host: Host, run: Run, work: Work) -> tuple[object, ...]:
        """Run the transaction, unless somebody else changed packages since, and see in the same trip what became."""
        guard: list[Operation[object]] = []
        if work.state.expect is not None:
            # Sets nothing: it fails the frame where the database is not the one the plan was made for.
            guard.append(host.set_attributes(work.state.expect.path, expect=work.state.expect))
        if work.foreseen.digest:
            run = self.guarded(run, work.foreseen.digest)
        run = self.watched(run)
        look = self.versions_query([step.name for step in work.steps])
        return (await self._ask(host, [*guard, run, look, *self.aftermath()]))[len(guard) :]

    def _judge(
        self, ended: CommandResult, work: Work, now: Mapping[str, Package], findings: Mapping[str, object]
    ) -> Outcome:
        became = {}
        for step in work.steps:
            package = now.get(step.name)
            after = None if package is None else str(package)
            if after != step.before:
                became[step.name] = {"before": step.before, "after": after}
        succeeded = self.succeeded(ended)
        outcome = Outcome(
            result=result_of(became, findings),
            rc=ended.rc,
            stdout=ended.stdout,
            stderr=ended.stderr,
            command=ended.argv,
            changed=None if succeeded else bool(became),
            failed=not succeeded,
        )
        foretold = {step.name: {"before": step.before, "after": step.after} for step in work.steps}
        if succeeded:
            return outcome if became == foretold and not work.refresh else replace(outcome, msg=told_of(became))
        so_far = f"changed by then: {told_of(became)}" if became else "no package was changed"
        return replace(outcome, msg=f"{self.tool}: {self.last_words(ended)}; {so_far}")


async def run_alone(command: Run) -> CommandResult:
    """Run one command, as an attempt of `Transaction.patiently`."""
    return await command
