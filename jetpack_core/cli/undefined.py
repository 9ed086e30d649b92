# SPDX-License-Identifier: GPL-3.0-or-later
"""Find variables that tasks need and that nothing defines, before any host is asked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Final

from jetpack_core.content.template_files import template_files
from jetpack_core.contracts.encrypted import is_age
from jetpack_core.errors import TemplateError
from jetpack_core.variables.templates import Templates, is_template

if TYPE_CHECKING:
    from jetpack_core.content.model import Play, Playbook, Task
    from jetpack_core.inventory.model import Inventory
    from jetpack_core.records import Position
    from jetpack_core.registry import Registry

_ALWAYS: Final = frozenset(
    {
        "delegate_host",
        "facter",
        "groups",
        "hostvars",
        "inventory_hostname",
        "inventory_hostname_short",
        "item",
        "item_index",
        "ohai",
    }
)
_FOUND_OUT: Final = ("jet_", "ENV_")
"""What begins like this is known in a run only."""


def undefined_variables(
    playbooks: Iterable[Playbook], inventory: Inventory, registry: Registry, extra: Mapping[str, object]
) -> Iterator[tuple[Position, str]]:
    """Yield the variables that no host of their play can have, each with the place of the task that needs it.

    Facts, and results that any task saves, count as known; so does what only some of the hosts have.
    """
    plays = [play for playbook in playbooks for play in playbook.plays]
    saved = {name for play in plays for task in (*play.tasks, *play.handlers) for name in _saved(task)}
    needs = _Needs(registry)
    for play in plays:
        known = {*_ALWAYS, *saved, *extra, *_of_play(play), *_of_inventory(play, inventory)}
        for task in (*play.tasks, *play.handlers):
            of_role = {*task.role.defaults, *task.role.vars} if task.role is not None else set()
            for name, position in needs.of(task).items():
                if name not in known and name not in of_role and not name.startswith(_FOUND_OUT):
                    yield position, name


def _of_play(play: Play) -> Iterator[str]:
    for values in (play.defaults, play.vars, *play.vars_files):
        yield from values


def _of_inventory(play: Play, inventory: Inventory) -> set[str]:
    hosts = inventory.select(group for group in play.groups if group in inventory.groups)
    groups = {group for host in hosts for group in inventory.hosts[host].groups}
    layers = [layer for group in groups for layer in inventory.groups[group].layers]
    layers += [layer for host in hosts for layer in inventory.hosts[host].layers]
    return {name for layer in layers for name in layer.values}


def _saved(task: Task) -> Iterator[str]:
    """Yield the names under which a task keeps what it finds out."""
    for name, parameter in task.parameters.items():
        if name == "save":
            yield str(parameter.value)
        elif task.module_class.sets_variables and isinstance(parameter.value, Mapping):
            yield from map(str, parameter.value)


class _Needs:
    """Tells what tasks need; a text is looked at once."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._templates = Templates(registry)
        self._known: dict[tuple[str, bool], tuple[frozenset[str], frozenset[str]]] = {}

    def of(self, task: Task) -> dict[str, Position]:
        """Return the names a task needs, each with a place; what it asks about anywhere is not needed."""
        found: dict[str, Position] = {}
        asked: set[str] = set()
        for position, text, expression in (*_texts(task), *self._file_texts(task)):
            needed, guarded = self._names(text, expression=expression)
            asked |= guarded
            for name in sorted(needed):
                found.setdefault(name, position)
        return {name: position for name, position in found.items() if name not in asked}

    def _file_texts(self, task: Task) -> Iterator[tuple[Position, str, bool]]:
        for parameter, file in template_files(task):
            content = file.read_bytes()
            if not is_age(content) and self._registry.template_engine(file.suffix) is None:
                yield parameter.position, content.decode(), False

    def _names(self, text: str, *, expression: bool) -> tuple[frozenset[str], frozenset[str]]:
        key = (text, expression)
        if key not in self._known:
            names = self._templates.names if expression else self._templates.template_names
            try:
                needed = names(text, needed=True)
                self._known[key] = needed, names(text) - needed
            except TemplateError:
                # What cannot be compiled is a problem of its own.
                self._known[key] = frozenset(), frozenset()
        return self._known[key]


def _texts(task: Task) -> Iterator[tuple[Position, str, bool]]:
    """Yield the templates and expressions of a task: place, text, and whether it is an expression.

    Expressions that a module evaluates are left out: it may know more names, such as the `rc` of a command.
    """
    for use in task.modifiers:
        value: object = getattr(use.modifier, "value", None)
        if use.name in {"condition", "items"} and isinstance(value, str):
            yield use.position, value, True
        else:
            yield from ((use.position, text, False) for text in _templates_in(value))
    for parameter in task.parameters.values():
        if parameter.templated:
            yield from ((parameter.position, text, False) for text in _templates_in(parameter.value))


def _templates_in(value: object) -> Iterator[str]:
    if isinstance(value, str):
        if is_template(value):
            yield value
    elif isinstance(value, Mapping):
        for one in value.values():
            yield from _templates_in(one)
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _templates_in(one)
