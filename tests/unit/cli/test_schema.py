# SPDX-License-Identifier: GPL-3.0-or-later
"""The JSON Schemas: valid themselves, true to the installed plugins, and taking what Jetpack takes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from jetpack_core.cli.schema import _EDITORS, _NAMES
from jetpack_core.cli.schemas.documents import schemas, tags
from jetpack_core.cli.schemas.editors import EDITORS, FILES
from jetpack_core.registry import Kind, Registry
from tests.unit.cli.conftest import Run, install

PLUGIN = '''"""A plugin."""
from typing import Literal
from jetpack_core.contracts.module import Module
from jetpack_core.hookspecs import Reference, hookimpl


class Brew(Module):
    """Brew a hot drink."""

    drink: Literal["tea", "coffee"]
    """What is brewed."""
    cups: int = 2
    """How many."""

    async def plan(self, host):
        raise NotImplementedError


@hookimpl
def jetpack_register_modules():
    return [Reference("brew", "jetpack_plugin_tea:Brew", "Brew a hot drink")]
'''


@pytest.fixture(scope="module")
def found() -> dict[str, Any]:
    return schemas(Registry())


def task(found: dict[str, Any], module: str) -> dict[str, Any]:
    definition: dict[str, Any] = found["playbook"]["definitions"][f"!{module}"]
    return definition


@pytest.mark.parametrize("name", _NAMES)
def test_each_is_a_valid_schema_of_draft_7(found: dict[str, Any], name: str) -> None:
    assert found[name]["$schema"] == "http://json-schema.org/draft-07/schema#"
    jsonschema.Draft7Validator.check_schema(found[name])


def test_names_and_editors_are_those_there_are(found: dict[str, Any]) -> None:
    assert set(_NAMES) == set(found) == set(FILES)
    assert set(_EDITORS) == set(EDITORS)


def test_every_module_is_there_with_what_it_means(found: dict[str, Any]) -> None:
    for module in Registry().entries(Kind.MODULE):
        assert task(found, module)["description"]
        for name, schema in task(found, module)["properties"].items():
            assert schema.get("description") or "$ref" in schema, f"!{module} {name}"
    assert task(found, "copy")["required"] == ["dest"]
    assert "Default: `false`" in task(found, "copy")["properties"]["follow"]["markdownDescription"]


def test_every_module_has_a_tag_for_editors() -> None:
    known = tags(Registry())
    assert {f"!{module} {kind}" for module in Registry().entries(Kind.MODULE) for kind in ("mapping", "scalar")} <= {
        *known
    }
    assert "!age scalar" in known


@pytest.mark.parametrize(
    ("module", "parameters"),
    [
        ("copy", {"dest": "/a", "content": "a", "mode": 0o644, "follow": "yes", "attributes": None}),
        (
            "copy",
            {"dest": "/a", "src": "a", "mode": "{{ mode }}", "follow": "{{ yes }}", "attributes": {"mode": "0644"}},
        ),
        ("wait_for", {"port": "{{ port }}", "timeout": "30", "name": 3}),
        ("wait_for", {"port": 80, "with": {"condition": "a", "items": [1, {"a": 2}]}, "and": {"notify": ["a"]}}),
        ("shell", {"cmd": True, "env": {"A": 1, "B": "{{ b }}"}, "timeout": 1.5}),
        ("command", {"cmd": "ls -l"}),
        ("command", {"cmd": ["ls", 1]}),
        ("assert", {"true": "a == 1"}),
        ("apt", {"package": "{{ packages }}"}),
        ("set", {"vars": {"a": {"b": [1]}}}),
    ],
)
def test_what_is_right_is_taken(found: dict[str, Any], module: str, parameters: dict[str, Any]) -> None:
    schema = {**task(found, module), "definitions": found["playbook"]["definitions"]}
    jsonschema.validate(parameters, schema, cls=jsonschema.Draft7Validator)
    playbook = [{"name": "a", "groups": ["all"], "tasks": [parameters]}]
    jsonschema.validate(playbook, found["playbook"], cls=jsonschema.Draft7Validator)


@pytest.mark.parametrize(
    ("module", "parameters"),
    [
        ("copy", {"dest": "/a", "contnt": "a"}),
        ("copy", {"content": "a"}),
        ("copy", {"dest": "/a", "follow": "perhaps"}),
        ("copy", {"dest": "/a", "mode": "rw-r--r--"}),
        ("wait_for", {"port": "http"}),
        ("wait_for", {"port": 80, "with": {"notify": "a"}}),
        ("shell", {"cmd": {"a": 1}}),
    ],
)
def test_what_is_wrong_is_not(found: dict[str, Any], module: str, parameters: dict[str, Any]) -> None:
    schema = {**task(found, module), "definitions": found["playbook"]["definitions"]}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(parameters, schema, cls=jsonschema.Draft7Validator)


def test_a_plugin_is_in_it(tmp_path: Path, jetpack: Run) -> None:
    plugins = tmp_path / "plugins"
    plugins.mkdir()
    install(plugins, "jetpack-plugin-tea", PLUGIN)
    done = jetpack("schema", "tasks", path=plugins)
    assert (done.returncode, done.stderr) == (0, "")
    brew = json.loads(done.stdout)["definitions"]["!brew"]
    assert brew["required"] == ["drink"]
    assert brew["properties"]["drink"]["anyOf"][0] == {"enum": ["tea", "coffee"]}
    assert "How many." in brew["properties"]["cups"]["description"]
    assert "!brew mapping" in jetpack("schema", "--editor", "vscode", path=plugins).stdout


def test_all_are_written_into_a_folder_and_an_editor_told(tmp_path: Path, invoke: Run) -> None:
    done = invoke("schema", "--out", "schemas", "--editor", "vscode")
    assert done.returncode == 0
    settings = json.loads(done.stdout)
    assert "!copy mapping" in settings["yaml.customTags"]
    for path in settings["yaml.schemas"]:
        assert json.loads((tmp_path / path).read_text())["$schema"].startswith("http://json-schema.org/draft-07")


@pytest.mark.parametrize("editor", sorted(EDITORS))
def test_every_editor_is_told_of_all_schemas(editor: str, invoke: Run) -> None:
    done = invoke("schema", "--editor", editor)
    assert done.returncode == 0
    for name in _NAMES:
        assert f"{name}.schema.json" in done.stdout
    assert "!copy mapping" in done.stdout


def test_settings_for_helix_are_toml(invoke: Run) -> None:
    import tomllib

    found = tomllib.loads(invoke("schema", "--editor", "helix").stdout)
    assert found["language-server"]["yaml-language-server"]["config"]["yaml"]["schemas"]


def test_nothing_asked_for_is_an_error_with_the_names(invoke: Run) -> None:
    done = invoke("schema")
    assert done.returncode == 1
    assert "playbook" in done.stderr
