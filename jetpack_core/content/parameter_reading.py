# SPDX-License-Identifier: GPL-3.0-or-later
"""Read the parameters of tasks, and check what is known of them before any host is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

from jetpack_core.content.fields import ARGV, EXPRESSION, RAW, SHELL, TEMPLATE, Field, Fields, fields_of
from jetpack_core.content.hints import TASK_KEYS
from jetpack_core.content.model import Parameter
from jetpack_core.content.nodes import Scalar
from jetpack_core.content.problems import nearest, suggest
from jetpack_core.content.values import locate, sentence, validate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jetpack_core.content.faults import Fault
    from jetpack_core.content.nodes import Node
    from jetpack_core.content.problems import Problems
    from jetpack_core.content.values import ValueReader
    from jetpack_core.contracts.fields import ParameterContext
    from jetpack_core.contracts.module import Module

_RENDERINGS: Final = {TEMPLATE: TEMPLATE, RAW: RAW, EXPRESSION: RAW, ARGV: ARGV, SHELL: SHELL}


class ParameterReader:
    """Reads the parameters of tasks, and validates what is known before a host is."""

    def __init__(self, values: ValueReader, problems: Problems) -> None:
        self._values = values
        self._problems = problems

    def read(
        self,
        task: Node,
        module: str,
        model: type[Module],
        pairs: Sequence[tuple[Scalar, Node]],
        context: ParameterContext,
    ) -> tuple[dict[str, Parameter], Module | None]:
        """Return a task's parameters, and its module when all of them are constant; problems are noted."""
        before = len(self._problems)
        templated = self._values.templated
        templated.clear()
        given = self._given(module, pairs, fields_of(model))
        values: dict[str, object] = {}
        parameters: dict[str, Parameter] = {}
        for _, node, field in given:
            if isinstance(node, Scalar) and node.empty:
                continue
            found = len(templated)
            value = values[field.name] = self._values.read(node, field.reading, (field.shown,))
            parameters[field.name] = Parameter(
                value, node.position, _RENDERINGS[field.reading.style], len(templated) > found
            )
        made, wrong = validate(model, values, context, templated)
        if wrong:
            self._report(task, module, wrong, given)
        if made is None or templated or len(self._problems) > before:
            return parameters, None
        return parameters, cast("Module", made)

    def _given(
        self, module: str, pairs: Sequence[tuple[Scalar, Node]], fields: Fields
    ) -> list[tuple[Scalar, Node, Field]]:
        given: dict[str, tuple[Scalar, Node, Field]] = {}
        for key, node in pairs:
            field = fields.by_name.get(key.text)
            if field is None:
                if _means_secret(key.text, fields):
                    self._problems.conceal(node)
                hint = TASK_KEYS.get(key.text) or suggest(key.text, fields.shown)
                self._problems.add(key, f"!{module} has no parameter `{key.text}`", hint, code="unknown-parameter")
            elif field.name in given:
                other = given[field.name][0].text
                self._problems.add(
                    key, f"`{key.text}` is the same parameter as `{other}`", "give it once", code="duplicate-key"
                )
            else:
                given[field.name] = (key, node, field)
        return list(given.values())

    def _report(
        self, task: Node, module: str, wrong: Sequence[Fault], given: Sequence[tuple[Scalar, Node, Field]]
    ) -> None:
        pairs = [(key, node, field.shown) for key, node, field in given]
        empty = {shown: key for key, node, shown in pairs if isinstance(node, Scalar) and node.empty}
        for fault in wrong:
            if not fault.path and fault.missing in empty:
                self._problems.add(
                    empty[fault.missing],
                    f"`{fault.missing}` has no value, and !{module} needs one",
                    code="missing-parameter",
                )
                continue
            text = sentence(fault)
            if not fault.path:
                text = f"!{module} {text}" if fault.missing else f"!{module}: {text}"
            self._problems.add(locate(fault, pairs) or task, text, fault.hint, code=code_of(fault))


def code_of(fault: Fault) -> str:
    """Return the short name of what is wrong with a parameter."""
    if fault.missing:
        return "missing-parameter"
    return "missing-file" if fault.message.startswith("no file ") else "wrong-value"


def _means_secret(name: str, fields: Fields) -> bool:
    """Tell whether an unknown name is most likely that of a parameter that holds a secret."""
    near = nearest(name, fields.shown)
    return near is not None and fields.by_name[near].reading.secret
