# SPDX-License-Identifier: GPL-3.0-or-later
"""Failures of templates, explained: what is undefined, which name was meant, and what was being rendered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from jinja2.utils import missing

from jetpack_core.errors import TemplateError
from jetpack_core.variables import syntax
from jetpack_core.variables.form import Form
from jetpack_core.variables.functions import MissingValueError
from jetpack_core.variables.wording import excerpt, in_plain_words, near, type_name

if TYPE_CHECKING:
    from jinja2 import Template

    from jetpack_core.variables.programs import Program
    from jetpack_core.variables.syntax import SyntaxProblem


def uncompilable(text: str, problem: SyntaxProblem, name: str = "") -> TemplateError:
    """Return the error for a text with wrong syntax.

    :param name: the template file, if it is one.
    """
    if name:
        return TemplateError(f"{name}:{problem.line}:{problem.column}: {problem.message}", hint=problem.hint)
    where = f"line {problem.line}, column {problem.column}" if "\n" in text else f"column {problem.column}"
    message = f"{problem.message}, at {where} of: {excerpt(text, problem.line)}"
    return TemplateError(message, hint=problem.hint)


def explained(error: Exception, program: Program, variables: Mapping[str, object], name: str) -> TemplateError:
    """Return the error for a program that failed."""
    what, hint = _cause(error, program, variables)
    line = _line(error, program.template)
    if name:
        return TemplateError(f"{name}:{line}: {what}", hint=hint)
    return TemplateError(f"{what}, in: {excerpt(program.text, line)}", hint=hint)


def _cause(error: Exception, program: Program, variables: Mapping[str, object]) -> tuple[str, str]:
    if isinstance(error, TemplateError):
        return error.message, error.hint
    if not isinstance(error, MissingValueError):
        return in_plain_words(error), ""
    if "unsafe" in error.reason:
        return f"{error.name!r} is not accessible in templates", ""
    if error.reason:
        return error.reason, ""
    if error.owner is missing:
        names = [*variables, *program.environment.globals]
        return f"{error.name!r} is undefined", near(str(error.name), names) or _DEFINE_IT
    return _missing_in_value(error, program, variables)


_DEFINE_IT: Final = "set it in the inventory, in the play or with -e, or give it a default: NAME | default(VALUE)"


def _missing_in_value(error: MissingValueError, program: Program, variables: Mapping[str, object]) -> tuple[str, str]:
    path = _path(error, program, variables)
    owner = error.owner
    message = f"{_dotted(path)!r} is undefined"
    if isinstance(owner, Mapping):
        siblings = [_dotted((*path[:-1], key)) for key in owner]
        return message, near(_dotted(path), siblings) or f"give it a default: {_dotted(path)} | default(VALUE)"
    parent = repr(_dotted(path[:-1])) if len(path) > 1 else "the value"
    if isinstance(owner, Sequence) and not isinstance(owner, str) and isinstance(error.name, int):
        return f"{message}: {parent} has {len(owner)} elements", ""
    return f"{message}: {parent} is {type_name(owner)}", ""


def _path(error: MissingValueError, program: Program, variables: Mapping[str, object]) -> tuple[object, ...]:
    """Find the path in the text that leads to what is missing, as the failing value knows its last key only."""
    parse = syntax.parse_expression if program.form is Form.EXPRESSION else syntax.parse_template
    guess: tuple[object, ...] = (error.name,)
    for path in syntax.value_paths(parse(program.environment, program.text)):
        value: object = variables.get(str(path[0]), missing)
        for index, key in enumerate(path[1:], 1):
            if key == error.name and value is error.owner:
                return path[: index + 1]
            # The name of a loop or a macro is no variable: its values are known to the failed program only.
            if key == error.name and value is missing:
                guess = path[: index + 1]
            value = _item(value, key)
    return guess


def _item(value: object, key: object) -> object:
    if isinstance(value, Mapping):
        return value.get(key, missing)
    if isinstance(value, list | tuple) and isinstance(key, int) and -len(value) <= key < len(value):
        return value[key]
    return missing


def _dotted(path: Sequence[object]) -> str:
    first, *rest = path
    return str(first) + "".join(f".{key}" if isinstance(key, str) else f"[{key!r}]" for key in rest)


def _line(error: Exception, template: Template) -> int:
    """Return the line of a template in which an error was raised."""
    line = 1
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_globals is template.root_render_func.__globals__:
            line = template.get_corresponding_lineno(trace.tb_lineno)
        trace = trace.tb_next
    return line
