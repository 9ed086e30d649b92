# SPDX-License-Identifier: GPL-3.0-or-later
"""`jetpack check` warns of variables that nothing defines, and of no others."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.unit.cli.conftest import Run

Warnings = Callable[..., list[str]]
FILES = {
    "inventory/groups/web": "hosts: [h1, h2]\n",
    "inventory/groups/db": "hosts: [d1]\n",
    "inventory/group_vars/web": "port: 80\n",
    "inventory/group_vars/db": "dump: /srv\n",
    "inventory/host_vars/h2": "only_here: 1\n",
    "vars.yml": "region: eu\n",
    "templates/page.j2": "{% for page in pages %}{{ page }} {{ ENV_HOME }} {{ port }}{% endfor %}\n",
    "roles/app/role.yml": "defaults: {app_port: 1}\ntasks: [main.yml]\n",
    "roles/app/tasks/main.yml": "- !echo {msg: '{{ app_port }} {{ app_user }}'}\n",
}
PLAY = """- name: p
  groups: [web]
  defaults: {pages: []}
  vars: {inner: 1}
  vars_files: [vars.yml]
  roles:
    - role: app
      vars: {app_user: me}
  tasks:
    - !shell
      cmd: echo {{ port | quote }}
      save: out
      failed_when: rc > 1
    - !set
      vars: {chosen: 1}
"""


@pytest.fixture
def warnings(tmp_path: Path, invoke: Run) -> Warnings:
    for name, text in FILES.items():
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def check(task: str, *flags: str) -> list[str]:
        (tmp_path / "site.yml").write_text(f"{PLAY}    - {task}\n")
        done = invoke("check", "-p", "site.yml", "-i", "inventory", *flags)
        assert done.returncode == 0, done.stderr
        return done.stderr.splitlines()

    return check


@pytest.mark.parametrize(
    "task",
    [
        "!echo {msg: '{{ port }} {{ inner }} {{ region }} {{ out.rc }} {{ chosen }} {{ jet_os_type }}'}",
        "!echo {msg: '{{ only_here }} {{ inventory_hostname }} {{ hostvars }}'}",
        "!echo {msg: '{{ item }}', with: {items: pages}}",
        "!echo {msg: '{{ maybe | default(1) }}'}",
        "!echo {msg: '{{ maybe }}', with: {condition: maybe is defined}}",
        "!echo {msg: '{{ maybe }}', with: {condition: (isdefined maybe)}}",
        "!echo {msg: '{% set mine = 1 %}{{ mine }}'}",
        "!template {src: page.j2, dest: /tmp/page}",
    ],
)
def test_what_something_may_define_is_no_matter(warnings: Warnings, task: str) -> None:
    assert warnings(task) == []


@pytest.mark.parametrize(
    ("task", "place", "name"),
    [
        ("!echo {msg: '{{ prot }}'}", "16:19", "prot"),
        ("!echo {msg: hello, with: {condition: prot == 1}}", "16:33", "prot"),
        ("!echo {msg: hello, with: {items: pagse}}", "16:33", "pagse"),
        ("!echo {msg: '{{ dump }}'}", "16:19", "dump"),
        ("!echo {msg: '{{ app_port }}'}", "16:19", "app_port"),
        ("!copy {dest: /x, content: 'a {{ deep.er }}'}", "16:33", "deep"),
    ],
)
def test_what_nothing_defines_is_told_with_its_place(warnings: Warnings, task: str, place: str, name: str) -> None:
    told = f"warning: site.yml:{place}: nothing defines the variable {name!r} for the hosts of this play"
    assert warnings(task) == [told]
    assert warnings(task, "-e", f"{name}=1") == []
