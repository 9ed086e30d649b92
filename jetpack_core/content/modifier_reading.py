# SPDX-License-Identifier: GPL-3.0-or-later
"""Read the modifiers of a task from its `with:` and `and:`."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from jetpack_core.content.faults import shown_path
from jetpack_core.content.fields import fields_of
from jetpack_core.content.hints import MODIFIERS
from jetpack_core.content.model import ModifierUse
from jetpack_core.content.nodes import Mapping, Node, Scalar
from jetpack_core.content.values import about, locate, validate
from jetpack_core.content.yaml import check_tag
from jetpack_core.errors import PluginError

if TYPE_CHECKING:
    from jetpack_core.content.faults import Fault
    from jetpack_core.content.problems import Problems
    from jetpack_core.content.values import ValueReader
    from jetpack_core.contracts.modifier import Modifier
    from jetpack_core.registry import Registry


class ModifierReader:
    """Turns the entries of `with:` and `and:` into modifiers; equal ones are made once."""

    def __init__(self, registry: Registry, values: ValueReader, problems: Problems) -> None:
        self._registry = registry
        self._values = values
        self._problems = problems
        self._classes: dict[str, type[Modifier] | PluginError] = {}
        self._made: dict[tuple[str, str, bool], Modifier] = {}

    def read(self, section: Scalar, node: Node) -> tuple[ModifierUse, ...]:
        """Return the modifiers of a section; problems are noted."""
        if isinstance(node, Scalar) and node.empty:
            return ()
        if not isinstance(node, Mapping):
            hint = f"write `{section.text}:`, and its entries below it, one `name: value` a line"
            self._problems.add(node, f"`{section.text}` must be a mapping, not {node.noun}", hint)
            return ()
        check_tag(node, self._problems)
        uses = (self._use(section.text, key, value) for key, value in node.pairs)
        return tuple(use for use in uses if use is not None)

    def mentions(self, task: Node, name: str) -> bool:
        """Tell whether a task tries to use a modifier, rightly or not."""
        if not isinstance(task, Mapping):
            return False
        sections = [task, task.get("with"), task.get("and")]
        found = [one.get(name) for one in sections if isinstance(one, Mapping)]
        return any(one is not None and not (isinstance(one, Scalar) and one.empty) for one in found)

    def _use(self, section: str, key: Scalar, node: Node) -> ModifierUse | None:
        name = key.text
        model = self._class(name)
        if isinstance(model, PluginError):
            message = f"there is no modifier `{name}`"
            broken = "" if model.message.startswith("there is no") else model.message
            self._problems.add(key, broken or message, MODIFIERS.get(name) or model.hint, code="unknown-modifier")
            return None
        if model.section != section:
            self._problems.add(
                key,
                f"`{name}` does not belong under `{section}:`",
                f"move it to `{model.section}:`",
                code="unknown-modifier",
            )
            return None
        if isinstance(node, Scalar) and node.empty:
            return None
        modifier = self._modifier(name, model, node)
        return None if modifier is None else ModifierUse(name, modifier, key.position)

    def _class(self, name: str) -> type[Modifier] | PluginError:
        if name not in self._classes:
            try:
                self._classes[name] = self._registry.modifier(name)
            except PluginError as error:
                self._classes[name] = error
        return self._classes[name]

    def _modifier(self, name: str, model: type[Modifier], node: Node) -> Modifier | None:
        if not isinstance(node, Scalar) or node.tag is not None:
            return self._validated(name, model, node)
        key = (name, node.text, node.plain)
        known = self._made.get(key)
        if known is None:
            made = self._validated(name, model, node)
            if made is None:
                return None
            known = self._made[key] = made
        return known

    def _validated(self, name: str, model: type[Modifier], node: Node) -> Modifier | None:
        before = len(self._problems)
        field = fields_of(model).by_name["value"]
        value = self._values.read(node, field.reading, ("value",))
        if len(self._problems) > before:
            return None
        # Modifiers render their own templates, so nothing waits for that here.
        made, wrong = validate(model, {"value": value}, None, ())
        for fault in wrong:
            where = locate(fault, [(Scalar(node.source, node.mark, None, "value", plain=True), node, "value")])
            self._problems.add(where or node, _sentence(name, fault), fault.hint, code="wrong-value")
        return cast("Modifier", made)


def _sentence(name: str, fault: Fault) -> str:
    return about(shown_path((name, *fault.path[1:])), fault.message)
