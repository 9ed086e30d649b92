# SPDX-License-Identifier: GPL-3.0-or-later
"""How tasks and their items end on a host, and the events that tell of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from jetpack_core.engine.failures import Failure
from jetpack_core.engine.redacting import shown_changes, shown_diffs
from jetpack_core.events import HandlerNotified, HostResult, HostUnreachable, TaskRetrying
from jetpack_core.records import Outcome, Plan, PlanKind, Status

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jetpack_core.contracts.modifier import AttemptPolicy
    from jetpack_core.engine.planning import PlannedItem, TaskOnHost


@dataclass(frozen=True, slots=True)
class Ended:
    """How one item ended."""

    status: Status
    outcome: Outcome
    plan: Plan | None = None
    failure: Failure | None = None


def told(
    unit: TaskOnHost, ended: Ended, item: PlannedItem | None, *, attempt: int = 1, duration: float = 0.0
) -> HostResult | HostUnreachable:
    """Return the event that tells how a task, or one item of it, ended."""
    if ended.status is Status.UNREACHABLE:
        return _unreachable(unit, ended)
    context, host, task = unit.context, unit.host.name, unit.task
    outcome, failure = ended.outcome, ended.failure
    secretive = item is not None and item.host.secretive
    return HostResult(
        play=unit.play.name,
        host=host,
        task=task.name,
        module=task.module,
        status=ended.status,
        planned=context.settings.planning,
        role=task.role.name if task.role is not None else "",
        handler=task.handler,
        delegate=item.route.host if item is not None and item.route.host != host else "",
        item=item.item if item is not None else None,
        item_index=item.index if item is not None else None,
        attempt=attempt,
        changes=shown_changes(ended.plan, secretive=secretive),
        diff=shown_diffs(ended.plan, secretive=secretive),
        command=outcome.command,
        rc=outcome.rc,
        stdout=outcome.stdout,
        stderr=outcome.stderr,
        msg=failure.msg if failure is not None else outcome.msg,
        hint=failure.hint if failure is not None else "",
        warnings=outcome.warnings,
        result=_found_out(ended) if context.settings.show_results else {},
        file=task.position.file,
        line=task.position.line,
        fault_line=failure.line if failure is not None else 0,
        duration=duration,
        task_id=context.task_ids.get(task, ""),
    )


def _unreachable(unit: TaskOnHost, ended: Ended) -> HostUnreachable:
    failure = ended.failure or Failure(ended.outcome.msg)
    return HostUnreachable(
        host=unit.host.name, msg=failure.msg, hint=failure.hint, play=unit.play.name, task=unit.task.name
    )


def _found_out(ended: Ended) -> Mapping[str, object]:
    """Return what is worth showing of a task that only looked, unless it says so itself."""
    looked = ended.plan is not None and ended.plan.kind is PlanKind.PASSIVE
    return dict(ended.outcome.result) if looked and not ended.outcome.msg else {}


def retrying(unit: TaskOnHost, ended: Ended, attempt: int, policy: AttemptPolicy) -> TaskRetrying:
    """Return the event that tells of an attempt that failed and is to be followed by another."""
    return TaskRetrying(
        play=unit.play.name,
        host=unit.host.name,
        task=unit.task.name,
        attempt=attempt,
        retries=policy.retries,
        delay=policy.delay,
        msg=ended.failure.msg if ended.failure else ended.outcome.msg,
    )


def notified(unit: TaskOnHost, name: str) -> HandlerNotified:
    """Return the event that tells of a notification."""
    return HandlerNotified(
        play=unit.play.name,
        host=unit.host.name,
        name=name,
        task=unit.task.name,
        planned=unit.context.settings.planning,
    )
