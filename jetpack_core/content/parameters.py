# SPDX-License-Identifier: GPL-3.0-or-later
"""Render the parameters of a task for a host, and validate what came of them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, Protocol

from pydantic import ValidationError

from jetpack_core.content.faults import Fault, faults, shown_path
from jetpack_core.content.fields import EXPRESSION, RAW, SHELL, Fields, Reading, fields_of
from jetpack_core.contracts.fields import IN_PROCESS_LIST, ShellText
from jetpack_core.errors import ParameterError, TemplateError
from jetpack_core.secrets.values import Sealed

if TYPE_CHECKING:
    from jetpack_core.content.model import Task
    from jetpack_core.contracts.module import Module
    from jetpack_core.secrets.vault import Vault

UNSAFE: Final = "unsafe"
"""The boolean parameter that lifts the rules for shell text."""
_EXPRESSION: Final = re.compile(r"\s*\{\{((?!\{\{|\}\}).)*\}\}\s*", re.DOTALL)
"""One expression and nothing else."""


class ParameterScope(Protocol):
    """What renders the templates of parameters."""

    def render(self, text: str) -> object:
        """Render a template; one single expression keeps its native type."""

    def render_shell(self, text: str) -> str:
        """Render a shell command; unsafe values raise TemplateError."""


def build(task: Task, scope: ParameterScope, vault: Vault | None = None) -> Module:
    """Return a task's module with its templates rendered.

    What holds a secret is refused where others could read it on the host, and counts as a look at one.

    A module with a true parameter `unsafe` has its shell text rendered without the safety rules. Raises
    ParameterError with all that is wrong, and UnknownValueError in plan mode.
    """
    if task.constant is not None:
        return task.constant
    model = task.module_class
    values, wrong = _rendered(task, fields_of(model), scope, vault)
    if wrong:
        raise ParameterError(task.module, wrong)
    try:
        return model.model_validate(values, context=task.context)
    except ValidationError as error:
        found = faults(error, model, values)
        raise ParameterError(task.module, [_as_pair(fault) for fault in found]) from None


def _as_pair(fault: Fault) -> tuple[str, str]:
    text = f"{fault.message}; {fault.hint}" if fault.hint else fault.message
    return shown_path(fault.path) or "parameters", text


def _rendered(
    task: Task, fields: Fields, scope: ParameterScope, vault: Vault | None
) -> tuple[dict[str, object], list[tuple[str, str]]]:
    """Return the values of all parameters, and what could not be rendered."""
    values = {name: one.value for name, one in task.parameters.items() if not one.templated}
    wrong: list[tuple[str, str]] = []
    unsafe = False
    # `unsafe` decides how the others are rendered, so it comes first.
    templated = [name for name, one in task.parameters.items() if one.templated]
    for name in sorted(templated, key=lambda name: name != UNSAFE):
        unsafe = unsafe or _is_true(values.get(UNSAFE))
        field = fields.by_name[name]
        before = vault.touches if vault is not None else 0
        try:
            value = render_value(task.parameters[name].value, field.reading, scope, vault, unsafe=unsafe)
        except TemplateError as error:
            wrong.append((field.shown, f"{error.message}; {error.hint}" if error.hint else error.message))
        else:
            if vault is not None and _is_secret(task.parameters[name].value, value, vault, before):
                vault.touches += 1
                if _is_exposed(field.reading):
                    wrong.append((field.shown, IN_PROCESS_LIST))
            if value is not None or field.required:
                values[name] = value
    return values, wrong


def _is_secret(text: object, value: object, vault: Vault, before: int) -> bool:
    """Tell whether a secret was looked at, or came with the value of another variable."""
    if vault.touches != before:
        return True
    # What the author wrote in clear is no secret, even where it looks like one.
    return vault.redactor.holds(value) and not vault.redactor.holds(text)


def _is_exposed(reading: Reading) -> bool:
    return reading.exposed or (reading.item is not None and reading.item.exposed)


def _is_true(value: object) -> bool:
    return str(value).lower() in {"true", "yes", "on", "1", "y", "t"}


def render_value(
    value: object, reading: Reading, scope: ParameterScope, vault: Vault | None, *, unsafe: bool
) -> object:
    """Return a parameter's value with its templates rendered. Raises TemplateError, and UnknownValueError.

    :param unsafe: shell text is rendered without the safety rules.
    """
    if isinstance(value, Sealed):
        return value.open()
    if isinstance(value, str):
        before = vault.touches if vault is not None else 0
        rendered = _render_text(value, reading, scope, unsafe=unsafe)
        if vault is not None and vault.touches != before and _EXPRESSION.fullmatch(value):
            vault.learn_derived(rendered)
        return rendered
    if isinstance(value, dict):
        return {key: render_value(one, reading.of_key(key), scope, vault, unsafe=unsafe) for key, one in value.items()}
    if isinstance(value, list):
        return [render_value(one, reading.of_item, scope, vault, unsafe=unsafe) for one in value]
    return value


def _render_text(text: str, reading: Reading, scope: ParameterScope, *, unsafe: bool) -> object:
    if reading.style in {RAW, EXPRESSION}:
        return text
    if reading.style == SHELL:
        return as_text(scope.render(text)) if unsafe else ShellText(scope.render_shell(text))
    return converted(scope.render(text), reading)


def converted(value: object, reading: Reading) -> object:
    """Write out numbers and booleans that a template gave where text is wanted."""
    if isinstance(value, str) or reading.typed:
        return value
    if isinstance(value, bool | int | float):
        return as_text(value) if reading.wants_text else value
    if isinstance(value, list | tuple):
        return [converted(one, reading.of_item) for one in value]
    if isinstance(value, dict):
        return {key: converted(one, reading.of_key(str(key))) for key, one in value.items()}
    return value


def as_text(value: object) -> object:
    """Return a number or boolean as it would be written; anything else as it is."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else value
