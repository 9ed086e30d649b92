# SPDX-License-Identifier: GPL-3.0-or-later
"""An error is a proof: what the check calls one fails in a real run, and what runs fine is none."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jetpack_core.cli.main import main
from jetpack_core.secrets.age import encrypt, generate_key, parse_recipient
from tests.unit.analysis.conftest import Check, Result

INVENTORY = {
    "inventory/groups/web": "hosts: [localhost]\n",
    "inventory/group_vars/all": "port: https\nname: shop\nnumber: 1\npages: [a, b]\nmap: {x: 1}\nkey: port\n",
}
LATER = "!set {vars: {seen: 2, none_of: [], some: [1], text: ann}}\n"
"""Makes variables whose values only a run can tell."""


def site(tasks: str) -> dict[str, str]:
    lines = "".join(f"    - {line}\n" for line in tasks.splitlines())
    return {**INVENTORY, "site.yml": f"- name: p\n  groups: [all]\n  tasks:\n{lines}"}


def run(*flags: str) -> tuple[int, dict[int, set[str]], str]:
    """Run the playbook on this machine; return the exit code, how the task of each line ended, and the output."""
    home = {"HOME": str(Path("home").absolute()), "NO_COLOR": "1"}
    words = ["local", "-p", "site.yml", "-i", "inventory", "--json", "--lock-timeout", "off", *flags]
    done = CliRunner().invoke(main, words, env=home, prog_name="jetpack")
    ended: dict[int, set[str]] = {}
    for event in map(json.loads, done.stdout.splitlines()):
        if event["event"] == "host_result":
            ended.setdefault(event["line"], set()).add(event["status"])
    return done.exit_code, ended, done.output


@pytest.mark.parametrize(
    "task",
    [
        "!echo {msg: '{{ absent }}', and: {ignore_errors: true}}",
        "!wait_for {port: '{{ port }}', and: {ignore_errors: true}}",
        "!echo {msg: '{{ absent }}', with: {skip_if_exists: /}}",
        "!file {path: '{{ name }}', with: {skip_if_exists: /}}",
        "!echo {msg: '{{ absent }}', with: {items: none_of}}",
        "!echo {msg: '{% if seen > 1 %}{% set q = 1 %}{% endif %}{{ q }}'}",
        "!echo {msg: '{{ absent | default(seen) }}'}",
        "!echo {msg: '{{ absent | default(other | default(text)) }}'}",
        "!echo {msg: \"{{ [absent, text] | select('defined') | first }}\"}",
        "!echo {msg: \"{{ [absent, text] | map('default', 'x') | join }}\"}",
        "!echo {msg: '{% set q = absent %}{{ text }}{{ q | default(1) }}'}",
        "!echo {msg: '{{ seen > 1 or absent }}'}",
        "!echo {msg: '{% for one in none_of %}{{ absent }}{% endfor %}'}",
        "!shell {cmd: 'true', save: '{{ key }}'}\n!echo {msg: '{{ port.rc }}'}",
        "!set {vars: {map: {y: 2}}}\n!echo {msg: '{{ map.x }} {{ map.y }}'}",
        "!set {vars: {port: 80}}\n!echo {msg: '{{ port + 1 }}'}",
        (
            "!set {vars: {all_of: '{{ (all_of | default([])) + [item] }}'}, with: {items: pages}}\n"
            "!echo {msg: '{{ all_of[0] }}'}"
        ),
    ],
)
def test_what_runs_fine_is_no_error(check: Check, task: str) -> None:
    found = check(site(LATER + task))
    code, _, output = run()
    assert code == 0, output
    assert (found.code, found.errors) == (0, ""), found.messages()


def test_a_failure_that_is_ignored_is_a_warning(check: Check) -> None:
    found = check(site("!echo {msg: '{{ absent }}', and: {ignore_errors: true}}"))
    assert found.short() == ["warning undefined-variable site.yml:4:23"]
    assert "the task always fails, and `ignore_errors` hides it" in found.messages()


def test_a_guard_that_asks_the_host_makes_a_maybe(check: Check) -> None:
    found = check(site("!echo {msg: '{{ absent }}', with: {skip_if_exists: '/{{ gone }}'}}"))
    severities = {one["message"].partition("'")[2].partition("'")[0]: one["severity"] for one in found.findings}
    assert severities == {"gone": "error", "absent": "maybe"}
    assert "only a run can tell whether `skip_if_exists` lets it run" in found.messages()


def test_a_variable_of_the_inventory_is_there_whatever_tasks_set(check: Check) -> None:
    found = check(site("!set {vars: {port: 80}, with: {condition: port == 'https'}}\n!echo {msg: '{{ port }}'}"))
    assert found.findings == [], found.messages()


def test_a_guest_that_is_not_to_be_there_needs_no_variables(check: Check) -> None:
    files = {**site("!echo {msg: '{{ ip }}'}"), "inventory/groups/web": "hosts: [localhost, gone]\n"}
    files["inventory/host_vars/localhost"] = "ip: 1\n"
    guest = "provision: {type: docker, image: debian, cluster: localhost, state: %s}\n"
    for state, hosts in (("absent", []), ("stopped", []), ("present", ["gone"])):
        found = check({**files, "inventory/host_vars/gone": guest % state})
        assert [host for one in found.findings for host in one["hosts"]] == hosts, found.messages()


@pytest.mark.parametrize(
    ("task", "severity"),
    [
        ("!shell {cmd: 'echo {{ password }}', and: {ignore_errors: true}}", "warning"),
        ("!shell {cmd: 'echo {{ password }}', with: {skip_if_exists: /}}", "maybe"),
        ("!shell {cmd: 'echo {{ password }}', with: {condition: seen > 2}}", "maybe"),
        ("!shell {cmd: 'echo {{ item.password }}', with: {items: users, condition: item.name == 'bob'}}", ""),
        ("!shell {cmd: 'echo {{ item.password }}', with: {items: users, condition: item.name == 'ann'}}", "error"),
    ],
)
def test_a_secret_is_an_error_where_its_task_runs(check: Check, task: str, severity: str) -> None:
    files = site(LATER + task)
    private, public = generate_key()
    armored = encrypt(b"hunter2hunter2", [parse_recipient(public, None)], armored=True).decode()
    lines = "".join(f"      {line}\n" for line in armored.splitlines())
    files["inventory/group_vars/all"] += (
        f"password: !age |\n{lines}users:\n  - name: ann\n    password: !age |\n{lines}"
    )
    found = check(files)
    Path("key").write_text(private)
    Path("key").chmod(0o600)
    code, _, output = run("--identity", "key")
    assert [one["severity"] for one in found.findings] == ([severity] if severity else []), found.messages()
    assert code == (2 if severity == "error" else 0), output


NAMES = st.sampled_from(
    [
        "port",
        "number",
        "pages",
        "map",
        "map.x",
        "map.z",
        "absent",
        "gone",
        "seen",
        "none_of",
        "some",
        "text",
        "set_here",
    ]
)


def _grown(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.builds("({} | default({}))".format, inner, inner),
        st.builds("({} if {} is defined else {})".format, inner, NAMES, inner),
        st.builds("({} if {} else {})".format, inner, inner, inner),
        st.builds("({} {} {})".format, inner, st.sampled_from(["and", "or", "==", "+", "~", "in", "<"]), inner),
        st.builds("[{}, {}]".format, inner, inner),
        st.builds(
            "([{}, {}] | {})".format, inner, inner, st.sampled_from(["length", "first", "select('defined') | list"])
        ),
        st.builds("({} | {})".format, inner, st.sampled_from(["int", "string", "length", "first", "to_json", "list"])),
        st.builds("(not {})".format, inner),
    )


EXPRESSIONS = st.recursive(NAMES | st.sampled_from(["1", "'a'", "[]", "true"]), _grown, max_leaves=5)
TEXTS = st.one_of(
    st.builds("{{{{ {} }}}}".format, EXPRESSIONS),
    st.builds("{{{{ {} }}}} {{{{ {} }}}}".format, EXPRESSIONS, EXPRESSIONS),
    st.builds("{{% if {} %}}{{{{ {} }}}}{{% endif %}}".format, EXPRESSIONS, EXPRESSIONS),
    st.builds("{{% if {} %}}{{% set q = {} %}}{{% endif %}}{{{{ q }}}}".format, EXPRESSIONS, EXPRESSIONS),
    st.builds("{{% for q in {} %}}{{{{ {} }}}}{{% endfor %}}".format, EXPRESSIONS, EXPRESSIONS),
)


@st.composite
def _tasks(draw: st.DrawFn) -> str:
    """Draw a task, on one line."""
    text = draw(TEXTS)
    task: dict[str, object] = draw(
        st.sampled_from(
            [{"msg": text}, {"vars": {"set_here": text}}, {"vars": {"port": text}}, {"vars": {"map": {"z": text}}}]
        )
    )
    before: dict[str, object] = {}
    if draw(st.booleans()):
        before["condition"] = draw(st.sampled_from(["{} is defined", "{} == 2", "not {}", "{}"])).format(
            draw(EXPRESSIONS)
        )
    if draw(st.integers(0, 3)) == 0:
        before["items"] = draw(EXPRESSIONS)
    if draw(st.integers(0, 5)) == 0:
        before["skip_if_exists"] = draw(st.sampled_from(["/", "/not/there/{{ text }}", "/{{ absent }}"]))
    if before:
        task = {**task, "with": before}
    if draw(st.integers(0, 3)) > 0:
        task = {**task, "and": {"ignore_errors": True}}
    return f"!{'set' if 'vars' in task else 'echo'} {json.dumps(task)}\n"


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tasks=st.lists(_tasks(), min_size=1, max_size=5))
def test_whatever_is_called_an_error_fails_when_it_is_reached(check: Check, tasks: list[str]) -> None:
    found: Result = check(site(LATER + "".join(tasks)))
    code, ended, output = run()
    if found.errors:
        # What does not even load runs nowhere.
        assert code == 1, found.errors
        return
    for one in found.findings:
        if one["severity"] == "error":
            assert ended.get(one["line"], {"failed"}) & {"failed"}, (one, ended, output)
    if code == 0:
        assert found.code == 0


@pytest.mark.parametrize("first", ["!fetch {src: HERE/new, dest: HERE/here}", "!shell {cmd: 'cp HERE/new HERE/here'}"])
@pytest.mark.parametrize("source", ["HERE/here", "{{ source }}"])
def test_what_a_task_changes_on_the_control_machine_the_next_one_sees(
    check: Check, tmp_path: Path, first: str, source: str
) -> None:
    files = site(f"{first}\n!copy {{src: '{source}', dest: HERE/there}}")
    files["inventory/group_vars/all"] += "source: HERE/here\n"
    files = {name: text.replace("HERE", str(tmp_path)) for name, text in files.items()}
    check({**files, "new": "new\n", "here": "old\n", "there": "old\n"})
    code, ended, output = run()
    assert (code, ended[5], (tmp_path / "there").read_text()) == (0, {"modified"}, "new\n"), output
