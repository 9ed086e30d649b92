# SPDX-License-Identifier: GPL-3.0-or-later
"""Texts compiled into programs that run on variables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from jetpack_core.variables import shell, syntax
from jetpack_core.variables.environment import VariablesContext, finish
from jetpack_core.variables.form import Form
from jetpack_core.variables.wording import in_plain_words

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jinja2 import Template, nodes

    from jetpack_core.variables.environment import VariablesEnvironment


@dataclass(frozen=True, slots=True)
class Program:
    """A compiled text."""

    text: str
    form: Form
    environment: VariablesEnvironment
    template: Template
    native: bool
    """Whether it leaves a value behind instead of writing text."""
    expressions: tuple[str, ...] = ()
    """Of a command: the texts of its expressions."""

    def run(self, variables: Mapping[str, object]) -> object:
        """Return what the text makes of the variables. Raises whatever goes wrong in a template."""
        template = self.template
        # Jinja2 would copy all variables for each rendering; its context only ever reads them.
        context = VariablesContext(self.environment, variables, None, template.blocks)  # type: ignore[arg-type]
        if self.native:
            for _ in template.root_render_func(context):
                pass
            return finish(context.vars[syntax.RESULT])
        text = "".join(template.root_render_func(context))
        return shell.join(text, self.expressions) if self.form is Form.COMMAND else text


def compile_text(environment: VariablesEnvironment, form: Form, text: str) -> Program:
    """Compile a text. Raises SyntaxFaultError."""
    tree, native, expressions = _tree(environment, form, text)
    try:
        code = environment.compile(tree)
    except Exception as error:
        raise syntax.fault_at(text, 0, in_plain_words(error)) from error
    template = environment.template_class.from_code(environment, code, {})
    return Program(text, form, environment, template, native, expressions)


def _tree(environment: VariablesEnvironment, form: Form, text: str) -> tuple[nodes.Template, bool, tuple[str, ...]]:
    """Return the tree to compile, whether it leaves a value, and the expressions of a command."""
    if form is Form.EXPRESSION:
        tree = syntax.leaving_result(environment, syntax.parse_expression(environment, text))
        return syntax.prepare(environment, tree, text), True, ()
    tree = syntax.parse_template(environment, text)
    if form is Form.COMMAND:
        prepared, expressions = syntax.prepare_shell(environment, tree, text)
        return prepared, False, expressions
    expression = syntax.single_expression(tree) if form is Form.VALUE else None
    if expression is not None:
        tree = syntax.leaving_result(environment, expression)
    return syntax.prepare(environment, tree, text), expression is not None, ()
