# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs one task on one host: plan, apply, attempts, consequences, events."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine, Iterator
from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING, Final, TypeVar

from jetpack_core.contracts.modifier import Consequence
from jetpack_core.engine.approval import Approval, Place, given_to
from jetpack_core.engine.asking import addressed, without_asking
from jetpack_core.engine.doubts import doubt
from jetpack_core.engine.endings import Ended, notified, retrying, told
from jetpack_core.engine.failures import Failure, blamed_on, failure_of
from jetpack_core.engine.planning import following_items, plan_items, plan_task
from jetpack_core.engine.results import Results
from jetpack_core.engine.stepper import drive, in_order, with_followers
from jetpack_core.engine.together import ready_together
from jetpack_core.errors import HostUnreachableError, SecretError, StaleError, TaskError, UnknownValueError
from jetpack_core.records import Outcome, Plan, PlanKind, Status

if TYPE_CHECKING:
    from jetpack_core.contracts.module import Module
    from jetpack_core.engine.asking import Asks, Replies
    from jetpack_core.engine.planning import PlannedItem, PlannedTask, TaskOnHost
    from jetpack_core.engine.read_ahead import ReadAhead
    from jetpack_core.engine.scope import TaskScope

T = TypeVar("T")
_STALE_LIMIT: Final = 5
"""How often a task plans anew because the host changed under it, before it fails."""
_FEWEST_TOGETHER: Final = 2
"""Items of a loop that are worth a frame of their own kind."""


class TaskRun:
    """One task on one host."""

    __slots__ = ("_ahead", "_context", "_host", "_index", "_planning", "_send", "_task", "_unit")

    def __init__(self, unit: TaskOnHost, ahead: ReadAhead | None, index: int) -> None:
        self._unit = unit
        self._ahead = ahead
        self._index = index
        self._task = unit.task
        self._host = unit.host
        self._context = unit.context
        self._planning = unit.context.settings.planning
        self._send = unit.context.events.send

    async def run(self) -> list[Status]:
        """Run the task and return how it, or each of its items, ended; all else is in the events."""
        planned = self._ahead.take(self._index) if self._ahead is not None else None
        if planned is None:
            planned = await self._drive(with_followers(plan_task(self._unit), self._next_tasks, changing=False))
        if planned.error is not None:
            return [self._give_up(planned.error)]
        if planned.skip is not None:
            self._send(told(self._unit, Ended(Status.SKIPPED, Outcome(msg=planned.skip)), None))
            return [Status.SKIPPED]
        return await self._run_items(planned)

    def _give_up(self, error: Exception) -> Status:
        """Report a task of which not even the items are known."""
        ended = self._failed(error, None)
        if ended.status is Status.UNKNOWN:
            Results(self._unit).nothing_known()
        return self._conclude(None, ended, attempt=1, duration=0.0)

    async def _run_items(self, planned: PlannedTask) -> list[Status]:
        statuses: list[Status] = []
        results = Results(self._unit)
        while len(statuses) < len(planned.items):
            together = await self._run_together(planned, len(statuses)) if planned.looped else []
            for status, outcome in together or [await self._run_item(planned, len(statuses))]:
                item = planned.items[len(statuses)]
                statuses.append(status)
                if status is not Status.SKIPPED and item is not None:
                    results.keep(item, status, outcome)
            if statuses[-1].ended_badly:
                break
        return statuses

    async def _run_together(self, planned: PlannedTask, first: int) -> list[tuple[Status, Outcome]]:
        """Apply the items from `first` on that may travel as one frame; returns how those that were done ended.

        What is not as its plan saw it, or fails and may be repeated, is left to be run by itself.
        """
        items = ready_together(self._unit, planned, first)
        if len(items) < _FEWEST_TOGETHER:
            return []
        began = time.monotonic()
        applies = in_order([self._applied(one.module, one.plan, one.item) for one in items])
        done = await self._change(applies, planned, first + len(items) - 1, items[0].item.route.host)
        # Each has its share of the time, so that theirs together are the task's.
        share = (time.monotonic() - began) / max(len(done), 1)
        ended = []
        for one, (outcome, error) in zip(items, done, strict=False):
            if outcome is not None:
                result = self._ended(one.plan, outcome, one.item)
            elif error is None or one.module.repeatable or isinstance(error, StaleError):
                break
            else:
                result = self._failed(error, one.item)
            ended.append((self._conclude(one.item, result, 1, share), result.outcome))
        return ended

    async def _run_item(self, planned: PlannedTask, index: int) -> tuple[Status, Outcome]:
        began = time.monotonic()
        policy = self._unit.shape.policy
        attempt = 1
        while True:
            item = planned.items[index]
            # The host may have changed since, also by an attempt that failed.
            if item is None or attempt > 1 or not self._unit.still_true(item):
                item = await self._plan_anew(planned, index)
            ended = self._settled(item)
            if ended is None:
                ended = await self._carry_out(planned, index, item)
            if ended.status is not Status.FAILED or attempt > policy.retries:
                break
            self._send(retrying(self._unit, ended, attempt, policy))
            await asyncio.sleep(policy.delay)
            # What was read before is older than the wait, in which anything may have come about.
            self._host.changed()
            attempt += 1
        return self._conclude(planned.items[index], ended, attempt, time.monotonic() - began), ended.outcome

    async def _plan_anew(self, planned: PlannedTask, index: int) -> PlannedItem:
        """Plan an item, and those after it, as the host is now."""
        await self._drive(plan_items(self._unit, planned, index))
        item = planned.items[index]
        if item is None:
            message = "an item was not planned"
            raise TaskError(message)
        return item

    async def _carry_out(self, planned: PlannedTask, index: int, item: PlannedItem) -> Ended:
        ended = await self._try(planned, index, item)
        if ended is not None:
            return ended
        # Others change the same thing, as when many hosts delegate to one: from here on one after the other.
        async with self._context.pool.host(item.route.host).turn:
            for _ in range(_STALE_LIMIT):
                item = await self._plan_anew(planned, index)
                ended = self._settled(item) or await self._try(planned, index, item)
                if ended is not None:
                    return ended
        message = f"the host changed under the task {_STALE_LIMIT} times"
        return self._failed(TaskError(message, hint="does another program write there?"), item)

    def _settled(self, item: PlannedItem) -> Ended | None:
        """Return how an item ends of which nothing is to be carried out; None where there is something."""
        if item.skip is not None:
            return Ended(Status.SKIPPED, Outcome(msg=item.skip))
        if item.error is not None:
            return self._failed(item.error, item)
        if item.plan is not None and not item.plan.needed:
            return self._ended(item.plan, item.plan.outcome, item)
        return None

    async def _try(self, planned: PlannedTask, index: int, item: PlannedItem) -> Ended | None:
        """Carry out a plan; None says that the host is not as the plan saw it."""
        try:
            return await self._apply(planned, index, item)
        except StaleError:
            return None
        except Exception as error:  # noqa: BLE001 - whatever a module raises is the task's failure
            return self._failed(error, item)

    async def _apply(self, planned: PlannedTask, index: int, item: PlannedItem) -> Ended:
        plan, module = item.plan, item.module
        if plan is None or module is None:
            message = "an item has no plan"
            raise TaskError(message)
        approval, secretive = self._context.approval, item.host.secretive
        if self._planning and not plan.read_only:
            self._note_planned(item, plan)
            if approval is not None and not isinstance(approval, Approval):
                approval.note(self._place(item), given_to(module, plan, secretive=secretive))
            return self._ended(plan, plan.outcome, item)
        if self._planning and (cause := self._context.overlay(item.route.host).cause):
            why = f"it would look at the host after {cause} changed it"
            return self._ended(plan, without_asking(module.apply(item.host, plan), why), item)
        if isinstance(approval, Approval) and not plan.read_only:
            approval.check(self._place(item), plan, item, self._context.events.redacted)
        asks, scope = self._unit.shape.asks, item.host.scope
        if asks and not plan.read_only and not await self._context.questions.allow(self._task, asks, scope):
            # Whoever is asked may do something by hand first.
            self._host.changed()
            return Ended(Status.SKIPPED, Outcome(msg="the operator said no"))
        outcome = await self._change(self._applied(module, plan, item), planned, index, item.route.host)
        ended = self._ended(plan, outcome, item)
        if self._context.settings.verify and ended.status.changed and plan.kind is not PlanKind.EXECUTE:
            await self._verify(planned, index)
        return ended

    def _applied(self, module: Module, plan: Plan, item: PlannedItem) -> Coroutine[Asks, Replies, Outcome]:
        return addressed(module.apply(item.host, plan), item.address.heard_by(self._unit.on_output))

    def _place(self, item: PlannedItem) -> Place:
        index = -1 if item.index is None else item.index
        return Place(self._host.name, self._context.task_ids[self._task], index)

    async def _change(self, apply: Coroutine[Asks, Replies, T], planned: PlannedTask, index: int, acted_on: str) -> T:
        """Apply, with the next plans riding behind where that can pay."""
        host, ahead = self._host, self._ahead
        # What is planned behind a change reads the control machine's files before it; a change of those voids that.
        here = self._task.module_class.writes_here or self._context.is_here(acted_on)
        riding = ahead is not None and ahead.behind_changes and not here
        rode = False

        def followers() -> Iterator[Coroutine[Asks, Replies, None]]:
            nonlocal rode
            if ahead is None:
                return iter(())
            rode = True
            planned.items[index + 1 :] = [None] * (len(planned.items) - index - 1)
            return chain(following_items(self._unit, planned, index + 1), ahead.following(self._index, behind=True))

        host.changed()
        before = host.own.changes
        try:
            return await self._drive(with_followers(apply, followers, changing=True) if riding else apply)
        finally:
            host.changed()
            self._touch(acted_on)
            if here:
                self._context.files.forget()
            if rode and host.own.changes == before + 1:
                self._stamp_anew(planned, index)

    def _stamp_anew(self, planned: PlannedTask, index: int) -> None:
        stamp = self._host.stamp()
        for item in planned.items[index + 1 :]:
            if item is not None:
                item.stamp = stamp
        if self._ahead is not None:
            self._ahead.stamp_anew(stamp)

    def _touch(self, host: str) -> None:
        """Void what was read ahead of a delegate."""
        other = self._context.hosts.get(host)
        if other is not None and other is not self._host:
            other.changed(only_planned=self._planning)

    async def _verify(self, planned: PlannedTask, index: int) -> None:
        item = await self._plan_anew(planned, index)
        if item.error is not None:
            raise item.error
        if item.plan is not None and item.plan.needed:
            fields = ", ".join(change.field for change in item.plan.changes) or str(item.plan.kind)
            message = f"it was applied, and still differs: {fields}"
            raise TaskError(message, hint="another program may undo it, or the module is wrong")

    def _note_planned(self, item: PlannedItem, plan: Plan) -> None:
        """Plan mode: later plans see what this task would do. Raises StaleError if another came first."""
        overlay = self._context.overlay(item.route.host)
        if overlay.changes != item.foreseen:
            raise StaleError(item.route.host)
        overlay.add(plan.effects, f"the task {self._task.name!r}")
        self._host.changed(only_planned=True)
        self._touch(item.route.host)

    def _ended(self, plan: Plan, outcome: Outcome, item: PlannedItem) -> Ended:
        if item.host.warnings:
            outcome = replace(outcome, warnings=(*outcome.warnings, *item.host.warnings))
        if outcome.failed:
            return Ended(Status.FAILED, outcome, plan, Failure(outcome.msg or "the task failed"))
        if outcome.changed is False and plan.needed:
            status = Status.PASSIVE if plan.kind is PlanKind.EXECUTE else Status.MATCHED
            return Ended(status, outcome, plan)
        return Ended(plan.kind.status, outcome, plan)

    def _failed(self, error: Exception, item: PlannedItem | None) -> Ended:
        """Tell what an error makes of the task: failed, unreachable, or in plan mode unknown."""
        failure = failure_of(error, self._task)
        if isinstance(error, HostUnreachableError):
            if item is None or item.route.host == self._host.name:
                return Ended(Status.UNREACHABLE, Outcome(msg=failure.msg), failure=failure)
            failure = Failure(f"{item.route.host}, to which the task is delegated: {failure.msg}", failure.hint)
        if isinstance(error, UnknownValueError):
            return Ended(Status.UNKNOWN, Outcome(msg=failure.msg), failure=failure)
        acted_on = item.route.host if item is not None else self._host.name
        if self._planning and failure.depends_on_host and (cause := self._context.overlay(acted_on).cause):
            reason = f"{cause} would change the host first; now: {failure.msg}"
            return Ended(Status.UNKNOWN, Outcome(msg=reason))
        return Ended(Status.FAILED, Outcome(msg=failure.msg), failure=failure)

    def _conclude(self, item: PlannedItem | None, ended: Ended, attempt: int, duration: float) -> Status:
        """Draw the consequences of how an item ended, and report it."""
        scope = item.host.scope if item is not None else self._scope()
        # What is unknown may turn out to be a change, so its notifications are asked for as if it were one.
        unknown = ended.status is Status.UNKNOWN
        consequence = Consequence(Status.EXECUTED if unknown else ended.status)
        try:
            for modifier in self._unit.shape.after:
                with blamed_on(modifier):
                    consequence = modifier.after(scope, consequence)
        except Exception as error:  # noqa: BLE001 - a modifier that fails fails the task
            ended = self._failed(error, item)
            consequence = Consequence(ended.status)
        status = ended.status if unknown else consequence.status
        if status is Status.UNKNOWN:
            self._touch(doubt(self._unit, item))
        if status is not ended.status:
            ended = replace(ended, status=status)
        self._send(told(self._unit, ended, item, attempt=attempt, duration=duration))
        if consequence.notify:
            self._notify(consequence.notify, sure=not unknown)
        self._host.lost = self._host.lost or status.ended_badly
        return status

    def _scope(self) -> TaskScope:
        """Return the host's variables; none where a file of them cannot be read, which is why the task ended."""
        try:
            return self._unit.scope()
        except SecretError:
            return self._context.scope({})

    def _notify(self, names: tuple[str, ...], *, sure: bool) -> None:
        heard = {handler.subscribe for handler in self._unit.play.handlers}
        for name in names:
            # What nobody waits for may hold anything, and is not kept.
            if name in heard:
                self._host.notified[name] = sure or self._host.notified.get(name, False)
            self._send(notified(self._unit, name))

    def _next_tasks(self) -> Iterator[Coroutine[Asks, Replies, None]]:
        if self._ahead is None:
            return iter(())
        return self._ahead.following(self._index)

    async def _drive(self, coroutine: Coroutine[Asks, Replies, T]) -> T:
        """Drive a coroutine, and have it reported when it takes long."""
        watched = self._context.watch.begin(self._host.name, self._task.name)
        try:
            return await drive(coroutine)
        finally:
            self._context.watch.end(watched)
