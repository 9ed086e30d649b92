# SPDX-License-Identifier: GPL-3.0-or-later
"""Plugins as pip leaves them: found, loaded late, and each kind of trouble told apart."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from jetpack_core.errors import PluginError
from jetpack_core.registry import BrokenPlugin, Kind, Registry

Install = Callable[..., None]

PLUGIN = """
from jetpack_core.hookspecs import Reference, hookimpl

@hookimpl
def jetpack_register_modules():
    return [Reference("{module}", "{target}", "A module")]
"""


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Return a function that lays out a distribution as pip would."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def lay(name: str, source: str) -> None:
        package = name.replace("-", "_")
        (tmp_path / f"{package}.py").write_text(source)
        info = tmp_path / f"{package}-1.2.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.2\n")
        (info / "entry_points.txt").write_text(f"[jetpack]\n{package} = {package}\n")

    return lay


def broken_of(registry: Registry, distribution: str) -> BrokenPlugin:
    """Return the record of one broken plugin; the machine may have others."""
    (found,) = [one for one in registry.broken if one.distribution == distribution]
    return found


def test_a_plugin_is_found_and_its_class_loads_on_first_use(install: Install, tmp_path: Path) -> None:
    install("jetpack-plugin-late", PLUGIN.format(module="late", target="late_class:Late"))
    (tmp_path / "late_class.py").write_text("class Late: pass\n")
    registry = Registry()
    registry.load_plugins()
    assert "late_class" not in sys.modules
    assert registry.module("late").__name__ == "Late"
    assert registry.entries(Kind.MODULE)["late"].owner == "jetpack-plugin-late"
    assert ("jetpack-plugin-late", "1.2") in [(one.distribution, one.version) for one in registry.plugins]


def test_a_missing_module_looks_for_plugins_and_names_the_package(install: Install) -> None:
    install("jetpack-plugin-found", PLUGIN.format(module="found_late", target="builtins:object"))
    assert Registry().module("found_late") is object
    with pytest.raises(PluginError) as raised:
        Registry().module("nobody_has_this")
    assert "there is no module 'nobody_has_this'" in raised.value.message
    assert "pip install jetpack-plugin-nobody-has-this" in raised.value.hint


def test_a_misspelt_module_gets_a_suggestion() -> None:
    with pytest.raises(PluginError) as raised:
        Registry().modifier("notfy")
    assert "did you mean 'notify'?" in raised.value.hint


def test_a_broken_plugin_is_told_and_the_others_load(install: Install) -> None:
    install("jetpack-plugin-a-broken", "import not_there_at_all\n")
    install("jetpack-plugin-b-fine", PLUGIN.format(module="fine", target="builtins:object"))
    registry = Registry()
    registry.load_plugins()
    broken = broken_of(registry, "jetpack-plugin-a-broken")
    assert (broken.distribution, broken.version) == ("jetpack-plugin-a-broken", "1.2")
    assert "not_there_at_all" in broken.cause
    assert "pip uninstall jetpack-plugin-a-broken" in broken.remedy
    assert registry.module("fine") is object


def test_a_misspelt_hook_breaks_only_its_plugin(install: Install) -> None:
    source = "from jetpack_core.hookspecs import hookimpl\n@hookimpl\ndef jetpack_register_modulez():\n    return []\n"
    install("jetpack-plugin-typo", source)
    registry = Registry()
    registry.load_plugins()
    assert "jetpack_register_modulez" in broken_of(registry, "jetpack-plugin-typo").cause


def test_two_plugins_with_one_name_are_an_error_that_names_both(install: Install) -> None:
    install("jetpack-plugin-one", PLUGIN.format(module="twice", target="builtins:object"))
    install("jetpack-plugin-two", PLUGIN.format(module="twice", target="builtins:object"))
    with pytest.raises(PluginError) as raised:
        Registry().load_plugins()
    assert "'twice'" in raised.value.message
    assert "jetpack-plugin-one" in raised.value.message
    assert "jetpack-plugin-two" in raised.value.message


def test_a_plugin_cannot_take_the_name_of_a_built_in(install: Install) -> None:
    install("jetpack-plugin-thief", PLUGIN.format(module="shell", target="builtins:object"))
    with pytest.raises(PluginError, match="jetpack-core and jetpack-plugin-thief"):
        Registry().load_plugins()


def test_a_class_that_does_not_load_names_its_plugin(install: Install) -> None:
    install("jetpack-plugin-hollow", PLUGIN.format(module="hollow", target="nowhere_to_be_found:Nothing"))
    with pytest.raises(PluginError, match="of jetpack-plugin-hollow does not load"):
        Registry().module("hollow")


def test_every_built_in_reference_loads() -> None:
    registry = Registry()
    for kind in Kind:
        for name in registry.entries(kind):
            registry.load(kind, name)


def test_registering_imports_no_heavy_library() -> None:
    code = (
        "import sys; from jetpack_core.registry import Registry; Registry().load_plugins();"
        "print(sorted({'pydantic', 'yaml', 'jinja2', 'paramiko', 'rich', 'click'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
