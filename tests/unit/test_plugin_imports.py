# SPDX-License-Identifier: GPL-3.0-or-later
"""The packages in `plugins` use of jetpack-core what anybody may use, and nothing else."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from jetpack_core.cli.plugin_reference import API, KIT

_ROOT = Path(__file__).parents[2]
_PLUGINS = sorted(path.parent for path in (_ROOT / "plugins").glob("*/pyproject.toml"))
_PUBLIC = {"jetpack_core.hookspecs", "jetpack_core.events"} | {
    f"jetpack_core.{name}" for names in API.values() for name in names
}
_KIT = {f"jetpack_core.{name}" for names in KIT.values() for name in names} | {"jetpack_core.testing.connections"}


def _imports(folder: Path) -> Iterator[tuple[Path, str]]:
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("jetpack_core"):
                yield path, str(node.module)
            elif isinstance(node, ast.Import):
                yield from ((path, one.name) for one in node.names if one.name.startswith("jetpack_core"))


def test_there_are_plugins() -> None:
    assert {path.name for path in _PLUGINS} >= {"download", "github_release", "move", "unpack"}


@pytest.mark.parametrize("folder", _PLUGINS, ids=lambda path: path.name)
def test_a_plugin_imports_documented_names_only(folder: Path) -> None:
    found = list(_imports(folder / "src"))
    assert found
    assert [(path.name, module) for path, module in found if module not in _PUBLIC] == []


@pytest.mark.parametrize("folder", _PLUGINS, ids=lambda path: path.name)
def test_its_tests_use_the_kit_besides(folder: Path) -> None:
    found = list(_imports(folder / "tests"))
    assert [(path.name, module) for path, module in found if module not in _PUBLIC | _KIT] == []
