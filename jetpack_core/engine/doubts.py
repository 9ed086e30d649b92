# SPDX-License-Identifier: GPL-3.0-or-later
"""Plan mode: which paths a task may change of which only a run can tell what it does."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from jetpack_core.content.fields import fields_of
from jetpack_core.contracts.module import Module
from jetpack_core.errors import JetpackError

if TYPE_CHECKING:
    from jetpack_core.contracts.modifier import Route
    from jetpack_core.engine.planning import PlannedItem, TaskOnHost
    from jetpack_core.engine.scope import TaskScope


def doubt(unit: TaskOnHost, item: PlannedItem | None = None) -> str:
    """Note that a task, or one item of it, may change the paths it names; returns the host it would act on."""
    scope = item.host.scope if item is not None else unit.scope()
    host = (item.route if item is not None else _route(unit, scope)).host
    if unit.task.module_class.apply is not Module.apply:
        unit.context.overlay(host).doubt(_paths(unit, scope), f"the task {unit.task.name!r}")
        unit.host.changed(only_planned=True)
    return host


def _route(unit: TaskOnHost, scope: TaskScope) -> Route:
    route = unit.place.route
    for modifier in unit.shape.route:
        try:
            route = modifier.route(scope, route)
        except JetpackError:
            break
    return route


def _paths(unit: TaskOnHost, scope: TaskScope) -> Iterator[str]:
    """Yield the paths of a host that the task's parameters name."""
    fields = fields_of(unit.task.module_class).by_name
    for name, parameter in unit.task.parameters.items():
        if fields[name].reading.host_path:
            yield _path(str(parameter.value), scope)


def _path(text: str, scope: TaskScope) -> str:
    """Return a path; where it is not known, the directory that is known to hold it."""
    try:
        path = scope.render(text)
    except JetpackError:
        path = text.partition("{")[0].rpartition("/")[0]
    return path if isinstance(path, str) and path.startswith("/") else "/"
