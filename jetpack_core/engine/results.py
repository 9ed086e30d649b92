# SPDX-License-Identifier: GPL-3.0-or-later
"""Keeps what a task finds out as variables of the host it is for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from jetpack_core.contracts.unknown import Unknown
from jetpack_core.records import Status

if TYPE_CHECKING:
    from jetpack_core.engine.planning import PlannedItem, TaskOnHost
    from jetpack_core.records import Outcome


class Results:
    """The results of one task on one host, those of its items among them."""

    __slots__ = ("_found", "_planning", "_secret", "_shape", "_unit")

    def __init__(self, unit: TaskOnHost) -> None:
        self._unit = unit
        self._shape = unit.shape
        self._planning = unit.context.settings.planning
        self._found: list[object] = []
        self._secret = False

    def keep(self, item: PlannedItem, status: Status, outcome: Outcome) -> None:
        """Keep how the task, or one of its items, ended; the last item's result comes with those of all of them."""
        if not self._shape.keeps:
            return
        if status is Status.UNKNOWN or self._did_not_run(item):
            self._found.append(self._unknown())
            self.nothing_known(item)
            return
        self._found.append(dict(outcome.result))
        self._secret = self._secret or item.host.secretive
        self._save(outcome.variables)
        if self._shape.sets_variables:
            self._save(outcome.result)
        name = self._name(item)
        if name is not None:
            looped = item.index is not None
            self._save({name: {**outcome.result, "results": list(self._found)} if looped else dict(outcome.result)})

    def nothing_known(self, item: PlannedItem | None = None) -> None:
        """Plan mode: only a run can tell what the task finds, or whether it acts at all."""
        names = _names_set(self._unit.task.parameters) if self._shape.sets_variables else []
        names += [*self._named(item), *self._unit.task.module_class.renews_facts]
        name = self._name(item)
        self._save(dict.fromkeys([*names, name] if name is not None else names, self._unknown()))

    def _did_not_run(self, item: PlannedItem) -> bool:
        return self._planning and item.plan is not None and item.plan.needed and not item.plan.read_only

    def _unknown(self) -> Unknown:
        return Unknown(f"only the task {self._unit.task.name!r} can tell, and it does not run in plan mode")

    def _name(self, item: PlannedItem | None) -> str | None:
        """Return the variable that the task saves its result in; a task without a module has it as it is written."""
        return self._text_of("save", item) if self._shape.saves else None

    def _named(self, item: PlannedItem | None) -> list[str]:
        names = [self._text_of(parameter, item) for parameter in self._unit.task.module_class.names_variables]
        return [name for name in names if name is not None]

    def _text_of(self, parameter: str, item: PlannedItem | None) -> str | None:
        if item is not None and item.module is not None:
            text = getattr(item.module, parameter, None)
        else:
            written = self._unit.task.parameters.get(parameter)
            text = written.value if written is not None and not written.templated else None
        return text if isinstance(text, str) else None

    def _save(self, values: Mapping[str, object]) -> None:
        if values:
            for host in (self._unit.host, *self._unit.sharers):
                host.variables.save(values, secret=self._secret)
                host.told()


def _names_set(parameters: Mapping[str, object]) -> list[str]:
    """Return the names a task that sets variables would set, as they are written."""
    values: list[object] = [getattr(parameter, "value", None) for parameter in parameters.values()]
    return [str(name) for value in values if isinstance(value, Mapping) for name in value]
