# SPDX-License-Identifier: GPL-3.0-or-later
"""Handlers, secrets, what hides what, comments that ignore, and the catalogue of all of them."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from jetpack_core.analysis.rules import every_rule
from jetpack_core.errors import Problem
from jetpack_core.secrets.age import encrypt, generate_key, parse_recipient
from tests.unit.analysis.conftest import Check

INVENTORY = {
    "inventory/groups/web": "hosts: [h1, h2]\n",
    "inventory/groups/eu": "hosts: [h1]\n",
    "inventory/group_vars/web": "port: 8080\n",
}
ROOT = Path(__file__).parents[3]


def site(tasks: str, handlers: str = "", **more: str) -> dict[str, str]:
    text = "- name: p\n  groups: [web]\n" + "".join(f"  {key}: {value}\n" for key, value in more.items())
    lines = "".join(f"    - {line}\n" for line in tasks.splitlines())
    text += f"  tasks:\n{lines}" if lines else ""
    lines = "".join(f"    - {line}\n" for line in handlers.splitlines())
    return {**INVENTORY, "site.yml": text + (f"  handlers:\n{lines}" if lines else "")}


def sealed(text: str, indent: str) -> str:
    """Return a value that nobody here can decrypt, as YAML."""
    recipient = parse_recipient(generate_key()[1], None)
    armored = encrypt(text.encode(), [recipient], armored=True).decode()
    return "!age |\n" + "".join(f"{indent}{line}\n" for line in armored.splitlines())


def test_a_handler_nobody_notifies_and_a_notification_nobody_hears(check: Check) -> None:
    tasks = "!file {path: /a, and: {notify: restart ngnix}}\n!file {path: /b, and: {notify: [reload, '{{ port }}']}}"
    handlers = (
        "!echo {msg: a, with: {subscribe: restart nginx}}\n!echo {msg: b, with: {subscribe: reload}}\n"
        "!echo {msg: c, with: {subscribe: '8080'}}"
    )
    found = check(site(tasks.replace("{{ port }}", "{{ port | string }}"), handlers))
    assert found.short() == [
        "warning unheard-notification site.yml:4:30",
        "warning unused-handler site.yml:7:29",
    ]
    assert "did you mean 'restart nginx'?" in found.messages()
    assert found.code == 0


def test_a_handler_that_a_template_may_notify_is_a_maybe(check: Check) -> None:
    tasks = "!facts {}\n!file {path: /a, and: {notify: 'restart {{ jet_init }}'}}"
    found = check(site(tasks, "!echo {msg: a, with: {subscribe: restart systemd}}"))
    assert found.short() == ["maybe unused-handler site.yml:7:29"]


def test_a_handler_of_a_role_counts_where_any_play_uses_it(check: Check) -> None:
    role = {
        "roles/r/role.yml": "handlers: [main.yml]\n",
        "roles/r/handlers/main.yml": "- !echo {msg: a, with: {subscribe: x}}\n",
    }
    once = "- name: one\n  groups: [web]\n  roles: [{role: r}]\n"
    used = once.replace("one", "two") + "  tasks: [!file {path: /a, and: {notify: x}}]\n"
    assert check({**INVENTORY, **role, "site.yml": once + used}).findings == []
    assert check({"site.yml": once}).short() == ["warning unused-handler roles/r/handlers/main.yml:1:25"]


@pytest.mark.parametrize(
    ("task", "severity", "code"),
    [
        ("!command {cmd: [login, '{{ password }}']}", "error", "secret-in-argv"),
        ("!shell {cmd: 'login {{ password | quote }}'}", "error", "secret-in-argv"),
        ("!shell {cmd: 'login {{ users.ann.password | quote }}'}", "error", "secret-in-argv"),
        ("!shell {cmd: 'login {{ item.password | quote }}', with: {items: accounts}}", "error", "secret-in-argv"),
        ("!echo {msg: 'it is {{ password }}'}", "warning", "secret-in-output"),
        ("!echo {msg: '{{ users | to_json }}'}", "maybe", "secret-in-output"),
        ("!debug {vars: [password]}", "warning", "secret-in-output"),
        ("!file {path: '/srv/{{ password }}'}", "warning", "secret-in-path"),
        ("!copy {content: '{{ password }}', dest: /a, mode: '0644'}", "warning", "secret-readable-by-all"),
        ("!template {src: a.j2, dest: /a, attributes: {mode: 0o604}}", "warning", "secret-readable-by-all"),
        ("!copy {src: key.age, dest: /a, mode: 0o644}", "warning", "secret-readable-by-all"),
    ],
)
def test_secrets_that_would_be_seen(check: Check, task: str, severity: str, code: str) -> None:
    found = check({**site(task), **secrets()})
    assert [(one["severity"], one["code"]) for one in found.findings] == [(severity, code)], found.messages()
    assert "hunter2" not in found.messages()


def secrets() -> dict[str, str]:
    return {
        "inventory/group_vars/web": f"port: 8080\npassword: {sealed('hunter2', '  ')}"
        f"users:\n  ann:\n    password: {sealed('hunter2', '      ')}"
        f"accounts:\n  - name: a\n    password: {sealed('hunter2', '      ')}",
        "templates/a.j2": "{{ password }}\n",
        "files/key.age": sealed("hunter2", "").partition("\n")[2],
    }


@pytest.mark.parametrize(
    "task",
    [
        "!shell {cmd: login, env: {PASSWORD: '{{ password }}'}}",
        "!shell {cmd: login, stdin: '{{ password }}'}",
        "!copy {content: '{{ password }}', dest: /a}",
        "!copy {content: '{{ password }}', dest: /a, mode: 0o640}",
        "!echo {msg: '{{ item.name }}', with: {items: accounts}}",
        "!echo {msg: '{{ port }}'}",
    ],
)
def test_secrets_that_are_well_kept(check: Check, task: str) -> None:
    found = check({**site(task), **secrets()})
    assert found.findings == [], found.messages()


def test_what_hides_what(check: Check) -> None:
    files = site("!echo {msg: '{{ port }}'}\n!shell {cmd: 'true', save: size}", vars="{port: 80, size: 1}")
    files["inventory/group_vars/eu"] = "zone: a\nlimits: {cpu: 1, list: [1]}\n"
    files["inventory/group_vars/web"] = "port: 8080\nzone: b\nlimits: {cpu: 2, list: [2]}\n"
    found = check(files)
    assert found.short() == [
        "warning shadowed-variable inventory/group_vars/web:2:1",
        "warning shadowed-variable inventory/group_vars/web:3:10",
        "warning shadowed-variable site.yml:3:10",
        "warning hidden-result site.yml:6:34",
    ]
    assert "'zone' of group web hides that of group eu at inventory/group_vars/eu:1:1" in found.messages()
    assert "'port' of the play's vars hides that of group web at inventory/group_vars/web:1:1" in found.messages()
    assert [one["hosts"] for one in found.findings][:3] == [["h1"], ["h1"], ["h1", "h2"]]


def test_what_is_meant_to_win_is_no_finding(check: Check) -> None:
    files = site("!echo {msg: '{{ port }}'}", defaults="{port: 1}")
    files["inventory/group_vars/all"] = "port: 1\n"
    files["inventory/host_vars/h1"] = "port: 2\n"
    files["inventory/groups/top"] = "subgroups: [web]\n"
    files["inventory/group_vars/top"] = "port: 3\n"
    assert check(files).findings == []


def test_names_of_jetpack_itself_are_reserved(check: Check) -> None:
    files = site("!echo {msg: '{{ port }}'}")
    files["inventory/group_vars/web"] += "groups: [a]\n"
    assert check(files).short() == ["warning reserved-name inventory/group_vars/web:2:1"]


@pytest.mark.parametrize(
    ("comment", "kept"),
    [
        ("# jetpack: ignore[undefined-variable]", False),
        ("# jetpack: ignore", False),
        ("# needed there; jetpack: ignore[unused-handler, undefined-variable]", False),
        ("# jetpack: ignore[unused-handler]", True),
        ("# ignore[undefined-variable]", True),
    ],
)
def test_a_comment_keeps_a_finding_back(check: Check, comment: str, kept: bool) -> None:
    behind = site(f"!echo {{msg: '{{{{ prot }}}}'}}  {comment}")
    above = site("!echo {msg: '{{ prot }}'}")
    above["site.yml"] = above["site.yml"].replace("    - !echo", f"    {comment}\n    # and so on\n    - !echo")
    assert (check(behind).code == 1) is kept
    assert (check(above).code == 1) is kept


def test_a_comment_for_a_whole_file_and_one_in_a_template(check: Check) -> None:
    files = site("!template {src: a.j2, dest: /a}\n!template {src: b.j2, dest: /b}")
    files["templates/a.j2"] = "{# jetpack: ignore-file[undefined-variable] #}\n\n{{ one }}\n"
    files["templates/b.j2"] = "{# jetpack: ignore #}\n{{ two }}\n\n{{ three }}\n"
    assert check(files).short() == ["error undefined-variable templates/b.j2:4:4"]


def test_kinds_are_selected_and_left_out(check: Check) -> None:
    files = site("!echo {msg: '{{ prot }}'}", "!echo {msg: a, with: {subscribe: x}}")
    assert len(check(files).findings) == 2
    assert check(files, "--select", "unused-handler").short() == ["warning unused-handler site.yml:6:29"]
    assert check(files, "--ignore", "unused-handler,undefined-variable").findings == []
    wrong = check(files, "--ignore", "unused-handlr")
    assert wrong.code == 1
    assert "did you mean `unused-handler`?" in wrong.errors


def test_what_keeps_content_from_being_loaded_is_told_beside_the_rest(check: Check) -> None:
    files = site("!echo {msg: '{{ prot }}'}")
    files["broken.yml"] = "- name: q\n  groups: [web]\n  tasks: [!cpoy {src: a}]\n"
    found = check(files, "-p", "broken.yml", "--ignore", "unknown-module")
    assert found.short() == ["error unknown-module broken.yml:3:11", "error undefined-variable site.yml:4:23"]


def test_every_code_in_the_source_is_in_the_catalogue() -> None:
    known = set(every_rule())
    used = {Problem.__dataclass_fields__["code"].default}
    for path in (ROOT / "jetpack_core").rglob("*.py"):
        text = path.read_text()
        used |= set(re.findall(r'code="([a-z-]+)"', text))
    assert used <= known
    for rule in every_rule().values():
        assert rule.title
        assert rule.meaning.endswith(".")
        assert rule.remedy.endswith(".")
        assert rule.example.endswith("\n")


def test_what_is_wrong_with_a_role_is_told_once_for_all_its_plays(check: Check) -> None:
    files = {
        **INVENTORY,
        "roles/r/role.yml": "tasks: [main.yml]\n",
        "roles/r/tasks/main.yml": "- !wait_for {port: '{{ where }}'}\n",
        "inventory/host_vars/h1": "where: here\n",
        "inventory/host_vars/h2": "where: here\n",
        "site.yml": "".join(f"- name: {name}\n  groups: [{name}]\n  roles: [{{role: r}}]\n" for name in ("eu", "web")),
    }
    (found,) = check(files).findings
    assert (found["code"], found["hosts"]) == ("wrong-value", ["h1", "h2"])
    assert [one["file"] for one in found["related"]] == ["inventory/host_vars/h1", "inventory/host_vars/h2"]


@pytest.mark.parametrize("name", ["a.j2", "{{ 'a' }}.j2"])
def test_a_pipe_is_no_template_and_nobody_waits_for_it(check: Check, name: str) -> None:
    files = site(f'!template {{src: "{name}", dest: /a}}')
    check(files)
    Path("templates").mkdir()
    os.mkfifo("templates/a.j2")
    found = check(files)
    assert found.short() == ["error wrong-value site.yml:4:23"], found.messages()
