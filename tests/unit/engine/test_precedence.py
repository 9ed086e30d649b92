# SPDX-License-Identifier: GPL-3.0-or-later
"""One variable in every layer at once: what a task sees, what wins, and what `jetpack vars` says of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.unit.engine.site import Site

LAYERS = (
    "role defaults",
    "play defaults",
    "group all",
    "group zeta",
    "group alpha",
    "group beta",
    "host",
    "play vars",
    "vars_files 1",
    "vars_files 2",
    "role vars",
    "-e",
)
"""Low to high. `alpha` and `beta` are children of `zeta`: deeper groups win, and then those later by name."""


def layer(name: str) -> dict[str, object]:
    """Return what a layer says."""
    return {"who": name, "seen": [name], "map": {name: 1, "who": name}}


def build(site: Site, layers: tuple[str, ...], saved: bool = False) -> tuple[str, list[str]]:
    """Write a project that has only these layers; returns the playbook and the arguments."""

    def says(name: str) -> dict[str, object]:
        return layer(name) if name in layers else {}

    site.write("inventory/groups/zeta", "subgroups: [alpha, beta]\n")
    site.write("inventory/groups/alpha", "hosts: [a]\n")
    site.write("inventory/groups/beta", "hosts: [a]\n")
    site.write("inventory/group_vars/all", json.dumps({"jet_connection": "local", **says("group all")}))
    for group in ("zeta", "alpha", "beta"):
        site.write(f"inventory/group_vars/{group}", json.dumps(says(f"group {group}")))
    site.write("inventory/host_vars/a", json.dumps(says("host")))
    site.write("one.yml", json.dumps(says("vars_files 1")))
    site.write("two.yml", json.dumps(says("vars_files 2")))
    site.write("roles/r/role.yml", json.dumps({"defaults": says("role defaults"), "tasks": ["main.yml"]}))
    set_ = f"- !set {json.dumps({'vars': layer('set')})}\n" if saved else ""
    site.write("roles/r/tasks/main.yml", f'{set_}- !echo {{msg: "{{{{ [who, seen, map] | to_json }}}}"}}\n')
    play = {
        "name": "p",
        "groups": ["zeta"],
        "defaults": says("play defaults"),
        "vars": says("play vars"),
        "vars_files": ["one.yml", "two.yml"],
        "roles": [{"role": "r", "vars": says("role vars")}],
    }
    extra = ["-e", json.dumps(says("-e"))] if "-e" in layers else []
    return json.dumps([play]), extra


def seen_by_the_task(site: Site, playbook: str, extra: list[str]) -> list[object]:
    """Run the play, and return what its task told."""
    ran = site.apply(playbook, *extra)
    assert ran.code == 0, ran.out + ran.err
    (message,) = ran.messages(module="echo")
    found = json.loads(str(message))
    assert isinstance(found, list)
    return found


@pytest.mark.parametrize("count", range(1, len(LAYERS) + 1))
def test_with_the_highest_removed_the_next_one_wins(tmp_path: Path, count: int) -> None:
    site, layers = Site(tmp_path), LAYERS[:count]
    playbook, extra = build(site, layers)
    who, seen, mapping = seen_by_the_task(site, playbook, extra)
    assert who == layers[-1]
    assert seen == (["-e"] if layers[-1] == "-e" else list(layers))
    assert mapping == {**dict.fromkeys(layers, 1), "who": layers[-1]}


@pytest.mark.parametrize("count", [0, 7, 8, 11, 12])
def test_saved_values_stand_between_host_and_play_vars_and_their_lists_replace(tmp_path: Path, count: int) -> None:
    site, layers = Site(tmp_path), LAYERS[:count]
    playbook, extra = build(site, layers, saved=True)
    who, seen, mapping = seen_by_the_task(site, playbook, extra)
    above = [one for one in layers if LAYERS.index(one) > LAYERS.index("host")]
    assert who == ["set", *above][-1]
    assert seen == (["-e"] if "-e" in layers else ["set", *above])
    assert mapping == {**dict.fromkeys(layers, 1), "set": 1, "who": who}


@pytest.mark.parametrize("count", range(1, len(LAYERS) + 1))
def test_the_verb_vars_agrees_with_the_task(tmp_path: Path, count: int) -> None:
    site, layers = Site(tmp_path), LAYERS[:count]
    playbook, extra = build(site, layers)
    who, seen, mapping = seen_by_the_task(site, playbook, extra)
    told = site.run("vars", "-p", "site.yml", "-i", "inventory", "--role", "r", "--json", *extra, "a")
    (scope,) = json.loads(told.out)["scopes"]
    values = {row["name"]: row["value"] for row in scope["variables"]}
    assert (values["who"], values["seen"]) == (who, seen)
    assert {name.removeprefix("map."): value for name, value in values.items() if name.startswith("map.")} == mapping
    (row,) = (row for row in scope["variables"] if row["name"] == "who")
    assert [one["value"] for one in row["contributions"]] == list(layers)
    assert all(one["file"] and one["line"] for one in row["contributions"] if one["layer"] != "-e")


def test_replace_and_null(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.write("inventory/group_vars/web", "list: [1]\nmap: {a: 1}\nkept: {a: 1}\ngone: {a: 1}\nscalar: 1\n")
    text = "list: !replace [2]\nmap: !replace {b: 2}\nkept:\ngone: !replace null\nscalar:\n"
    site.write("inventory/host_vars/a", text)
    ran = site.apply(
        "- {name: p, groups: [web], tasks: [!echo {msg: '{{ [list, map, kept, gone, scalar] | to_json }}'}]}"
    )
    assert json.loads(str(ran.messages()[0])) == [[2], {"b": 2}, {"a": 1}, None, None]


def test_a_script_replaces_by_a_key_that_ends_in_replace(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.write("inventory/group_vars/web", "list: [1]\n")
    answer = {"web": {"hosts": ["a"], "hostvars": {"a": {"list!replace": [2]}}}}
    site.write("dynamic", f"#!/bin/sh\ncat <<'END'\n{json.dumps(answer)}\nEND\n", executable=True)
    ran = site.apply("- {name: p, groups: [web], tasks: [!echo {msg: '{{ list | to_json }}'}]}", "-i", "dynamic")
    assert ran.messages() == ["[2]"], ran


def test_variables_are_not_templates_and_saved_text_is_none(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.write("inventory/host_vars/a", 'name: "{{ other }}"\nother: x\n')
    playbook = """
- name: p
  groups: [web]
  tasks:
    - !echo {msg: "{{ name }}"}
    - !shell {cmd: "printf '{''{ 6*7 }}'", save: said}
    - !echo {msg: "{{ said.out }}"}
"""
    assert site.apply(playbook).messages(module="echo") == ["{{ other }}", "{{ 6*7 }}"]


@pytest.mark.parametrize(
    "task", ["!copy {dest: ~/x, content: a}", "!file {path: '{{ home }}/x'}", "!stat {path: '~', save: x}"]
)
def test_a_tilde_is_an_error_with_a_hint(tmp_path: Path, task: str) -> None:
    ran = Site(tmp_path).apply(f"- {{name: p, groups: [web], vars: {{home: '~'}}, tasks: [{task}]}}")
    assert ran.code in {1, 2}
    assert "/home/{{ username }}" in ran.out + ran.err
