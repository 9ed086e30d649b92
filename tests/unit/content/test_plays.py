# SPDX-License-Identifier: GPL-3.0-or-later
"""Plays, roles, tasks and modifiers of good playbooks."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jetpack_core.content.load import load_playbook
from jetpack_core.content.model import Amount, Strategy
from jetpack_core.errors import ContentError
from jetpack_core.registry import Registry
from tests.unit.content.conftest import Load, write

WHOLE = """
- name: set up the web servers
  groups:
    - web
    - "{{ stage }}-db"
  defaults:
    workers: 2
  vars:
    site: {name: example, ports: [80, 443]}
  vars_files:
    - vars.yml
  sudo: root
  sudo_template: /usr/bin/doas -u {{ jet_sudo_user }} {{jet_command}}
  ssh_user: deploy
  ssh_port: 2222
  batch_size: 25%
  max_failures: 3
  strategy: free
  tasks:
    - !probe
    - !run
      name: restart what changed
      cmd: systemctl restart {{ item }}
      with:
        items: [nginx, "{{ app }}"]
        condition: (eq jet_os_type "Linux")
        skip_if_exists: /etc/{{ item }}.lock
        tags: [restart]
        sudo: root
      and:
        notify: reload
        retry: 3
        delay: "2"
        ignore_errors: yes
  handlers:
    - !run
      name: reload it
      cmd: systemctl reload nginx
      with:
        subscribe: reload
"""


def test_every_key_of_a_play_is_read(load: Load) -> None:
    write(Path(), {"vars.yml": "region: eu\n"})
    (play,) = load(WHOLE, extra_vars={"stage": "test"}).plays
    assert play.name == "set up the web servers"
    assert play.groups == ("web", "test-db")
    assert play.defaults == {"workers": 2}
    assert play.vars == {"site": {"name": "example", "ports": [80, 443]}}
    assert play.vars_files == ({"region": "eu"},)
    assert (play.sudo, play.ssh_user, play.ssh_port) == ("root", "deploy", 2222)
    assert play.sudo_template == "/usr/bin/doas -u {{ jet_sudo_user }} {{jet_command}}"
    assert (play.batch_size, play.max_failures) == (Amount(25, percent=True), Amount(3))
    assert play.strategy is Strategy.FREE
    assert str(play.position) == "site.yml:2:3"


def test_tasks_know_their_names_modifiers_and_places(load: Load) -> None:
    write(Path(), {"vars.yml": ""})
    (play,) = load(WHOLE, extra_vars={"stage": "test"}).plays
    probe, restart = play.tasks
    assert (probe.name, probe.module, probe.modifiers, probe.parameters) == ("probe", "probe", (), {})
    assert restart.name == "restart what changed"
    assert {use.name: use.modifier.value for use in restart.modifiers} == {
        "condition": '(eq jet_os_type "Linux")',
        "ignore_errors": True,
        "skip_if_exists": "/etc/{{ item }}.lock",
        "delay": 2,
        "items": ["nginx", "{{ app }}"],
        "notify": "reload",
        "retry": 3,
        "sudo": "root",
        "tags": ["restart"],
    }
    ranks = [(use.modifier.rank, use.name) for use in restart.modifiers]
    assert ranks == sorted(ranks)
    assert [str(use.position) for use in restart.modifiers if use.name == "items"] == ["site.yml:25:9"]
    (handler,) = play.handlers
    assert (handler.handler, handler.subscribe, handler.role) == (True, "reload", None)


def test_amounts_of_hosts() -> None:
    assert [Amount(25, percent=True).of(total) for total in (1, 4, 5, 40)] == [1, 1, 2, 10]
    assert Amount(3).of(100) == 3


def test_groups_may_be_templated_from_the_plays_variables(load: Load) -> None:
    write(Path(), {"vars.yml": "more: [b, c]\n"})
    text = "- name: p\n  groups: ['{{ a }}', '{{ more }}', x, b]\n  defaults: {a: low}\n  vars: {a: high}\n"
    (play,) = load(text + "  vars_files: [vars.yml]\n").plays
    assert play.groups == ("high", "b", "c", "x")


ROLES = {
    "roles/web/role.yml": "tasks: [main.yml]\nhandlers: [main.yml]\ndependencies: [base]\ndefaults: {port: 80}\n",
    "roles/web/tasks/main.yml": "- !place\n  name: web\n  src: web.conf\n  dest: /etc/web.conf\n",
    "roles/web/handlers/main.yml": "- !probe\n  name: reload web\n  with:\n    subscribe: web\n",
    "roles/web/files/web.conf": "",
    "roles/base/role.yml": "name: base\ntasks: [one.yml, two.yml]\n",
    "roles/base/tasks/one.yml": "- !probe\n  name: one\n",
    "roles/base/tasks/two.yml": "- !probe\n  name: two\n",
}
PLAY = """
- name: p
  groups: [all]
  roles: [{}]
  tasks:
    - !probe
  handlers:
    - !probe
      with: {{subscribe: x}}
"""


def test_roles_run_after_what_they_depend_on_and_before_tasks(load: Load) -> None:
    write(Path(), ROLES)
    (play,) = load(PLAY.format("{role: web, vars: {port: 81}, tags: [site]}")).plays
    assert [task.name for task in play.tasks] == ["one", "two", "web", "probe"]
    assert [task.name for task in play.handlers] == ["reload web", "probe"]
    assert [scope.name for scope in play.roles] == ["base", "web"]
    base, web = play.roles
    assert web.defaults == {"port": 80}
    assert web.vars == {"port": 81}
    assert base.vars == {}
    assert base.tags == web.tags == {"site"}
    assert [task.role for task in play.tasks] == [base, base, web, None]
    assert play.tasks[2].position.file == "roles/web/tasks/main.yml"
    assert play.tasks[2].constant.src == Path("roles/web/files/web.conf")  # type: ignore[union-attr]


def test_the_same_invocation_runs_once_and_different_ones_each(load: Load) -> None:
    write(Path(), ROLES)
    (play,) = load(PLAY.format("{role: web}, {role: base}, {role: web}, {role: base, vars: {a: 1}}")).plays
    assert [(scope.name, scope.vars) for scope in play.roles] == [("base", {}), ("web", {}), ("base", {"a": 1})]


def test_roles_paths_come_before_the_playbooks_folder(load: Load) -> None:
    shared = {"shared/base/role.yml": "tasks: [x.yml]\n", "shared/base/tasks/x.yml": "- !probe\n  name: x\n"}
    write(Path(), {**ROLES, **shared})
    (play,) = load(PLAY.format("{role: base}"), roles_paths=[Path("shared")]).plays
    assert [task.name for task in play.tasks] == ["x", "probe"]


def test_absolute_task_files_of_a_role(load: Load, tmp_path: Path) -> None:
    write(Path(), {"x.yml": "- !probe\n  name: elsewhere\n", "roles/r/role.yml": f"tasks: [{tmp_path}/x.yml]\n"})
    (play,) = load(PLAY.format("{role: r}")).plays
    assert [task.name for task in play.tasks] == ["elsewhere", "probe"]


def test_content_in_the_older_style_loads_with_the_built_in_modules(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write(Path(), {"motd.j2": "hello", "templates/x.conf": "", "files/known": ""})
    Path("site.yml").write_text(
        """
- name: basics
  groups: [all]
  tasks:
    - !facts
    - !template
      name: message of the day
      src: motd.j2
      dest: /etc/motd
      attributes: {owner: root, group: root, mode: 0o644}
      and:
        notify: changed
    - !copy
      src: known
      dest: /etc/known
    - !shell
      cmd: uptime
      save: up
      failed_when: (not (eq up.rc 0))
    - !assert
      true: (eq up.rc 0)
      all_true: [(isdefined up), up.rc == 0]
      msg: it runs
    - !debug
      variables: [up]
    - !set
      vars: {a: "{{ up.out }}"}
  handlers:
    - !echo
      msg: "done on {{ jet_hostname }}"
      with: {subscribe: changed}
"""
    )
    (play,) = load_playbook(Path("site.yml"), registry=Registry()).plays
    assert [task.module for task in play.tasks] == ["facts", "template", "copy", "shell", "assert", "debug", "set"]


@given(text=st.text("- !probewithand:[]{}\n \"'a1{%}|&*", max_size=120))
def test_any_play_loads_or_is_refused(text: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.getbasetemp() / "any.yml"
    indented = text.replace("\n", "\n    ")
    for whole in (text, f"- name: p\n  groups: [a]\n  tasks:\n    {indented}\n"):
        path.write_text(whole)
        try:
            load_playbook(path, registry=Registry())
        except ContentError as error:
            assert error.problems  # noqa: PT017


_nodes = st.recursive(
    st.sampled_from(["a", "", "1", "'{{ a }}'", "'{{ a'", "[]", "{}", "~", "!x y", "!replace [a]", "true"]),
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda items: "[" + ", ".join(items) + "]")
        | st.dictionaries(st.sampled_from(["a", "name", "role", "mode", "80", "with"]), inner, max_size=3).map(
            lambda pairs: "{" + ", ".join(f"{key}: {value}" for key, value in pairs.items()) + "}"
        )
    ),
    max_leaves=6,
)
_PLAY_KEYS = ["name", "groups", "roles", "tasks", "handlers", "vars", "vars_files", "sudo_template", "batch_size"]
_TASK_KEYS = ["name", "with", "and", "cmd", "env", "package", "vars", "attributes", "dest", "true", "count"]


@given(
    play=st.dictionaries(st.sampled_from(_PLAY_KEYS), _nodes), task=st.dictionaries(st.sampled_from(_TASK_KEYS), _nodes)
)
def test_any_value_of_any_key_loads_or_is_refused(
    play: dict[str, str], task: dict[str, str], registry: Registry, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / "keys.yml"
    text = "- " + "".join(f"{key}: {value}\n  " for key, value in {"name": "p", "groups": "[a]", **play}.items())
    if "tasks" not in play:
        text += "tasks:\n"
        for module in ("run", "place", "pick", "keep", "judge", "words"):
            text += f"    - !{module}\n" + "".join(f"      {key}: {value}\n" for key, value in task.items())
    path.write_text(text)
    try:
        load_playbook(path, registry=registry)
    except ContentError as error:
        lines = text.split("\n")
        for problem in error.problems:
            assert problem.position.column <= len(lines[problem.position.line - 1]) + 1


@pytest.mark.parametrize(
    ("task", "name"),
    [
        ("!run {cmd: uname -a}", "uname -a"),
        ("!run {cmd: 'echo {{ word }}'}", "echo {{ word }}"),
        ('!run {cmd: "set -e\\n\\n  make   all\\n"}', "set -e; make all"),
        (f"!run {{cmd: {'x' * 61}}}", "x" * 57 + "..."),
        ("!words {cmd: [ls, -l, /tmp]}", "ls -l /tmp"),
        ("!run {cmd: uname, name: which system}", "which system"),
        ("!run {cmd: uname, name: }", "uname"),
        ("!probe", "probe"),
    ],
)
def test_a_command_without_a_name_is_called_by_its_beginning(load: Load, task: str, name: str) -> None:
    (play,) = load(f"- name: p\n  groups: [all]\n  tasks:\n    - {task}\n").plays
    assert play.tasks[0].name == name


def test_ten_thousand_tasks_load_in_reasonable_time(load: Load) -> None:
    import time

    task = "    - !run\n      name: n{0}\n      cmd: echo {0} {{{{ a }}}}\n      with:\n        condition: a == 1\n"
    text = "- name: p\n  groups: [all]\n  tasks:\n" + "".join(task.format(number) for number in range(10_000))
    start = time.process_time()
    (play,) = load(text).plays
    # About 0.5 s; the limit only catches what grows with the square of the size, or compiles each text.
    assert time.process_time() - start < 5
    assert len(play.tasks) == 10_000
