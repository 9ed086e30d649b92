# SPDX-License-Identifier: GPL-3.0-or-later
"""Which variables a text mentions, which of them it needs, and which it looks at whenever it is rendered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from jinja2 import nodes
from jinja2.meta import find_undeclared_variables

from jetpack_core.variables import syntax
from jetpack_core.variables.form import Form

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jetpack_core.variables.environment import VariablesEnvironment

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Mentions:
    """What a text says of variables it does not set itself."""

    names: frozenset[str] = frozenset()
    needed: frozenset[str] = frozenset()
    """Those without a default, of which it is not asked whether they are defined."""
    sure: frozenset[str] = frozenset()
    """Those of the needed ones that every rendering looks at, whatever the values of others."""
    paths: frozenset[Path] = frozenset()
    """The values it looks up: a variable, then keys, as far as they stand there."""


def mentions(environment: VariablesEnvironment, form: Form, text: str) -> Mentions:
    """Return what a text mentions. Raises SyntaxFaultError."""
    if form is Form.EXPRESSION:
        tree = syntax.leaving_result(environment, syntax.parse_expression(environment, text))
    else:
        tree = syntax.parse_template(environment, text)
    names = frozenset(find_undeclared_variables(tree) - environment.globals.keys() - {syntax.RESULT})
    needed = names - frozenset(syntax.guarded_names(tree))
    sure = needed & frozenset(name for statement in tree.body for name in _sure(statement))
    paths = frozenset(path for path in _paths(tree) if path[0] in names)
    return Mentions(names, needed, sure, paths)


_GUARDS: Final = frozenset({"default", "d", "defined", "undefined"})
_SKIPPED: Final = (nodes.Macro, nodes.CallBlock, nodes.FilterBlock, nodes.Block)


def _sure(node: nodes.Node) -> Iterator[str]:
    """Yield the names that are looked at whenever a node is reached."""
    match node:
        case nodes.Name():
            if node.ctx == "load":
                yield node.name
        case nodes.CondExpr() | nodes.If():
            yield from _sure(node.test)
        case nodes.And() | nodes.Or():
            yield from _sure(node.left)
        case nodes.For():
            yield from _sure(node.iter)
        case nodes.Assign():
            yield from _sure(node.node)
        case nodes.Compare():
            yield from _sure(node.expr)
            yield from _sure(node.ops[0].expr)
        case nodes.Filter() | nodes.Test() if node.name in _GUARDS:
            return
        case _ if not isinstance(node, _SKIPPED):
            for child in node.iter_child_nodes():
                yield from _sure(child)


def _paths(node: nodes.Node) -> Iterator[Path]:
    """Yield the longest path of each lookup; keys that are computed end it."""
    keys: list[str | int] = []
    owner = node
    while isinstance(owner, nodes.Getattr | nodes.Getitem):
        key: object = owner.attr if isinstance(owner, nodes.Getattr) else getattr(owner.arg, "value", None)
        keys = [key, *keys] if isinstance(key, str | int) else []
        if isinstance(owner, nodes.Getitem):
            yield from _paths(owner.arg)
        owner = owner.node
    if isinstance(owner, nodes.Name):
        yield (owner.name, *keys)
    else:
        for child in owner.iter_child_nodes():
            yield from _paths(child)
