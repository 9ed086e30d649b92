# SPDX-License-Identifier: GPL-3.0-or-later
"""Templates and expressions parsed, checked, and made ready to be compiled; where their errors are."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar

from jinja2 import TemplateSyntaxError, nodes
from jinja2.parser import Parser

from jetpack_core.variables import shell
from jetpack_core.variables.conditions import ConditionSyntaxError, translate
from jetpack_core.variables.wording import in_plain_words, near

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from jetpack_core.variables.environment import VariablesEnvironment

Tree = TypeVar("Tree", bound=nodes.Node)

RESULT: Final = "_result"
"""The name an expression's value is left under."""


@dataclass(frozen=True, slots=True)
class SyntaxProblem:
    """What is wrong with a template or expression, and where in its text; line and column count from 1."""

    message: str
    line: int
    column: int
    hint: str = ""


class SyntaxFaultError(Exception):
    """A text does not parse or compile."""

    def __init__(self, problem: SyntaxProblem) -> None:
        super().__init__(problem.message)
        self.problem = problem


def parse_template(environment: VariablesEnvironment, text: str) -> nodes.Template:
    """Parse a template. Raises SyntaxFaultError."""
    return _parsed(environment, text, None, Parser.parse)


def parse_expression(environment: VariablesEnvironment, text: str) -> nodes.Expr:
    """Parse an expression, or a condition in Jetporch's notation. Raises SyntaxFaultError."""
    try:
        translated = translate(text)
    except ConditionSyntaxError as error:
        raise fault_at(text, error.offset, error.message, error.hint) from error
    if not text.strip():
        raise fault_at(text, 0, "the expression is empty")
    if text.lstrip().startswith(("{{", "{%")):
        hint = "write it without {{ and }}"
        raise fault_at(text, 0, "an expression is expected here, not a template", hint)
    return _parsed(environment, translated, "variable", _whole_expression)


def _whole_expression(parser: Parser) -> nodes.Expr:
    expression = parser.parse_expression()
    if not parser.stream.eos:
        parser.fail(f"unexpected {parser.stream.current.value!r} after the end of the expression")
    return expression


def _parsed(environment: VariablesEnvironment, text: str, state: str | None, parse: Callable[[Parser], Tree]) -> Tree:
    parser = None
    try:
        parser = Parser(environment, text, state=state)
        tree = parse(parser)
    except TemplateSyntaxError as error:
        raise fault_at(text, _offset(environment, text, state, parser, error), _message(error)) from error
    except Exception as error:
        raise fault_at(text, 0, in_plain_words(error)) from error
    tree.set_environment(environment)
    return tree


def _message(error: TemplateSyntaxError) -> str:
    message = re.sub(r" at \d+$", "", error.message or "wrong syntax")
    message = message.removesuffix(".").replace("end of print statement", "}}")
    message = message.replace("end of statement block", "%}")
    return message.replace("unexpected 'end of template'", "unexpected end")


def fault_at(text: str, offset: int, message: str, hint: str = "") -> SyntaxFaultError:
    """Return the error for a problem at a character of a text."""
    before = text[:offset].replace("\r\n", "\n").replace("\r", "\n")
    lines = before.split("\n")
    return SyntaxFaultError(SyntaxProblem(message, len(lines), len(lines[-1]) + 1, hint))


def _offset(
    environment: VariablesEnvironment,
    text: str,
    state: str | None,
    parser: Parser | None,
    error: TemplateSyntaxError,
) -> int:
    """Find the place of a syntax error, of which Jinja2 tells the line only.

    The parser stopped at some token; as many tokens as it has left are left in the text from there on.
    """
    at = re.search(r" at (\d+)$", error.message or "")
    if at:
        return int(at[1])
    try:
        left = sum(1 for _ in parser.stream) if parser else 0
        starts = list(_token_starts(environment, text, state))
    except TemplateSyntaxError:
        return _line_start(text, error.lineno)
    return starts[-left] if 0 < left <= len(starts) else len(text.rstrip())


_NO_TOKENS: Final = frozenset({"whitespace", "raw_begin", "raw_end"})


def _token_starts(environment: VariablesEnvironment, text: str, state: str | None) -> Iterator[int]:
    end = 0
    for _line, kind, value in environment.lexer.tokeniter(text, None, None, state):
        start = text.find(value, end)
        if start < 0:
            continue
        end = start + len(value)
        if kind not in _NO_TOKENS and "comment" not in kind:
            yield start


def _line_start(text: str, line: int) -> int:
    return sum(len(one) for one in text.splitlines(keepends=True)[: line - 1])


def walk(tree: nodes.Node) -> Iterator[nodes.Node]:
    """Yield a tree's nodes in the order of the text."""
    pending = [tree]
    while pending:
        node = pending.pop()
        yield node
        pending.extend(reversed(list(node.iter_child_nodes())))


_OTHER_FILES: Final = (nodes.Include, nodes.Import, nodes.FromImport, nodes.Extends)


def prepare(environment: VariablesEnvironment, tree: nodes.Template, text: str) -> nodes.Template:
    """Check that a template uses only what exists, and let it find methods where it calls them.

    Raises SyntaxFaultError.
    """
    for node in walk(tree):
        if isinstance(node, nodes.Filter | nodes.Test):
            _check_function(environment, node, text)
        elif isinstance(node, _OTHER_FILES):
            message = f"{type(node).__name__.lower()} is not supported: a template is one file"
            raise fault_at(text, _line_start(text, node.lineno), message)
        elif isinstance(node, nodes.Call) and isinstance(node.node, nodes.Getattr):
            node.node = call_environment(
                environment, "method", node.node.node, nodes.Const(node.node.attr), line=node.lineno
            )
    return tree


def call_environment(environment: VariablesEnvironment, method: str, *arguments: nodes.Expr, line: int) -> nodes.Call:
    """Return a node that calls a method of the environment."""
    target = nodes.EnvironmentAttribute(method)
    call = nodes.Call(target, list(arguments), [], None, None, lineno=line)
    call.set_environment(environment)
    return call


def _check_function(environment: VariablesEnvironment, node: nodes.Filter | nodes.Test, text: str) -> None:
    is_filter = isinstance(node, nodes.Filter)
    functions = environment.filter_functions if is_filter else environment.test_functions
    if functions.get(node.name) is not None:
        return
    use = rf"\|\s*({re.escape(node.name)})\b" if is_filter else rf"\bis\s+(?:not\s+)?({re.escape(node.name)})\b"
    start = _line_start(text, node.lineno)
    match = re.compile(use).search(text, start)
    message = f"there is no {'filter' if is_filter else 'test'} {node.name!r}"
    hint = near(node.name, functions.names()) or functions.hints[node.name]
    raise fault_at(text, match.start(1) if match else start, message, hint)


def single_expression(tree: nodes.Template) -> nodes.Expr | None:
    """Return the expression of a template that is one `{{ expression }}` and nothing else, not even a blank."""
    if len(tree.body) != 1 or not isinstance(tree.body[0], nodes.Output):
        return None
    parts = tree.body[0].nodes
    if len(parts) != 1 or isinstance(parts[0], nodes.TemplateData):
        return None
    return parts[0]


def leaving_result(environment: VariablesEnvironment, expression: nodes.Expr) -> nodes.Template:
    """Return a template that writes nothing and leaves the expression's value under RESULT."""
    tree = nodes.Template([nodes.Assign(nodes.Name(RESULT, "store"), expression, lineno=1)], lineno=1)
    tree.set_environment(environment)
    return tree


_NOT_IN_SHELL: Final = (nodes.FilterBlock, nodes.CallBlock, nodes.Block)


def prepare_shell(
    environment: VariablesEnvironment, tree: nodes.Template, text: str
) -> tuple[nodes.Template, tuple[str, ...]]:
    """Make every value of a shell command pass the environment's check; return the texts of its expressions too.

    Raises SyntaxFaultError for statements that write values in other ways.
    """
    if shell.MARK in text:
        raise fault_at(text, text.index(shell.MARK), "a command cannot hold a NUL character")
    expressions = tuple(_expression_texts(environment, text))
    number = 0
    for node in walk(tree):
        if isinstance(node, _NOT_IN_SHELL):
            raise fault_at(text, _line_start(text, node.lineno), "filter, call and block do not work in a command")
        if isinstance(node, nodes.Output):
            for index, part in enumerate(node.nodes):
                if not isinstance(part, nodes.TemplateData):
                    shown = nodes.Const(expressions[number])
                    checked = (part, shown, nodes.Const(number))
                    node.nodes[index] = call_environment(environment, "shell_value", *checked, line=node.lineno)
                    number += 1
    return prepare(environment, tree, text), expressions


def _expression_texts(environment: VariablesEnvironment, text: str) -> Iterator[str]:
    inside: list[str] | None = None
    for _line, kind, value in environment.lexer.tokeniter(text, None):
        if kind == "variable_begin":
            inside = []
        elif kind == "variable_end" and inside is not None:
            yield "{{ " + "".join(inside).strip() + " }}"
            inside = None
        elif inside is not None:
            inside.append(value)


_GUARDS: Final = frozenset({"default", "d", "defined", "undefined"})


def guarded_names(tree: nodes.Node) -> Iterator[str]:
    """Yield the variables that may be undefined without harm: they have a default, or it is asked for."""
    for node in walk(tree):
        if isinstance(node, nodes.Filter | nodes.Test) and node.name in _GUARDS and node.node is not None:
            yield from (inner.name for inner in walk(node.node) if isinstance(inner, nodes.Name))


def value_paths(tree: nodes.Node) -> Iterator[tuple[object, ...]]:
    """Yield the paths that a template looks values up by: a variable's name, then keys."""
    for node in walk(tree):
        keys: list[object] = []
        owner = node
        while isinstance(owner, nodes.Getattr | nodes.Getitem):
            keys.append(owner.attr if isinstance(owner, nodes.Getattr) else getattr(owner.arg, "value", None))
            owner = owner.node
        if keys and isinstance(owner, nodes.Name):
            yield (owner.name, *reversed(keys))
