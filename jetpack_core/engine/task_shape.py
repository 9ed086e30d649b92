# SPDX-License-Identifier: GPL-3.0-or-later
"""What can be said of a task once, for all hosts: which modifiers act in which phase, and what it saves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jetpack_core.content.fields import secret_fields
from jetpack_core.contracts.modifier import AttemptPolicy, Modifier
from jetpack_core.engine.failures import blamed_on

if TYPE_CHECKING:
    from jetpack_core.content.model import Task
    from jetpack_core.contracts.module import Module


class TaskShape:
    """A task, its modifiers by phase in their order, and what its module makes known."""

    __slots__ = (
        "after",
        "asks",
        "choose",
        "expand",
        "item_guards",
        "keeps",
        "naming",
        "once_guards",
        "policy",
        "route",
        "saves",
        "secrets",
        "sets_variables",
        "task",
    )

    def __init__(self, task: Task) -> None:
        self.task = task
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
        module = task.module_class
        self.sets_variables = module.sets_variables
        self.saves = "save" in module.model_fields
        self.naming = ("save", *module.names_variables) if self.saves else module.names_variables
        self.keeps = bool(self.sets_variables or self.naming or module.renews_facts)
        self.secrets = secret_fields(module)

    def saved_by(self, module: Module) -> bool:
        """Tell whether the task's module, with its parameters as they are on a host, sets a variable."""
        return self.sets_variables or any(getattr(module, name, None) is not None for name in self.naming)


def _acting(modifiers: list[Modifier], phase: str) -> tuple[Modifier, ...]:
    """Return the modifiers that override a phase."""
    return tuple(one for one in modifiers if getattr(type(one), phase) is not getattr(Modifier, phase))
