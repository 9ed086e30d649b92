# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds the items of a loop whose changes may travel to the host as one frame.

Each change carries what its plan saw, and a frame stops at the first that fails, so the host ends up as if the items
had been applied one after the other: an item that an earlier one changed the ground under is refused, and is run by
itself from a new plan. One whose guards looked at the host waits for its turn: nothing would refuse what they found.
So does one that is to change a file which an item before it changes: that it would be refused is known already.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from jetpack_core.records import PathEffect

if TYPE_CHECKING:
    from jetpack_core.contracts.module import Module
    from jetpack_core.engine.planning import PlannedItem, PlannedTask, TaskOnHost
    from jetpack_core.records import Plan

_MOST: Final = 32
"""Items in one frame, which must not grow without bound."""


@dataclass(frozen=True, slots=True)
class ReadyItem:
    """An item with a change that is planned and true."""

    item: PlannedItem
    module: Module
    plan: Plan


def ready_together(unit: TaskOnHost, planned: PlannedTask, first: int) -> list[ReadyItem]:
    """Return the items from `first` on whose changes are planned, still true, and of a single step each."""
    settings = unit.context.settings
    found: list[ReadyItem] = []
    if settings.planning or settings.verify or not planned.looped or unit.shape.asks or unit.context.approval:
        return found
    touched: set[str] = set()
    for item in planned.items[first : first + _MOST]:
        ready = _ready(unit, item) if item is not None and unit.still_true(item) else None
        if ready is None or (found and (ready.item.looked or ready.item.route != found[0].item.route)):
            break
        paths = {effect.state.path for effect in ready.plan.effects if isinstance(effect, PathEffect)}
        if not touched.isdisjoint(paths):
            break
        touched |= paths
        found.append(ready)
    return found


def _ready(unit: TaskOnHost, item: PlannedItem) -> ReadyItem | None:
    module, plan = item.module, item.plan
    if item.error is not None or module is None or plan is None:
        return None
    # What is saved may be what a later item's condition looks at.
    if not plan.needed or item.saves or not module.applies_at_once(plan):
        return None
    if unit.shape.policy.retries and not module.repeatable:
        return None
    return ReadyItem(item, module, plan)
