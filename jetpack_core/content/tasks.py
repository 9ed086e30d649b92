# SPDX-License-Identifier: GPL-3.0-or-later
"""Read lists of tasks and handlers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from jetpack_core.content import hints
from jetpack_core.content.fields import fields_of
from jetpack_core.content.model import Task
from jetpack_core.content.modifier_reading import ModifierReader
from jetpack_core.content.nodes import Mapping, Node, Scalar, Sequence
from jetpack_core.content.parameter_reading import ParameterReader
from jetpack_core.content.yaml import to_text
from jetpack_core.errors import PluginError
from jetpack_core.registry import Kind

if TYPE_CHECKING:
    from jetpack_core.content.model import ModifierUse, Parameter
    from jetpack_core.content.problems import Problems
    from jetpack_core.content.values import ValueReader
    from jetpack_core.contracts.fields import ParameterContext
    from jetpack_core.contracts.module import Module
    from jetpack_core.registry import Registry

_KEYWORDS: Final = frozenset({"name", "with", "and"})
_TITLE_WIDTH: Final = 60
SUBSCRIBE: Final = "subscribe"


class TaskReader:
    """Turns nodes into tasks; modules and modifiers are looked up once."""

    def __init__(self, registry: Registry, values: ValueReader, problems: Problems) -> None:
        self._registry = registry
        self._problems = problems
        self._parameters = ParameterReader(values, problems)
        self._modifiers = ModifierReader(registry, values, problems)
        self._modules: dict[str, type[Module] | PluginError] = {}

    def read_list(self, node: Node | None, context: ParameterContext, *, handlers: bool) -> list[Task]:
        """Return the tasks of a list; they belong to no role yet."""
        if node is None or (isinstance(node, Scalar) and node.empty):
            return []
        noun = "handlers" if handlers else "tasks"
        if not isinstance(node, Sequence):
            self._problems.add(node, f"{noun} are a list, and this is {node.noun}", "begin each with `- !MODULE`")
            return []
        tasks = (self._read(one, context, handler=handlers) for one in node.items)
        return [task for task in tasks if task is not None]

    def _read(self, node: Node, context: ParameterContext, *, handler: bool) -> Task | None:
        if node.tag is None or not node.tag.startswith("!") or node.tag == "!":
            self._untagged(node)
            return None
        module = node.tag[1:]
        pairs = self._pairs(node, module)
        modifiers: tuple[ModifierUse, ...] = ()
        parameters = []
        name = ""
        for pair in pairs:
            key, value = pair
            if key.text not in _KEYWORDS:
                parameters.append(pair)
            elif key.text == "name":
                name = self._name(value) or ""
            else:
                modifiers += self._modifiers.read(key, value)
        subscribe = self._subscribe(node, modifiers, handler=handler)
        model = self._module(node, module)
        if model is None:
            return None
        values, constant = self._parameters.read(node, module, model, parameters, context)
        return Task(
            name or _title(values.get(model.titled_by)) or module,
            module,
            model,
            values,
            constant,
            tuple(sorted(modifiers, key=_order)) if len(modifiers) > 1 else modifiers,
            node.position,
            None,
            handler,
            context,
            subscribe,
        )

    def _pairs(self, node: Node, module: str) -> list[tuple[Scalar, Node]]:
        if isinstance(node, Mapping):
            return node.pairs
        if not (isinstance(node, Scalar) and node.plain and not node.text):
            hint = "write them below it, one `name: value` a line"
            self._problems.add(node, f"the parameters of !{module} are a mapping, not {node.noun}", hint)
        return []

    def _name(self, node: Node) -> str | None:
        if isinstance(node, Scalar):
            return None if node.empty else to_text(node, self._problems)
        self._problems.add(node, f"the name of a task must be text, not {node.noun}")
        return None

    def _subscribe(self, node: Node, modifiers: tuple[ModifierUse, ...], *, handler: bool) -> str | None:
        used = next((use for use in modifiers if use.name == SUBSCRIBE), None)
        if used is not None and not handler:
            self._problems.add(used.position, "only handlers subscribe", "move the task to `handlers:`")
        if handler and used is None and not self._modifiers.mentions(node, SUBSCRIBE):
            hint = "say what it runs after: `with: {subscribe: NAME}`, and let tasks say `and: {notify: NAME}`"
            self._problems.add(node, "a handler needs `subscribe`", hint)
        return str(used.modifier.value) if used is not None else None

    def _module(self, node: Node, name: str) -> type[Module] | None:
        if name not in self._modules:
            try:
                self._modules[name] = self._registry.module(name)
            except PluginError as error:
                self._modules[name] = error
        found = self._modules[name]
        if isinstance(found, PluginError):
            last = name.rpartition(".")[2]
            hint = hints.MODULES.get(last) or _unknown_hint(found, last, name, self._registry)
            self._problems.add(
                node, found.message.replace(f"module {name!r}", f"module !{name}"), hint, code="unknown-module"
            )
            return None
        return found

    def _untagged(self, node: Node) -> None:
        named = ""
        if isinstance(node, Mapping):
            named = next((key.text.rpartition(".")[2] for key, _ in node.pairs if key.text not in _KEYWORDS), "")
        message = "a task begins with its module, such as `- !copy`"
        self._problems.add(node, message, hints.MODULES.get(named) or self._example(named), code="unknown-module")

    def _example(self, named: str) -> str:
        """Say how a task is written, with the module that seems to be meant."""
        if named not in self._registry.entries(Kind.MODULE):
            return "write `- !MODULE`, and its parameters below it"
        try:
            fields = fields_of(self._registry.module(named)).by_name.values()
        except PluginError as error:
            return error.message
        parameter = next((field.shown for field in fields if field.required), "")
        return f"write `- !{named}`, and below it `{parameter}: ...`" if parameter else f"write `- !{named}`"


def _title(parameter: Parameter | None) -> str:
    """Return the beginning of a parameter as it is written, on one line."""
    if parameter is None:
        return ""
    value = parameter.value
    words = " ".join(map(str, value)) if isinstance(value, list) else str(value)
    line = "; ".join(" ".join(one.split()) for one in words.splitlines() if one.strip())
    return line if len(line) <= _TITLE_WIDTH else f"{line[: _TITLE_WIDTH - 3].rstrip()}..."


def _unknown_hint(error: PluginError, last: str, name: str, registry: Registry) -> str:
    """Return the hint for an unknown module; a name with dots may be known by its last part."""
    if last != name and last in registry.entries(Kind.MODULE):
        return f"say `!{last}`"
    return error.hint


def _order(use: ModifierUse) -> tuple[int, str]:
    return use.modifier.rank, use.name
