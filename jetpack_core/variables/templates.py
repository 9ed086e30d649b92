# SPDX-License-Identifier: GPL-3.0-or-later
"""Rendering of templates and evaluation of expressions."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, cast

from jetpack_core.errors import SecretError, UnknownValueError
from jetpack_core.variables.form import Form

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jetpack_core.registry import Registry
    from jetpack_core.secrets.vault import Vault
    from jetpack_core.variables.environment import VariablesEnvironment
    from jetpack_core.variables.mentions import Mentions
    from jetpack_core.variables.programs import Program
    from jetpack_core.variables.syntax import SyntaxProblem

__all__ = ["Templates", "is_template"]


def is_template(text: str) -> bool:
    """Tell whether a text has anything in it for a template engine."""
    return "{" in text and ("{{" in text or "{%" in text or "{#" in text)


class Templates:
    """Renders templates and evaluates expressions for one run; every text is compiled once.

    Values are data. Whatever a variable holds, it is never compiled, so text that came from a host stays
    text. Failures are TemplateError, whatever their cause; the use of a value that plan mode cannot know is
    UnknownValueError. Jinja2 itself is loaded when the first template is.

    :param registry: where filters and tests are found, besides Jinja2's own.
    :param vault: what decrypts secrets among the variables, and knows when one was looked at.
    """

    def __init__(self, registry: Registry, vault: Vault | None = None) -> None:
        self.vault = vault
        self._registry = registry
        self._values: dict[str, Program] = {}
        self._files: dict[str, Program] = {}
        self._commands: dict[str, Program] = {}
        self._expressions: dict[str, Program] = {}

    def render(self, text: str, variables: Mapping[str, object]) -> object:
        """Render a template; one single `{{ expression }}`, with nothing around it, keeps its native type.

        Values are the caller's own copies.
        """
        program = self._values.get(text)
        if program is None:
            if not is_template(text):
                return text
            program = self._value(text)
        return _run(program, variables)

    def render_text(self, text: str, variables: Mapping[str, object], *, name: str) -> str:
        """Render the text of a template file; errors start with `name:line`."""
        program = self._files.get(text)
        if program is None:
            if not is_template(text):
                return text
            program = self._file(text, name)
        return cast("str", _run(program, variables, name))

    def render_shell(self, text: str, variables: Mapping[str, object]) -> str:
        """Render a shell command.

        Every value in it must be of harmless characters or the direct result of `| quote`, standing where the
        shell expects a word; else TemplateError names the expression and says what to do.
        """
        program = self._commands.get(text)
        if program is None:
            if not is_template(text):
                return text
            program = self._command(text)
        return cast("str", _run(program, variables))

    def evaluate(self, expression: str, variables: Mapping[str, object]) -> object:
        """Return the value of an expression, or of a condition in Jetporch's notation."""
        program = self._expressions.get(expression)
        if program is None:
            program = self._expression(expression)
        return _run(program, variables)

    def check_template(self, text: str) -> SyntaxProblem | None:
        """Return what is wrong with a template's syntax, or None."""
        if not is_template(text):
            return None
        return self._problem(Form.VALUE, text, self._values)

    def check_file(self, text: str) -> SyntaxProblem | None:
        """Return what is wrong with the syntax of a template file's text, or None."""
        if not is_template(text):
            return None
        return self._problem(Form.FILE, text, self._files)

    def check_shell(self, text: str) -> SyntaxProblem | None:
        """Return what is wrong with a shell command's syntax, or None."""
        if not is_template(text):
            return None
        return self._problem(Form.COMMAND, text, self._commands)

    def check_expression(self, text: str) -> SyntaxProblem | None:
        """Return what is wrong with an expression's syntax, or None."""
        return self._problem(Form.EXPRESSION, text, self._expressions)

    def mentions(self, text: str, form: Form) -> Mentions:
        """Return what a text says of variables. Raises TemplateError."""
        from jetpack_core.variables.faults import uncompilable
        from jetpack_core.variables.mentions import mentions
        from jetpack_core.variables.syntax import SyntaxFaultError

        try:
            return mentions(self._environment, form, text)
        except SyntaxFaultError as error:
            raise uncompilable(text, error.problem) from error

    def _value(self, text: str) -> Program:
        return self._compile(Form.VALUE, text, self._values)

    def _file(self, text: str, name: str) -> Program:
        return self._compile(Form.FILE, text, self._files, name)

    def _command(self, text: str) -> Program:
        return self._compile(Form.COMMAND, text, self._commands)

    def _expression(self, text: str) -> Program:
        return self._compile(Form.EXPRESSION, text, self._expressions)

    def _compile(self, form: Form, text: str, cache: dict[str, Program], name: str = "") -> Program:
        problem = self._problem(form, text, cache)
        if problem is not None:
            from jetpack_core.variables.faults import uncompilable

            raise uncompilable(text, problem, name)
        return cache[text]

    def _problem(self, form: Form, text: str, cache: dict[str, Program]) -> SyntaxProblem | None:
        """Compile a text into a cache, or return what is wrong with it."""
        from jetpack_core.variables.programs import compile_text
        from jetpack_core.variables.syntax import SyntaxFaultError

        if text not in cache:
            try:
                cache[text] = compile_text(self._environment, form, text)
            except SyntaxFaultError as error:
                return error.problem
        return None

    @cached_property
    def _environment(self) -> VariablesEnvironment:
        from jetpack_core.variables.environment import VariablesEnvironment, output

        return VariablesEnvironment(self._registry, finalize=output, vault=self.vault)


def _run(program: Program, variables: Mapping[str, object], name: str = "") -> object:
    try:
        return program.run(variables)
    except (UnknownValueError, SecretError):
        raise
    except Exception as error:
        from jetpack_core.variables.faults import explained

        raise explained(error, program, variables, name) from error
