# SPDX-License-Identifier: GPL-3.0-or-later
"""The pages about what plugins may use, read out of the source: hooks, contracts, records, errors and the test kit."""

from __future__ import annotations

import ast
import inspect
from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

API: Final = {
    "Modules": (
        "contracts.module",
        "contracts.host",
        "contracts.operations",
        "contracts.sources",
        "contracts.fields",
        "contracts.attributes",
        "contracts.paths",
        "contracts.encrypted",
    ),
    "Modifiers": ("contracts.modifier",),
    "Connections": ("contracts.connection", "connections.process"),
    "Provisioners": ("contracts.provisioner",),
    "Views": ("contracts.view",),
    "Template engines": ("contracts.template_engine",),
    "Records": ("records",),
    "Errors": ("errors",),
}
"""The parts of jetpack-core that plugins may import, by what they are for."""
KIT: Final = {
    "Fixtures": ("testing.plugin",),
    "Suites": (
        "testing.modules",
        "testing.modifiers",
        "testing.provisioners",
        "testing.guests",
        "testing.faults",
    ),
    "Hosts and connections": (
        "testing.host",
        "testing.sandbox",
        "testing.scripted",
        "testing.no_python",
        "testing.loop",
    ),
    "Whole runs": ("testing.playbooks", "testing.command_line"),
    "Documents and examples": ("testing.documents", "testing.examples"),
}
"""The parts of the test kit."""
_ROOT: Final = "jetpack_core"
_API_INTRO: Final = """\
What a plugin may import from `jetpack-core`, and nothing else of it. How long it stays as it is says
[the policy on versions](../explanation/plugin-versioning.md); the events that views get are in [events.md](events.md).
"""
_KIT_INTRO: Final = """\
The package `jetpack_core.testing` is for the tests of plugins. The fixtures are there in every pytest run of an
environment that has jetpack-core. `jetpack_core.testing.connections` has the suite for connections,
`ConnectionConformance`, which wants the fixtures `driver` (a connected `Driver`) and `new_driver` (a function that
makes another one).
"""


def api_page() -> str:
    """Return the page of hooks and contracts."""
    parts = ["# What plugins are made of\n", _API_INTRO, "## Hooks\n", *_hooks(), *_sections(API)]
    return "\n".join(parts)


def kit_page() -> str:
    """Return the page of the test kit."""
    return "\n".join(["# The test kit\n", _KIT_INTRO, *_sections(KIT)])


def _sections(table: dict[str, tuple[str, ...]]) -> Iterator[str]:
    for title, names in table.items():
        yield f"## {title}\n"
        for name in names:
            yield from _module(f"{_ROOT}.{name}")


def _source(name: str) -> ast.Module:
    return ast.parse(inspect.getsource(import_module(name)))


def _hooks() -> Iterator[str]:
    """Describe the hooks and what they return."""
    tree = _source(f"{_ROOT}.hookspecs")
    yield f"{_docstring(tree).partition(chr(10))[2].strip()}\n"
    yield '```toml\n[project.entry-points.jetpack]\nmy_plugin = "my_package.plugin"\n```\n'
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            yield from _class(node, "### ")
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and "hookspec" in map(ast.unparse, node.decorator_list):
            yield _function(node, "### ")


def _module(name: str) -> Iterator[str]:
    """Describe the public names of a module that have documentation."""
    tree = _source(name)
    yield f"### `{name}`\n"
    yield f"{_docstring(tree)}\n"
    values = list(_values(tree.body))
    if values:
        yield _list(values)
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield from _class(node)
        elif isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            yield _function(node, "#### ")


def _class(node: ast.ClassDef, marks: str = "#### ") -> Iterator[str]:
    bases = ", ".join(ast.unparse(base) for base in node.bases)
    yield f"{marks}class `{node.name}{f'({bases})' if bases else ''}`\n"
    yield f"{_prose(_docstring(node))}\n"
    items = [*_values(node.body), *_methods(node)]
    if items:
        yield _list(items)


def _methods(node: ast.ClassDef) -> Iterator[tuple[str, str]]:
    for one in node.body:
        if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef) and not one.name.startswith("_"):
            yield _signature(one), _docstring(one)


def _values(body: list[ast.stmt]) -> Iterator[tuple[str, str]]:
    """Yield the public names that are given a value or a type, with the docstring below them."""
    for node, below in zip(body, [*body[1:], None], strict=True):
        name = _assigned(node)
        documented = isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant)
        if name and not name.startswith("_") and (documented or isinstance(node, ast.AnnAssign)):
            text = below.value.value if documented else ""  # type: ignore[union-attr] # seen just above
            yield _shown(node, name), inspect.cleandoc(str(text))


def _assigned(node: ast.stmt) -> str:
    if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
        return node.target.id
    if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
        return node.targets[0].id
    return ""


def _shown(node: ast.stmt, name: str) -> str:
    if not isinstance(node, ast.AnnAssign):
        return name
    default = f" = {ast.unparse(node.value)}" if node.value is not None and _short(node.value) else ""
    return f"{name}: {ast.unparse(node.annotation)}{default}"


def _short(value: ast.expr) -> bool:
    return not isinstance(value, ast.Call | ast.Dict)


def _function(node: ast.FunctionDef, marks: str) -> str:
    return f"{marks}`{_signature(node)}`\n\n{_prose(_docstring(node))}\n"


def _signature(node: ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    decorators = {ast.unparse(one) for one in node.decorator_list}
    returns = f" -> {ast.unparse(node.returns)}" if node.returns is not None else ""
    if "property" in decorators or "pytest.fixture" in decorators:
        return f"{node.name}{returns}"
    before = "async " if isinstance(node, ast.AsyncFunctionDef) else ""
    return f"{before}{node.name}({_without_self(node.args)}){returns}"


def _without_self(arguments: ast.arguments) -> str:
    text = ast.unparse(arguments)
    return text.removeprefix("self").removeprefix(", ") if text.split(",")[0] == "self" else text


def _list(items: list[tuple[str, str]]) -> str:
    return "\n".join(f"- `{name}`" + (f": {_indented(text)}" if text else "") for name, text in items) + "\n"


def _indented(text: str) -> str:
    return _prose(text).replace("\n\n", "\n").replace("\n", "\n  ")


def _prose(text: str) -> str:
    """Return a docstring as Markdown: what follows `::` as a code block, parameters as a list."""
    lines = [f"- {line.removeprefix(':param ')}" if line.startswith(":param ") else line for line in text.splitlines()]
    return "\n".join(lines).replace("::\n", ":\n")


def _docstring(node: ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    return ast.get_docstring(node) or ""
