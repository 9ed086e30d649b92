# SPDX-License-Identifier: GPL-3.0-or-later
"""Every YAML block of every page is what it claims to be: `jetpack check` reads it and finds nothing wrong with it."""

from __future__ import annotations

import json
import textwrap
from pathlib import Path
from typing import Any, Final

import jsonschema
import pytest
import yaml

from tests.reading import blocks
from tests.unit.cli.conftest import Run, invoke  # noqa: F401 - a fixture
from tests.unit.docs.pages import PAGES

AROUND: Final = {"missing-file", "missing-role", "unused-handler"}
"""What a block may lack, since the project around it would have it."""
ELSEWHERE: Final = {"docs/tutorial/first-module.md": {"unknown-module"}}
"""What a page's own test brings: that tutorial makes the module that it uses."""
OTHER_TOOLS: Final = ("repos:", "- run:")
"""How settings of pre-commit and of code hosts begin."""
KINDS: Final = {"recipients": "rules", "playbook": "project", "hosts": "group", "handlers": "part"}
"""What a mapping is, by its first key; others are variables."""
DIGEST: Final = ("sha512:...", f"sha512:{'0' * 128}")
"""What stands for the reader's own."""

PLAYS: Final = ("playbook", "tasks", "part")

YAML: Final = {
    f"{page}-{number}": block.text
    for page, path in PAGES.items()
    for number, block in enumerate(one for one in blocks(path) if one.language == "yaml")
}


def kind_of(text: str) -> str:
    """Tell what a block of YAML is by its first key."""
    lines = [line for line in textwrap.dedent(text).splitlines() if line.strip() and not line.startswith("#")]
    if lines[0].startswith("- !"):
        return "tasks"
    if lines[0].startswith(OTHER_TOOLS):
        return "foreign"
    return "playbook" if lines[0].startswith("- ") else KINDS.get(lines[0].partition(":")[0], "vars")


def of_kind(*kinds: str) -> list[str]:
    """Return the names of the blocks of some kinds."""
    return [name for name, text in YAML.items() if kind_of(text) in kinds]


def playbook(text: str) -> str:
    """Return a playbook that has a block's tasks or handlers, or is the block."""
    if kind_of(text) == "playbook":
        return text
    if kind_of(text) == "part":
        return f"- name: a block\n  groups: [all]\n{textwrap.indent(text, ' ' * 2)}"
    place = "handlers" if "subscribe:" in text else "tasks"
    return f"- name: a block\n  groups: [all]\n  {place}:\n{textwrap.indent(textwrap.dedent(text), ' ' * 4)}"


def findings(done: Any, allowed: set[str]) -> list[str]:
    """Return what was found that must not be there."""
    assert done.stdout, done.stderr
    found = json.loads(done.stdout)["findings"]
    return [f"{one['file']}:{one['line']}: {one['message']}" for one in found if one["code"] not in allowed]


@pytest.mark.parametrize("page", sorted({name.rpartition("-")[0] for name in of_kind(*PLAYS)}))
def test_playbooks_and_tasks_are_fine(page: str, tmp_path: Path, invoke: Run) -> None:  # noqa: F811
    words = ["check", "--json"]
    for name in of_kind(*PLAYS):
        if name.rpartition("-")[0] == page:
            file = tmp_path / f"block{name.rpartition('-')[2]}.yml"
            file.write_text(playbook(YAML[name]))
            words += ["-p", file.name]
    assert findings(invoke(*words), AROUND | ELSEWHERE.get(page, set())) == []


@pytest.mark.parametrize("name", of_kind("vars", "group"))
def test_variables_and_groups_are_fine(name: str, tmp_path: Path, invoke: Run) -> None:  # noqa: F811
    inventory = tmp_path / "inventory"
    for folder in ("groups", "group_vars", "host_vars"):
        (inventory / folder).mkdir(parents=True)
    grouped = kind_of(YAML[name]) == "group"
    (inventory / "groups" / "some").write_text(YAML[name] if grouped else "hosts: [web1, pve1]\n")
    if not grouped:
        (inventory / "host_vars" / "web1").write_text(YAML[name].replace(*DIGEST))
        (inventory / "group_vars" / "some").write_text(before(name).replace(*DIGEST))
    (tmp_path / "site.yml").write_text("- name: nothing\n  groups: [all]\n  tasks: []\n")
    assert findings(invoke("check", "--json", "-i", "inventory", "-p", "site.yml"), set()) == []


def before(name: str) -> str:
    """Return the block that a block adds to: a page shows more of a `provision:` map after its beginning."""
    if "provision:" not in YAML[name] or "type:" in YAML[name]:
        return ""
    page, _, number = name.rpartition("-")
    return next(YAML[f"{page}-{one}"] for one in reversed(range(int(number))) if "  type:" in YAML[f"{page}-{one}"])


@pytest.mark.parametrize("name", of_kind("project"))
def test_project_files_are_fine(name: str, invoke: Run) -> None:  # noqa: F811
    schema = json.loads(invoke("schema", "project").stdout)
    jsonschema.validate(yaml.safe_load(YAML[name]), schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**yaml.safe_load(YAML[name]), "plugin": []}, schema)


@pytest.mark.parametrize("name", of_kind("rules"))
def test_rules_of_secrets_are_fine(name: str, tmp_path: Path, invoke: Run) -> None:  # noqa: F811
    (tmp_path / ".jetpack-secrets.yml").write_text(YAML[name])
    done = invoke("secrets", "recipients")
    assert (done.returncode, done.stderr) == (0, "")
    assert set(yaml.safe_load(YAML[name])["recipients"]) <= set(done.stdout.replace(":", " ").split())


def test_settings_of_other_tools_are_yaml() -> None:
    assert all(isinstance(yaml.safe_load(YAML[name]), dict | list) for name in of_kind("foreign"))


def test_there_are_as_many_as_are_told_apart() -> None:
    assert len(of_kind(*PLAYS)) > 80
    assert len(of_kind("vars", "group")) > 12
    assert len(of_kind("project", "rules", "foreign")) < 8
