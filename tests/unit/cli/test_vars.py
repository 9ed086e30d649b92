# SPDX-License-Identifier: GPL-3.0-or-later
"""`jetpack vars` tells each value with every file and line that made it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.unit.cli.conftest import Run

FILES = {
    "inventory/groups/web": "hosts: [h1, h2]\n",
    "inventory/group_vars/all": "ports: [22]\nnginx:\n  user: www\n  workers: 2\n",
    "inventory/group_vars/web": "ports: [80]\nnginx:\n  workers: 4\n",
    "inventory/host_vars/h1": "ports: !replace [81]\nlimits: null\n",
    "roles/app/role.yml": "defaults:\n  app_port: 1\n  ports: [1]\n",
    "site.yml": (
        "- name: First\n  groups: [web]\n  defaults:\n    nginx:\n      user: nobody\n      group: www\n"
        "  vars:\n    ports: [443]\n  roles:\n    - role: app\n      vars:\n        app_port: 2\n"
        "- name: Other\n  groups: [all]\n"
    ),
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return tmp_path


def test_values_with_file_line_layer_and_effect(invoke: Run, project: Path) -> None:
    result = invoke("vars", "h1", "-i", "inventory")
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines() == [
        "limits: null",
        "    inventory/host_vars/h1:2:1    host h1    set null",
        'nginx.user: "www"',
        '    inventory/group_vars/all:3:3  group all  set "www"',
        "nginx.workers: 4",
        "    inventory/group_vars/all:4:3  group all  set 2",
        "    inventory/group_vars/web:3:3  group web  replaced 4",
        "ports: [81]",
        "    inventory/group_vars/all:1:1  group all  set [22]",
        "    inventory/group_vars/web:1:1  group web  appended [80]",
        "    inventory/host_vars/h1:1:1    host h1    replaced [81]",
    ]


def test_one_name_and_a_dotted_name(invoke: Run, project: Path) -> None:
    lines = invoke("vars", "h2", "nginx.workers", "-i", "inventory").stdout.splitlines()
    assert lines[0] == "nginx.workers: 4"
    assert len(lines) == 3
    lines = invoke("vars", "h2", "nginx", "-i", "inventory").stdout.splitlines()
    assert [line for line in lines if not line.startswith(" ")] == ['nginx.user: "www"', "nginx.workers: 4"]


def test_variables_of_the_command_line_have_their_place(invoke: Run, project: Path) -> None:
    (project / "x.yml").write_text("\nsizes:\n  big: 2\n")
    done = invoke("vars", "h1", "sizes", "-i", "inventory", "-e", "@x.yml", "-e", "sizes.small=1")
    assert done.stdout.splitlines() == [
        "sizes.big: 2",
        "    x.yml:3:3  -e  set 2",
        "sizes.small: 1",
        "    -e:1:1     -e  set 1",
    ]


def test_plays_roles_and_extra_variables(invoke: Run, project: Path) -> None:
    arguments = ("-i", "inventory", "-p", "site.yml", "-e", "nginx.workers=9")
    text = invoke("vars", "h1", *arguments).stdout
    assert "# play First" in text
    assert "# play Other" in text
    result = invoke("vars", "h1", "--role", "app", "--json", *arguments)
    (scope,) = json.loads(result.stdout)["scopes"]
    values = {one["name"]: one for one in scope["variables"]}
    assert (scope["play"], scope["role"]) == ("First", "app")
    assert values["app_port"]["value"] == 2
    assert values["ports"]["value"] == [81, 443]
    assert values["nginx.group"]["value"] == "www"
    assert values["nginx.workers"]["contributions"][-1]["layer"] == "-e"
    first = values["ports"]["contributions"][0]
    assert (first["layer"], first["file"], first["line"]) == ("defaults of role app", "roles/app/role.yml", 3)
    effects = [one["effect"] for one in values["ports"]["contributions"]]
    assert effects == ["set", "appended", "appended", "replaced", "appended"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("h9",), "no host 'h9'"),
        (("h1", "prots"), "did you mean 'ports'?"),
        (("h1", "--role", "app"), "--role needs the playbook"),
        (("h1", "-p", "site.yml", "--role", "nope"), "uses a role 'nope'"),
    ],
)
def test_mistakes(invoke: Run, project: Path, arguments: tuple[str, ...], message: str) -> None:
    result = invoke("vars", *arguments, "-i", "inventory")
    assert result.returncode == 1
    assert message in result.stderr
    assert result.stdout == ""


def test_what_was_removed_can_still_be_asked_for(invoke: Run, project: Path) -> None:
    (project / "inventory/host_vars/h2").write_text("nginx: !replace\n  group: x\n")
    lines = invoke("vars", "h2", "nginx.user", "-i", "inventory").stdout.splitlines()
    assert lines[0] == "nginx.user: (removed)"
    assert lines[-1].rstrip().endswith("removed")


def test_a_value_cannot_play_with_the_terminal(invoke: Run, project: Path) -> None:
    (project / "inventory/host_vars/h1").write_text('a: "\\e[2J\\u202e"\n')
    text = invoke("vars", "h1", "a", "-i", "inventory").stdout
    assert "\x1b" not in text
    assert "\u202e" not in text
