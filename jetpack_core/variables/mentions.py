# SPDX-License-Identifier: GPL-3.0-or-later
"""Which variables a text mentions, which of them it needs, and which it looks at whenever it is rendered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from jinja2 import nodes
from jinja2.meta import find_undeclared_variables

from jetpack_core.variables import syntax
from jetpack_core.variables.form import Form
from jetpack_core.variables.wording import in_plain_words

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

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
    try:
        found = find_undeclared_variables(tree)
    except Exception as error:
        raise syntax.fault_at(text, 0, in_plain_words(error)) from error
    names = frozenset(found - environment.globals.keys() - {syntax.RESULT})
    needed = names - frozenset(syntax.guarded_names(tree))
    sure = needed & frozenset(name for statement in tree.body for name in _sure(statement)) - _assigned(tree)
    paths = frozenset(path for path in _paths(tree) if path[0] in names)
    return Mentions(names, needed, sure, paths)


_GUARDS: Final = frozenset({"default", "d", "defined", "undefined"})
_SKIPPED: Final = (nodes.Macro, nodes.CallBlock, nodes.FilterBlock, nodes.Block)
_KEEPING: Final = (nodes.Assign, nodes.AssignBlock, nodes.Dict, nodes.List, nodes.Tuple, nodes.With)
"""What takes undefined values in; whether that matters depends on what is done with it."""


def _sure(node: nodes.Node) -> Iterator[str]:
    """Yield the names that are looked at whenever a node is reached."""
    if isinstance(node, nodes.Name):
        if node.ctx == "load":
            yield node.name
        return
    for part in _reached(node):
        yield from _sure(part)


def _assigned(tree: nodes.Node) -> frozenset[str]:
    """Return the names that a text sets anywhere, perhaps only where a condition holds."""
    return frozenset(node.name for node in syntax.walk(tree) if isinstance(node, nodes.Name) and node.ctx != "load")


_FIRST: Final = {
    nodes.And: "left",
    nodes.CondExpr: "test",
    nodes.For: "iter",
    nodes.If: "test",
    nodes.Or: "left",
}
"""The part of a node that decides whether the others are looked at."""


def _reached(node: nodes.Node) -> Iterable[nodes.Node]:
    """Return the parts of a node that are looked at whenever it is."""
    if isinstance(node, nodes.Assign) and isinstance(node.target, nodes.Name) and node.target.name == syntax.RESULT:
        return (node.node,)
    if type(node) in _FIRST:
        first: nodes.Node = getattr(node, _FIRST[type(node)])
        return (first,)
    if isinstance(node, nodes.Compare):
        return (node.expr, node.ops[0].expr)
    if isinstance(node, (*_SKIPPED, *_KEEPING)) or (
        isinstance(node, nodes.Filter | nodes.Test) and node.name in _GUARDS
    ):
        return ()
    return node.iter_child_nodes()


def _paths(node: nodes.Node) -> Iterator[Path]:
    """Yield the longest path of each lookup; keys that are computed end it."""
    keys: list[str | int] = []
    owner = node
    if isinstance(owner, nodes.Call) and isinstance(owner.node, nodes.Getattr):
        # A method is no value of its own.
        for part in (owner.node.node, *owner.args, *owner.kwargs):
            yield from _paths(part)
        return
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
