# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the older tools' documents and code disagree: each decision, by its number in the table we keep of them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.unit.engine.site import Site


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def role(site: Site, name: str, tasks: str, **keys: object) -> None:
    """Write a role with one file of tasks."""
    site.write(f"roles/{name}/role.yml", json.dumps({"tasks": ["main.yml"], **keys}))
    site.write(f"roles/{name}/tasks/main.yml", tasks)


def test_01_a_role_needs_no_name(site: Site) -> None:
    role(site, "r", "- !echo {msg: here}\n")
    assert site.apply("- {name: p, groups: [web], roles: [{role: r}]}").messages() == ["here"]


@pytest.mark.parametrize(
    ("play", "flags", "with_", "expected"),
    [
        ("sudo: nosuch1", (), "", "nosuch1"),
        ("sudo: nosuch1", ("--sudo", "nosuch2"), "", "nosuch2"),
        ("sudo: nosuch1", ("--sudo", "nosuch2"), "with: {sudo: nosuch3}", "nosuch3"),
    ],
)
def test_02_the_task_beats_the_command_line_beats_the_play(
    site: Site, play: str, flags: tuple[str, ...], with_: str, expected: str
) -> None:
    template = "/usr/bin/printf '{{ jet_sudo_user }}' {{ jet_command }}"
    task = f"!shell {{cmd: id, {with_}}}"
    ran = site.apply(f'- {{name: p, groups: [web], {play}, sudo_template: "{template}", tasks: [{task}]}}', *flags)
    assert expected in ran.out


def test_03_the_command_lines_variables_always_win(site: Site) -> None:
    site.write("f.yml", "x: file\n")
    role(site, "r", "- !echo {msg: '{{ x }}'}\n", defaults={"x": "default"})
    playbook = "- {name: p, groups: [web], vars: {x: vars}, vars_files: [f.yml], roles: [{role: r, vars: {x: role}}]}"
    assert site.apply(playbook, "-e", "x=e").messages() == ["e"]


def test_04_the_plays_defaults_beat_those_of_a_role(site: Site) -> None:
    role(site, "r", "- !echo {msg: '{{ x }}'}\n", defaults={"x": "role"})
    assert site.apply("- {name: p, groups: [web], defaults: {x: play}, roles: [{role: r}]}").messages() == ["play"]


def test_05_deeper_groups_win_and_then_the_later_by_name(site: Site) -> None:
    for name in ("b1", "b2"):
        site.write(f"inventory/groups/{name}", "hosts: [a]\n")
        site.write(f"inventory/group_vars/{name}", f"x: {name}\ny: {name}\n")
    site.write("inventory/groups/zz", "subgroups: [b1, b2]\n")
    site.write("inventory/group_vars/zz", "x: zz\nz: zz\n")
    for _ in range(3):
        assert site.apply("- {name: p, groups: [web], tasks: [!echo {msg: '{{ x }}{{ z }}'}]}").messages() == ["b2zz"]


def test_06_a_roles_variables_stay_in_it(site: Site) -> None:
    role(site, "one", "- !echo {msg: '{{ x }}{{ y }}'}\n", defaults={"x": 1})
    role(site, "two", "- !echo {msg: '{{ x is defined or y is defined }}'}\n")
    playbook = """
- name: p
  groups: [web]
  roles: [{role: one, vars: {y: 2}}, {role: two}]
  tasks: [!echo {msg: "{{ x is defined or y is defined }}"}]
"""
    assert site.apply(playbook).messages() == ["12", "false", "false"]


@pytest.mark.parametrize(
    ("section", "task", "message"),
    [
        ("handlers", "!echo {msg: x}", "a handler needs `subscribe`"),
        ("handlers", "!echo {msg: x, with: {tags: [t]}}", "a handler needs `subscribe`"),
        ("tasks", "!echo {msg: x, with: {subscribe: y}}", "only handlers subscribe"),
    ],
)
def test_07_subscribe_belongs_to_handlers_and_only_there(site: Site, section: str, task: str, message: str) -> None:
    ran = site.apply(f"- {{name: p, groups: [web], {section}: [{task}]}}")
    assert ran.code == 1
    assert message in ran.err
    assert ran.events == []


def test_08_the_summary_is_always_told(site: Site) -> None:
    ran = site.apply("- {name: p, groups: [web], tasks: [!fail {}]}")
    (finished,) = (event for event in ran.events if event["event"] == "run_finished")
    assert finished["hosts"] == {"a": {"failed": 1}}
    assert finished["exit_code"] == ran.code == 2


def test_09_removing_a_directory_removes_what_is_in_it(site: Site) -> None:
    site.write("d/e/f", "x")
    path = site.folder / "d"
    ran = site.apply(f"- {{name: p, groups: [web], tasks: [!directory {{path: {path}, remove: true}}]}}")
    assert ran.statuses() == ["removed"]
    assert not path.exists()


def test_11_debug_takes_vars_and_variables(site: Site) -> None:
    ran = site.apply(
        "- {name: p, groups: [web], vars: {x: 42}, tasks: [!debug {vars: [x]}, !debug {variables: [x]}, !debug {}]}"
    )
    assert ran.statuses() == ["passive"] * 3
    assert all("42" in json.dumps(result) for result in ran.results()[:2])


def test_12_fail_needs_no_message(site: Site) -> None:
    assert site.apply("- {name: p, groups: [web], tasks: [!fail {}]}").statuses() == ["failed"]


def test_14_roles_are_searched_where_the_source_says(site: Site) -> None:
    for number, folder in enumerate(("flag", "variable", "roles")):
        site.write(f"{folder}/r{number}/role.yml", "tasks: [main.yml]\n")
        site.write(f"{folder}/r{number}/tasks/main.yml", f"- !echo {{msg: {folder}}}\n")
    playbook = "- {name: p, groups: [web], roles: [{role: r0}, {role: r1}, {role: r2}]}"
    ran = site.apply(playbook, "--roles", "flag", JET_ROLES_PATH="variable")
    assert ran.messages() == ["flag", "variable", "roles"], ran.err


def test_15_the_environment_keeps_its_case_and_is_for_templates_only(site: Site) -> None:
    site.write("templates/t.j2", "{{ ENV_lower }}")
    dest = site.folder / "out"
    ran = site.apply(f"- {{name: p, groups: [web], tasks: [!template {{src: t.j2, dest: {dest}}}]}}", lower="kept")
    assert ran.code == 0, ran.out
    assert dest.read_text() == "kept"
    outside = site.apply("- {name: p, groups: [web], tasks: [!echo {msg: '{{ ENV_lower }}'}]}", lower="kept")
    assert outside.statuses() == ["failed"]


def test_17_external_files_are_removed_and_failed_when_decides(site: Site) -> None:
    script = '#!/bin/sh\necho "$0" >> "$(dirname "$OUT")/out"\necho \'{"a": 1}\'\nexit 3\n'
    site.write("modules/m", script, executable=True)
    task = f"!external {{use: m, env: {{OUT: {site.folder}/x}}, save: r, failed_when: rc != 3}}"
    ran = site.apply(f"- {{name: p, groups: [web], tasks: [{task}, !echo {{msg: '{{{{ r.a }}}}{{{{ r.rc }}}}'}}]}}")
    assert ran.statuses() == ["executed", "passive"], ran.out
    assert ran.messages(module="echo") == ["13"]
    assert not Path((site.folder / "out").read_text().strip()).exists()


@pytest.mark.parametrize(
    ("body", "message"), [("echo lost >&2; exit 4", "lost"), ("echo no json", "JSON"), ("exit 4", "4")]
)
def test_18_a_failing_inventory_script_is_told_with_code_and_stderr(site: Site, body: str, message: str) -> None:
    site.write("dynamic", f"#!/bin/sh\n{body}\n", executable=True)
    ran = site.apply("- {name: p, groups: [web], tasks: [!echo {msg: x}]}", "-i", "dynamic")
    assert ran.code == 1
    assert message in ran.err
    assert "dynamic" in ran.err


def test_18_what_a_script_says_beside_its_json_does_no_harm(site: Site) -> None:
    site.write("dynamic", '#!/bin/sh\necho noise >&2\necho \'{"web": {"hosts": ["b"]}}\'\n', executable=True)
    ran = site.apply("- {name: p, groups: [web], tasks: [!echo {msg: x}]}", "-i", "dynamic", "--limit-hosts", "a")
    assert ran.code == 0, ran.err


def test_19_variables_beside_a_script_are_merged(site: Site) -> None:
    answer = {"web": {"hosts": ["a"], "hostvars": {"a": {"map": {"script": 1}}}}}
    site.write("dyn/inv", f"#!/bin/sh\ncat <<'END'\n{json.dumps(answer)}\nEND\n", executable=True)
    site.write("dyn/host_vars/a", "map: {file: 1}\njet_connection: local\n")
    site.write("site.yml", "- {name: p, groups: [web], tasks: [!echo {msg: '{{ map | to_json }}'}]}")
    ran = site.run("apply", "-p", "site.yml", "-i", "dyn/inv", "--json")
    assert json.loads(str(ran.messages()[0])) == {"script": 1, "file": 1}, ran


def test_20_items_may_be_anything(site: Site) -> None:
    playbook = """
- name: p
  groups: [web]
  vars: {word: two, lists: [[1, 2], [3]]}
  tasks:
    - !echo {msg: "{{ item.a }}{{ item.b }}", with: {items: [{a: 1, b: "{{ word }}"}]}}
    - !echo {msg: "{{ item | sum }}", with: {items: lists}}
"""
    assert site.apply(playbook).messages() == ["1two", "3", "3"]


def test_22_groups_that_contain_each_other_do_no_harm(site: Site) -> None:
    site.write("inventory/groups/x", "subgroups: [y]\nhosts: [a]\n")
    site.write("inventory/groups/y", "subgroups: [x]\n")
    ran = site.apply("- {name: p, groups: [y], tasks: [!echo {msg: x}]}", "--limit-groups", "x")
    assert ran.statuses() == ["passive"], ran.err


def test_23_a_plays_batch_size_beats_the_command_line(site: Site) -> None:
    site.write("inventory/groups/web", "hosts: [a, b, c, d]\n")
    ran = site.apply("- {name: p, groups: [web], batch_size: 3, tasks: [!echo {msg: x}]}", "--batch-size", "1")
    assert [event["hosts"] for event in ran.events if event["event"] == "batch_started"] == [["a", "b", "c"], ["d"]]


@pytest.mark.parametrize("mode", ["0x600", "0644", "644", "rw", "0o9"])
def test_24_a_mode_that_is_not_octal_is_refused_before_anything_runs(site: Site, mode: str) -> None:
    ran = site.apply(f"- {{name: p, groups: [web], tasks: [!file {{path: /nonexistent/x, mode: {mode}}}]}}")
    assert ran.code == 1
    assert "0o644" in ran.err
    assert ran.events == []


@pytest.mark.parametrize(
    "playbook",
    [
        "- {name: p, hosts: web, tasks: []}",
        "- {name: p, groups: [web], environment: {A: b}}",
        "- {name: p, groups: [web], tasks: [!echo {msg: x, when: y}]}",
        "- {name: p, groups: [web], tasks: [{shell: id}]}",
    ],
)
def test_28_other_tools_words_are_refused_with_ours(site: Site, playbook: str) -> None:
    ran = site.apply(playbook)
    assert ran.code == 1
    assert "hint:" in ran.err


def test_29_a_task_is_retried_before_its_failure_is_ignored(site: Site) -> None:
    count = site.folder / "count"
    task = f"!shell {{cmd: 'echo x >> {count}; exit 1', and: {{retry: 2, delay: 0, ignore_errors: true}}}}"
    ran = site.apply(f"- {{name: p, groups: [web], tasks: [{task}]}}")
    assert ran.statuses() == ["ignored"]
    assert count.read_text() == "x\n" * 3
    assert ran.code == 0


def test_30_an_item_leaves_nothing_to_the_next_one_or_the_next_task(site: Site) -> None:
    playbook = """
- name: p
  groups: [web]
  vars: {list: [{a: 1, b: 1}, {a: 2}]}
  tasks:
    - !echo {msg: "{{ item.a }}{{ item.b | default('-') }}", with: {items: list}}
    - !echo {msg: "{{ item is defined }}"}
"""
    assert site.apply(playbook).messages() == ["11", "2-", "false"]


@pytest.mark.parametrize(
    "task",
    [
        "copy {src: f, dest: /x, attributes: {owner: root, group: root, mode: 0o644}, recursive: true}",
        "template {src: f, dest: /x, attributes: {owner: root, group: root, mode: 0o644}}",
        "file {path: /x, remove: false, attributes: {owner: root, group: root, mode: 0o644}}",
        "directory {path: /x, remove: false, recurse: true, attributes: {owner: root, group: root, mode: 0o755}}",
        "stat {path: /x, save: s}",
        "fetch {src: /x, dest: y}",
        "shell {cmd: id, save: s, failed_when: rc == 1, changed_when: rc == 1, unsafe: true, shell: /bin/bash}",
        "shell {cmd: id, failed_when: '(not (eq rc 0))', changed_when: '(contains out \"x\")'}",
        "command {cmd: id -u, save: s, failed_when: rc == 1, changed_when: rc == 1}",
        "external {use: m, params: {a: 1}, save: s, failed_when: rc == 1, changed_when: rc == 1}",
        "assert {true: a, false: b, all_true: [a], all_false: [b], some_true: [a, b], msg: no}",
        "assert {true: '(eq a 1)'}",
        "debug {vars: [a]}",
        "debug",
        "echo {msg: x}",
        "fail {msg: x}",
        "set {vars: {a: 1}}",
        "facts",
        "facts {facter: false, ohai: false}",
        "wait_for_host {timeout: 300, delay: 5}",
        "wait_for_http {url: 'http://localhost/', expected: 200, timeout: 1, delay: 1, verify_tls: false}",
        "wait_for_others",
        "wait_for_others {mode: loose}",
        "wait_for_others {mode: strict}",
    ],
)
def test_parameters_of_older_content_are_accepted(site: Site, task: str) -> None:
    site.write("files/f", "x")
    site.write("templates/f", "x")
    site.write("modules/m", "#!/bin/sh\n", executable=True)
    site.write("site.yml", f"- name: p\n  groups: [web]\n  tasks:\n    - !{task}\n")
    ran = site.run("check", "-p", "site.yml", "-i", "inventory", "-e", '{"a": true, "b": false}')
    assert "site.yml:4" not in ran.err
