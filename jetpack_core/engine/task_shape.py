# SPDX-License-Identifier: GPL-3.0-or-later
"""What can be said of a task once, for all hosts: which modifiers act in which phase, and what it saves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jetpack_core.contracts.modifier import AttemptPolicy, Modifier
from jetpack_core.engine.failures import blamed_on

if TYPE_CHECKING:
    from jetpack_core.content.model import Task


class TaskShape:
    """A task's modifiers by phase, in their order."""

    __slots__ = (
        "after",
        "asks",
        "choose",
        "expand",
        "item_guards",
        "once_guards",
        "policy",
        "route",
        "saves",
        "sets_variables",
    )

    def __init__(self, task: Task) -> None:
        modifiers = [use.modifier for use in task.modifiers]
        guards = _acting(modifiers, "guard")
        self.once_guards = tuple(one for one in guards if not one.guards_items())
        self.item_guards = tuple(one for one in guards if one.guards_items())
        self.choose = _acting(modifiers, "choose")
        self.expand = _acting(modifiers, "expand")
        self.route = _acting(modifiers, "route")
        self.asks = _acting(modifiers, "question")
        self.after = _acting(modifiers, "after")
        self.policy = AttemptPolicy()
        for one in modifiers:
            with blamed_on(one):
                self.policy = one.attempt(self.policy)
        self.sets_variables = task.module_class.sets_variables
        self.saves = "save" in task.module_class.model_fields


def _acting(modifiers: list[Modifier], phase: str) -> tuple[Modifier, ...]:
    """Return the modifiers that override a phase."""
    return tuple(one for one in modifiers if getattr(type(one), phase) is not getattr(Modifier, phase))
