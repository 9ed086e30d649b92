# SPDX-License-Identifier: GPL-3.0-or-later
"""Plans a task on a host: guards, items, routes, the module's own plan. Only reads, and sends no event."""

from __future__ import annotations

import types
from collections.abc import Coroutine, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from pydantic import SecretStr

from jetpack_core.content.parameters import build
from jetpack_core.engine.asking import addressed
from jetpack_core.engine.failures import blamed_on
from jetpack_core.engine.stepper import guarded, with_followers
from jetpack_core.records import Plan

if TYPE_CHECKING:
    from jetpack_core.contracts.modifier import Modifier, Route
    from jetpack_core.contracts.module import Module
    from jetpack_core.contracts.operations import OutputCallback
    from jetpack_core.engine.asking import Address, Asks, Replies, Stepping
    from jetpack_core.engine.context import HostRun, Stamp
    from jetpack_core.engine.host_in_play import HostInPlay
    from jetpack_core.engine.host_view import EngineHost
    from jetpack_core.engine.scope import TaskScope
    from jetpack_core.engine.task_shape import TaskShape


class TaskOnHost:
    """A task, and the host it is for.

    :param on_output: Is handed what its commands print.
    :param sharers: Other hosts that have what the task saves.
    """

    __slots__ = ("context", "host", "on_output", "place", "play", "shape", "sharers", "task")

    def __init__(
        self,
        place: HostInPlay,
        shape: TaskShape,
        on_output: OutputCallback | None = None,
        sharers: tuple[HostRun, ...] = (),
    ) -> None:
        self.place = place
        self.context = place.context
        self.play = place.play
        self.host = place.host
        self.shape = shape
        self.task = shape.task
        self.on_output = on_output
        self.sharers = sharers

    def scope(self) -> TaskScope:
        """Return the host's variables as the task sees them before any item."""
        variables = self.host.variables.seen_by(self.task.role)
        return self.context.scope(variables)

    def still_true(self, item: PlannedItem) -> bool:
        """Tell whether the plan of an item is; one for another host is not once any host changed something.

        In plan mode nor once any host would have changed something there.
        """
        batch, other = self.host.batch, item.route.host
        if other != self.host.name:
            if batch is not None and item.stamp[2] != batch.changes:
                return False
            if self.context.settings.planning and item.foreseen != self.context.overlay(other).changes:
                return False
        return self.host.holds(item.stamp)


@dataclass(slots=True)
class PlannedItem:
    """What is to be done for one item (or for the task, where it has none)."""

    index: int | None
    item: object
    stamp: Stamp
    route: Route
    host: EngineHost
    address: Address
    foreseen: int = 0
    """Plan mode: how many changes of the host acted on were planned before this."""
    looked: bool = False
    """Its guards asked the host, so a change before it may decide otherwise."""
    saves: bool = False
    """Its result becomes a variable."""
    module: Module | None = None
    plan: Plan | None = None
    skip: str | None = None
    error: Exception | None = None

    @property
    def only_reads(self) -> bool:
        """Tell whether carrying this out neither changes a host nor any variable."""
        if self.plan is None or self.module is None:
            return self.skip is not None
        return not (self.plan.needed or self.saves or self.plan.outcome.variables)


@dataclass(slots=True)
class PlannedTask:
    """What is to be done for a task on one host; items that were not reached are None."""

    stamp: Stamp
    skip: str | None = None
    error: Exception | None = None
    looped: bool = False
    scopes: list[tuple[object, TaskScope]] = field(default_factory=list)
    items: list[PlannedItem | None] = field(default_factory=list)
    warnings: tuple[str, ...] = ()
    """What guards of all items want to be told where anything is to be done."""

    @property
    def only_reads(self) -> bool:
        """Tell whether carrying this out leaves everything as it is, so that later plans stay true."""
        if self.error is not None:
            return False
        return all(item is not None and item.only_reads for item in self.items)

    def stamp_anew(self, stamp: Stamp) -> None:
        """Mark what is planned as made after a change it rode behind."""
        self.stamp = stamp
        for item in self.items:
            if item is not None:
                item.stamp = stamp


async def plan_task(unit: TaskOnHost) -> PlannedTask:
    """Plan a task on its host. Errors are part of the plan, never raised."""
    planned = PlannedTask(unit.host.stamp())
    try:
        scope = unit.scope()
        if unit.shape.once_guards:
            planned.skip, planned.warnings = await _first_guard(unit, scope)
        if planned.skip is None:
            _expand(unit, scope, planned)
    except Exception as error:  # noqa: BLE001 - whatever a guard or expression raises is the task's failure
        planned.error = error
        return planned
    if planned.items:
        await plan_items(unit, planned, 0)
    return planned


async def _first_guard(unit: TaskOnHost, scope: TaskScope) -> tuple[str | None, tuple[str, ...]]:
    """Ask the guards that hold for all items at once; returns the reason to skip, and their warnings."""
    host = unit.place.seen_by(unit.task, scope, unit.place.route)
    return await _ask_guards(unit.shape.once_guards, host, unit.place.address), tuple(host.warnings)


async def _ask_guards(guards: Sequence[Modifier], host: EngineHost, address: Address) -> str | None:
    for guard in guards:
        with blamed_on(guard):
            reason = await addressed(guard.guard(host), address)
        if reason is not None:
            return reason
    return None


def _expand(unit: TaskOnHost, scope: TaskScope, planned: PlannedTask) -> None:
    for modifier in unit.shape.expand:
        with blamed_on(modifier):
            items = modifier.expand(scope)
        if items is not None:
            planned.looped = True
            planned.scopes = [
                (item, scope.with_names({"item": item, "item_index": index})) for index, item in enumerate(items)
            ]
            break
    else:
        planned.scopes = [(None, scope)]
    planned.items = [None] * len(planned.scopes)
    if not planned.items:
        planned.skip = "no items"


async def plan_items(unit: TaskOnHost, planned: PlannedTask, first: int) -> None:
    """Plan the item `first`, and as far as that costs no more round trips, those after it."""
    if first + 1 == len(planned.items) or not unit.context.settings.read_ahead:
        planned.items[first] = await plan_item(unit, planned, first)
    else:
        main = _plan_into(unit, planned, first)
        await with_followers(main, lambda: following_items(unit, planned, first + 1), changing=False)


def following_items(unit: TaskOnHost, planned: PlannedTask, first: int) -> Iterator[Coroutine[Asks, Replies, None]]:
    """Yield coroutines that plan the items from `first` on, as far as each is true once those before it are done."""
    for index in range(first, len(planned.items)):
        planned.items[index] = None
        yield _plan_into(unit, planned, index)
        done = planned.items[index]
        if done is not None and not done.only_reads:
            return


async def _plan_into(unit: TaskOnHost, planned: PlannedTask, index: int) -> None:
    planned.items[index] = await plan_item(unit, planned, index)


async def plan_item(unit: TaskOnHost, planned: PlannedTask, index: int) -> PlannedItem:
    """Plan one item. Errors are part of the plan, never raised."""
    item, scope = planned.scopes[index]
    place = unit.place
    host = place.seen_by(unit.task, scope, place.route)
    found = PlannedItem(index if planned.looped else None, item, unit.host.stamp(), place.route, host, place.address)
    try:
        if unit.shape.route:
            _route(unit, scope, found)
        if unit.context.settings.planning:
            found.foreseen = unit.context.overlay(found.route.host).changes
        if unit.shape.item_guards:
            asking = _noting(_ask_guards(unit.shape.item_guards, found.host, found.address), found)
            found.skip, found.plan = await guarded(asking, lambda: _plan_module(unit, found))
        else:
            found.plan = await _plan_module(unit, found)
        _pass_on_warnings(planned, index, found)
    except Exception as error:  # noqa: BLE001 - whatever a module or template raises is the task's failure
        found.error = error
    return found


@types.coroutine
def _noting(asking: Coroutine[Asks, Replies, str | None], found: PlannedItem) -> Stepping[str | None]:
    """Note whether guards ask the host anything."""
    try:
        asks = asking.send(cast("Replies", None))
        found.looked = True
        while True:
            asks = asking.send((yield asks))
    except StopIteration as stop:
        return cast("str | None", stop.value)
    finally:
        asking.close()


def _pass_on_warnings(planned: PlannedTask, index: int, found: PlannedItem) -> None:
    """Let the first item that has something to do tell what the guards of all items warned of."""
    if planned.warnings and _needed(found) and not any(map(_needed, planned.items[:index])):
        for text in planned.warnings:
            found.host.warn(text)


def _needed(item: PlannedItem | None) -> bool:
    return item is not None and item.plan is not None and item.plan.needed


def _route(unit: TaskOnHost, scope: TaskScope, found: PlannedItem) -> None:
    """Let the modifiers say where the item acts."""
    scope = scope.with_names({"delegate_host": unit.host.name})
    for modifier in unit.shape.route:
        with blamed_on(modifier):
            found.route = modifier.route(scope, found.route)
    found.address = unit.place.leads_to(found.route)
    found.host = unit.place.seen_by(unit.task, scope, found.route)


async def _plan_module(unit: TaskOnHost, found: PlannedItem) -> Plan:
    module = unit.task.constant
    if module is None:
        with found.host.watching():
            module = build(unit.task, found.host.scope, found.host.scope.vault)
    found.module = module
    if unit.shape.secrets:
        _keep_secrets(unit, module)
    found.saves = unit.shape.saved_by(module)
    return await addressed(module.plan(found.host), found.address)


def _keep_secrets(unit: TaskOnHost, module: Module) -> None:
    """Make what a module's secret parameters hold known to the redactor."""
    vault = unit.context.templates.vault
    for name in unit.shape.secrets:
        value = getattr(module, name)
        if vault is not None and isinstance(value, SecretStr):
            position = unit.task.position
            vault.redactor.register(value.get_secret_value(), f"{position.file}:{position.line}")
