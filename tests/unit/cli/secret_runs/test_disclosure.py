# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs with secrets: what reaches the hosts, and what is shown."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from jetpack_core.secrets import age
from tests.unit.cli.conftest import Run
from tests.unit.cli.secret_runs.conftest import OTHER, SECRET, Project, copy, everything


@pytest.mark.parametrize("style", [["--diff", "-vvv"], ["--json"]])
def test_a_secret_reaches_the_file_and_nothing_else(
    project: Project, local: Run, tmp_path: Path, style: list[str]
) -> None:
    project.playbook(copy(tmp_path, "pw={{ password }}"), "!fail {msg: 'no {{ password }}'}")
    ran = local("local", *style)
    assert ran.returncode == 2
    assert (tmp_path / "out").read_text() == f"pw={SECRET}"
    assert (tmp_path / "out").stat().st_mode & 0o777 == 0o600
    assert SECRET not in everything(ran, tmp_path)
    assert "no <secret: inventory/host_vars/localhost:1>" in ran.stdout


def test_no_report_and_no_saved_plan_holds_a_secret(project: Project, local: Run, invoke: Run, tmp_path: Path) -> None:
    project.playbook(copy(tmp_path, "pw={{ password }}"), "!fail {msg: 'no {{ password }}'}")
    local("local")
    for kind in ("html", "junit", "markdown"):
        report = invoke("report", "--format", kind, "-o", "-")
        assert report.returncode == 0
        assert "no <secret:" in report.stdout.replace("&lt;", "<").replace("\\u003c", "<").replace("\\<", "<")
        assert SECRET not in report.stdout
    project.playbook(copy(tmp_path, "pw={{ password }}", "new"))
    ran = local("plan", "--out", "plan.json")
    assert ran.returncode == 0, ran.stderr
    saved = (project.folder / "plan.json").read_text()
    assert '"status": "created"' in saved
    assert SECRET not in saved


def test_the_summary_counts_what_was_hidden(project: Project, local: Run) -> None:
    project.playbook("!echo {msg: '{{ password }}'}")
    assert "1 secret hidden" in local("local").stdout


@pytest.mark.parametrize(
    ("file", "given"),
    [
        ("inventory/group_vars/all.age", []),
        ("inventory/group_vars/all.yml.age", []),
        ("inventory/host_vars/localhost.age", []),
        ("more.yml.age", ["-e", "@more.yml.age"]),
        ("more.age", ["-e", "@more.age"]),
    ],
)
def test_a_wholly_encrypted_file_gives_variables(
    project: Project, local: Run, tmp_path: Path, file: str, given: list[str]
) -> None:
    project.encrypted(file, f'token: "{OTHER}"\ndeep: {{list: [one-more-secret]}}\nnumber: 314159\n')
    project.playbook(copy(tmp_path, "{{ token }} {{ deep.list[0] }} {{ number + 1 }} {{ deep }}"))
    ran = local("local", "--diff", "-vvv", *given)
    assert (tmp_path / "out").read_text() == f"{OTHER} one-more-secret 314160 {{'list': ['one-more-secret']}}"
    assert ran.returncode == 0
    assert OTHER not in everything(ran, tmp_path)


def test_vars_files_and_playbook_variables_and_parameters_may_be_secret(
    project: Project, local: Run, tmp_path: Path
) -> None:
    project.encrypted("vars.yml.age", "one: first-secret\n")
    two = project.value("site.yml", 0, "vars", "two", value="second-secret")
    extra = "  vars_files: [vars.yml.age]\n  vars:\n    two: " + two.replace("\n    ", "\n      ")
    project.playbook(copy(tmp_path, "{{ one }} {{ two }}"), extra=extra.rstrip(" "))
    assert local("local").returncode == 0
    assert (tmp_path / "out").read_text() == "first-secret second-secret"


def test_the_project_file_may_hold_secrets(project: Project, local: Run, tmp_path: Path) -> None:
    value = project.value(".jetpack.yml", "extra_vars", "token", value=OTHER)
    project.write(".jetpack.yml", "extra_vars:\n  token: " + value)
    project.playbook(copy(tmp_path, "{{ token }}"))
    assert local("local").returncode == 0
    assert (tmp_path / "out").read_text() == OTHER


def test_encrypted_sources_are_decrypted_and_their_diff_is_hidden(project: Project, local: Run, tmp_path: Path) -> None:
    project.encrypted("files/tls.key.age", "KEY-abcdef0123456789\n")
    project.encrypted("templates/app.j2.age", "literal-0123456789 {{ password }}\n")
    project.playbook(
        f"!copy {{src: tls.key.age, dest: {tmp_path}/tls.key}}",
        f"!copy {{src: tls.key.age, dest: {tmp_path}/tls.key.age}}",
        f"!template {{src: app.j2.age, dest: {tmp_path}/app}}",
        "!fail {msg: 'KEY-abcdef0123456789'}",
    )
    ran = local("local", "--diff", "-vvv")
    assert (tmp_path / "tls.key").read_text() == "KEY-abcdef0123456789\n"
    assert (tmp_path / "tls.key").stat().st_mode & 0o777 == 0o600
    assert age.is_age((tmp_path / "tls.key.age").read_bytes())
    assert (tmp_path / "app").read_text() == f"literal-0123456789 {SECRET}\n"
    shown = everything(ran, tmp_path)
    assert "KEY-abcdef0123456789" not in shown
    assert "literal-0123456789" not in shown
    assert "(hidden: a secret is in it)" in shown


@pytest.mark.parametrize(
    "task",
    [
        "!shell {cmd: 'echo {{ password | quote }}'}",
        "!shell {cmd: 'echo {{ password }}', unsafe: true}",
        "!command {cmd: 'echo {{ password }}'}",
        "!command {cmd: [echo, '{{ password }}']}",
        "!git {repo: 'file:///nowhere/{{ password }}', path: /nowhere/at/all, branch: main}",
    ],
)
def test_a_secret_on_a_command_line_is_refused_before_it_runs(
    project: Project, local: Run, task: str, tmp_path: Path
) -> None:
    project.playbook(task)
    for verb in ("check-local", "local"):
        ran = local(verb)
        assert ran.returncode == 2
        assert "would show in the process list; hand it over by `env:` or `stdin:`" in ran.stdout
        assert SECRET not in everything(ran, tmp_path)


def test_a_secret_that_was_kept_under_another_name_is_still_one(project: Project, local: Run, tmp_path: Path) -> None:
    project.playbook("!set {vars: {other: '{{ password }}'}}", "!command {cmd: 'echo {{ other }}'}")
    ran = local("local")
    assert "would show in the process list" in ran.stdout


def test_env_and_stdin_take_secrets_and_the_output_is_redacted(project: Project, local: Run, tmp_path: Path) -> None:
    project.playbook(
        f"!shell {{cmd: 'tee {tmp_path}/stdin; echo \"$P\" | base64; exit 3',"
        " stdin: '{{ password }}', env: {P: '{{ password }}'}}"
    )
    ran = local("local", "-vvv")
    assert (tmp_path / "stdin").read_text() == SECRET
    shown = everything(ran, tmp_path)
    assert SECRET not in shown
    assert "U3cwcmRmaXNo" not in shown
    assert "<secret: inventory/host_vars/localhost:1>" in shown


def test_a_value_is_decrypted_only_where_it_is_looked_at(project: Project, keyless: Run, tmp_path: Path) -> None:
    file = "inventory/host_vars/localhost"
    inner = project.value(file, "db", "password").replace("\n    ", "\n      ").rstrip(" ")
    project.write(file, f"db:\n  host: here\n  password: {inner}")
    project.playbook(copy(tmp_path, "{{ db.host }}"))
    assert keyless("local").returncode == 0
    assert (tmp_path / "out").stat().st_mode & 0o777 == 0o644


def test_secrets_in_lists_open_in_loops_and_filters(project: Project, local: Run, tmp_path: Path) -> None:
    file = "inventory/host_vars/localhost"
    inner = project.value(file, "users", 0, "password").replace("\n    ", "\n        ").rstrip(" ")
    project.write(file, f"users:\n  - name: ann\n    password: {inner}  - name: bob\n    password: clear\n")
    project.playbook(
        copy(tmp_path, "{% for u in users %}{{ u.name }}={{ u.password }};{% endfor %}", "loop"),
        copy(tmp_path, "{{ users | map(attribute='password') | join(',') }}", "filter"),
        copy(tmp_path, "{{ users | to_json }}", "json"),
        copy(tmp_path, "is {{ users[0] }}", "repr"),
        copy(tmp_path, "{{ item.password }}", "item")[:-1] + ", with: {items: 'users[:1]'}}",
    )
    ran = local("local", "--diff")
    assert ran.returncode == 0, ran.stdout
    assert (tmp_path / "loop").read_text() == f"ann={SECRET};bob=clear;"
    assert (tmp_path / "filter").read_text() == f"{SECRET},clear"
    assert json.loads((tmp_path / "json").read_text())[0] == {"name": "ann", "password": SECRET}
    assert SECRET in (tmp_path / "repr").read_text()
    assert (tmp_path / "item").read_text() == SECRET
    assert (tmp_path / "item").stat().st_mode & 0o777 == 0o600
    assert SECRET not in everything(ran, tmp_path)


@pytest.mark.parametrize("key", [["--identity", "key.txt"], []])
def test_vars_shows_where_a_secret_is_and_never_what(project: Project, invoke: Run, key: list[str]) -> None:
    project.encrypted("inventory/group_vars/web.age", "\ntoken: hunter2-token\n")
    for verb in (
        ["vars", "localhost"],
        ["vars", "localhost", "--json"],
        ["show-inventory", "--show-hosts", "localhost"],
    ):
        ran = invoke(*verb, "-i", "inventory", *key)
        assert ran.returncode == 0
        assert "<secret: inventory/host_vars/localhost:1>" in ran.stdout
        assert ("<secret: inventory/group_vars/web.age:2>" in ran.stdout) == bool(key)
        assert SECRET not in ran.stdout
        assert "hunter2" not in ran.stdout


def test_debug_shows_where_a_secret_is_and_never_what(project: Project, local: Run) -> None:
    project.playbook("!debug {vars: [password]}", "!debug {}")
    ran = local("local")
    assert ran.stdout.count('password = "<secret: inventory/host_vars/localhost:1>"') == 2
    assert SECRET not in ran.stdout


def test_a_secrets_directory_lies_over_the_inventory(project: Project, local: Run, tmp_path: Path) -> None:
    (tmp_path / "secret/host_vars").mkdir(parents=True)
    project.encrypted("secret/host_vars/localhost.age", f'password: "{OTHER}"\n')
    project.playbook(copy(tmp_path, "{{ password }}"))
    assert local("local", "--secrets", "secret").returncode == 0
    assert (tmp_path / "out").read_text() == OTHER
    assert "the secrets inventory nowhere is not there" in local("check-local", "--secrets", "nowhere").stderr
    ran = local("local", "--secrets", "nowhere")
    assert ran.returncode == 1
    assert "fetch it, or change --secrets" in ran.stderr


def test_an_error_that_stops_everything_and_its_traceback_do_not_tell(
    project: Project, local: Run, tmp_path: Path
) -> None:
    project.encrypted("vars.age", f'token: "{OTHER}"\n')
    play = "- name: p\n  groups: ['{{ token }}']\n  vars_files: [vars.age]\n  tasks: [!debug {}]\n"
    project.write("site.yml", play)
    ran = local("local", "--traceback")
    assert ran.returncode == 1
    assert ran.stderr.count("the inventory has no group '<secret: vars.age:1>'") == 2
    assert OTHER not in everything(ran, tmp_path)


def test_a_parameter_declared_secret_is_redacted_wherever_it_comes_from(
    project: Project, local: Run, tmp_path: Path
) -> None:
    hashed = "$6$saltsalt$" + "x" * 86
    project.playbook(
        f"!user {{user: nobody, password: '{hashed}', and: {{ignore_errors: true}}}}",
        f"!fail {{msg: 'it is {hashed}'}}",
    )
    assert "it is <secret: site.yml:4>" in local("check-local").stdout


def test_the_key_in_the_environment_is_for_no_template_and_no_program(
    project: Project, invoke: Run, tmp_path: Path
) -> None:
    project.write("templates/t.j2", "{{ ENV_JETPACK_AGE_IDENTITY | default('none') }} {{ password }}")
    project.playbook(
        f"!template {{src: t.j2, dest: {tmp_path}/out}}",
        f"!shell {{cmd: 'echo ${{JETPACK_AGE_IDENTITY:-none}} >{tmp_path}/printed'}}",
    )
    key = project.key.read_text().strip()
    ran = invoke("local", "-p", "site.yml", "-i", "inventory", JETPACK_AGE_IDENTITY=key)
    assert ran.returncode == 0, ran.stdout
    assert (tmp_path / "out").read_text() == f"none {SECRET}"
    assert (tmp_path / "printed").read_text() == "none\n"


def test_nothing_of_the_age_library_loads_without_secrets(jetpack: Run, tmp_path: Path) -> None:
    (tmp_path / "site.yml").write_text(f"- name: p\n  groups: [all]\n  tasks:\n    - {copy(tmp_path, 'x')}\n")
    check = "import sys; from jetpack_core.cli.main import main; main(sys.argv[1:], standalone_mode=False);"
    check += "print(sorted(name for name in sys.modules if name.startswith(('pyrage', 'cryptography'))))"
    ran = subprocess.run(
        [__import__("sys").executable, "-c", check, "local", "-p", "site.yml"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout.endswith("[]\n")


def test_what_an_expression_makes_of_a_secret_is_one_too(project: Project, local: Run, tmp_path: Path) -> None:
    project.playbook(
        "!set {vars: {up: '{{ password | upper }}', state: '{{ (password is defined) and \"enabled\" }}'}}",
        "!echo {msg: '{{ password | reverse }}'}",
        "!echo {msg: '{{ up }}, {{ password | reverse }}, {{ state }}'}",
        copy(tmp_path, "of {{ up }}"),
    )
    ran = local("local", "--json", "--diff")
    assert ran.returncode == 0, ran.stdout
    assert SECRET.upper() not in everything(ran, tmp_path)
    assert SECRET[::-1] not in everything(ran, tmp_path)
    assert "enabled" in ran.stdout
    assert (tmp_path / "out").read_text() == f"of {SECRET.upper()}"
    assert (tmp_path / "out").stat().st_mode & 0o777 == 0o600


def test_the_state_to_resume_from_keeps_no_notification_that_nobody_waits_for(
    project: Project, local: Run, tmp_path: Path
) -> None:
    project.playbook(
        "!shell {cmd: 'true', and: {notify: ['again {{ password }}', later]}}",
        "!fail {msg: over}",
        extra="  handlers:\n    - !echo {msg: hi, with: {subscribe: later}}\n",
    )
    ran = local("local")
    assert ran.returncode == 2
    assert '"later"' in everything(ran, tmp_path)
    assert SECRET not in everything(ran, tmp_path)
