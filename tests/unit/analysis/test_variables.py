# SPDX-License-Identifier: GPL-3.0-or-later
"""Variables: what is missing on a host is an error where that is certain, a maybe where it is not, else nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from jetpack_core.analysis.examine import Examined, Examiner, Look
from jetpack_core.content.model import Task
from jetpack_core.secrets.age import encrypt, generate_key, parse_recipient
from tests.unit.analysis.conftest import Check

FILES = {
    "inventory/groups/web": "hosts: [h1, h2]\n",
    "inventory/groups/db": "hosts: [d1]\n",
    "inventory/group_vars/web": "port: 80\nname: shop\npages: [a, b]\nnested: {deep: {x: 1}}\n",
    "inventory/group_vars/db": "dump: /srv\n",
    "inventory/host_vars/h2": "only_here: 1\n",
    "vars.yml": "region: eu\n",
    "templates/page.j2": "{% for page in pages %}{{ page }} {{ ENV_HOME }} {{ port }}{% endfor %}\n",
    "templates/loops.j2": (
        "{% macro row(a, b=1) %}{{ a }}{{ b }}{{ varargs }}{% endmacro %}{% set ns = namespace(x=0) %}"
        "{% for p in pages if p != 'z' %}{{ loop.index }}{{ row(p) }}{% set ns.x = ns.x + 1 %}{% else %}{{ port }}"
        "{% endfor %}{{ ns.x }}{% filter upper %}{{ name }}{% endfilter %}"
        "{% if maybe is defined %}{{ maybe }}{% endif %}{# {{ not_there }} #}"
        "{% raw %}{{ not_there }}{% endraw %}{% with q = port %}{{ q }}{% endwith %}\n"
    ),
    "templates/wrong.j2": "fine\n{{ port }}\n  {{ prot }}\n{% if port %}{{ never }}{% endif %}\n",
    "roles/app/role.yml": "defaults: {app_port: 1}\ntasks: [main.yml]\n",
    "roles/app/tasks/main.yml": "- !echo {msg: '{{ app_port }} {{ app_user }}'}\n",
}
PLAY = """- name: p
  groups: [web]
  defaults: {sizes: []}
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
    - !facts
    - !shell {cmd: date, save: today, with: {condition: jet_cpus > 1}}
"""


def site(task: str) -> dict[str, str]:
    return {**FILES, "site.yml": f"{PLAY}    - {task}\n"}


@pytest.mark.parametrize(
    "task",
    [
        "!echo {msg: '{{ port }} {{ inner }} {{ region }} {{ out.rc }} {{ chosen }} {{ jet_os_type }}'}",
        "!echo {msg: '{{ inventory_hostname }} {{ hostvars.d1.anything }} {{ groups.db[0] }} {{ jet_play_hosts }}'}",
        "!echo {msg: '{{ item }}', with: {items: pages}}",
        "!echo {msg: '{{ maybe | default(1) }}'}",
        "!echo {msg: '{{ maybe }}', with: {condition: maybe is defined}}",
        "!echo {msg: '{{ maybe }}', with: {condition: (isdefined maybe)}}",
        "!echo {msg: '{{ only_here }}', with: {condition: inventory_hostname == 'h2'}}",
        "!echo {msg: '{{ only_here }}', with: {condition: \"'h2' in inventory_hostname\"}}",
        "!echo {msg: '{{ never if port == 81 else port }}'}",
        "!echo {msg: '{% set mine = 1 %}{{ mine }}'}",
        "!echo {msg: '{{ jet_os_release_id }}'}",
        "!template {src: page.j2, dest: /tmp/page}",
        "!template {src: '{{ name[:0] }}page.j2', dest: /tmp/page}",
        "!echo {msg: '{{ today.rc }}', with: {condition: jet_cpus > 1}}",
        "!echo {msg: '{{ today.rc | default(0) }}'}",
        "!wait_for {port: '{{ port }}'}",
        "!assert {'true': port == 80}",
        "!echo {msg: '{{ delegate_host }}', with: {delegate_to: d1}}",
        "!debug {}",
        "!echo {msg: '{{ item }}', with: {items: [1, 2], condition: item > 1}}",
        "!echo {msg: '{{ item.key }} {{ item.value.x }} {{ item_index }}', with: {items: nested}}",
        "!echo {msg: '{{ item.anything }}', with: {items: out.results}}",
        "!echo {msg: '{{ absent }}', with: {items: sizes}}",
        "!template {src: loops.j2, dest: /tmp/page}",
        "!shell {cmd: 'echo {{ out.stdout }} {{ pages | join }}', failed_when: stdout == '' or rc > 1}",
        "!copy {content: '{{ out.stdout }}', dest: '/tmp/{{ jet_hostname }}', mode: '{{ jet_arch }}'}",
        "!set {vars: {a: '{{ port }}', b: {c: '{{ today | default(1) }}'}}}",
        '!echo {msg: \'{{ (jet_mounts | selectattr("path", "equalto", "/") | first).size_mb }}\'}',
        "!wait_for {port: '{{ out.rc }}', timeout: '{{ jet_cpus * 2 }}'}",
    ],
)
def test_what_is_there_is_no_matter(check: Check, task: str) -> None:
    found = check(site(task))
    assert found.findings == [], found.messages()
    assert (found.code, found.errors) == (0, "")


@pytest.mark.parametrize(
    ("task", "place", "name"),
    [
        ("!echo {msg: '{{ prot }}'}", "18:23", "prot"),
        ("!echo {msg: hello, with: {condition: prot == 1}}", "18:44", "prot"),
        ("!echo {msg: hello, with: {items: pagse}}", "18:40", "pagse"),
        ("!echo {msg: '{{ dump }}'}", "18:23", "dump"),
        ("!echo {msg: '{{ app_port }}'}", "18:23", "app_port"),
        ("!copy {dest: /x, content: 'a {{ deep.er }}'}", "18:39", "deep"),
        ("!echo {msg: '{{ item }}'}", "18:23", "item"),
        ("!debug {vars: [prot]}", "18:22", "prot"),
        ("!template {src: wrong.j2, dest: /tmp/page}", "templates/wrong.j2:3:6", "prot"),
        ("!echo {msg: hello, and: {notify: '{{ prot }}'}}", "18:44", "prot"),
    ],
)
def test_what_nothing_defines_is_an_error_with_its_place(check: Check, task: str, place: str, name: str) -> None:
    found = check(site(task))
    place = place if ".j2" in place else f"site.yml:{place}"
    assert f"error undefined-variable {place}" in found.short()
    assert f"nothing defines the variable {name!r} |" in found.messages()
    (one,) = [one for one in found.findings if repr(name) in one["message"]]
    assert one["hosts"] == ["h1", "h2"]
    assert found.code == 1


def test_what_some_hosts_lack_is_told_with_their_names(check: Check) -> None:
    found = check(site("!echo {msg: '{{ only_here }}'}"))
    assert [one["hosts"] for one in found.findings] == [["h1"]]
    assert found.code == 1


def test_the_name_that_was_meant_is_suggested(check: Check) -> None:
    assert "did you mean 'port'?" in check(site("!echo {msg: '{{ prot }}'}")).messages()


def test_what_is_missing_deep_inside_is_told(check: Check) -> None:
    found = check(site("!echo {msg: '{{ nested.deep.y }}'}"))
    assert found.short() == ["error undefined-variable site.yml:18:19"]
    assert "'nested.deep.y' is undefined" in found.messages()


@pytest.mark.parametrize(
    ("task", "reason"),
    [
        ("!echo {msg: '{{ absent if jet_cpus > 1 else port }}'}", "a run may not get to where it is used"),
        ("!echo {msg: '{{ absent }}', with: {condition: jet_cpus > 1}}", "whether the condition jet_cpus > 1 holds"),
        ("!echo {msg: '{{ today.rc }}'}", "only the task 'date' makes it, and it has a `condition`"),
    ],
)
def test_where_only_a_run_can_tell_it_says_maybe_and_why(check: Check, task: str, reason: str) -> None:
    found = check(site(task))
    assert [one["severity"] for one in found.findings] == ["maybe"]
    assert reason in found.messages()
    assert found.code == 0
    assert check(site(task), "--strict").code == 1


def test_an_extra_variable_defines(check: Check) -> None:
    assert check(site("!echo {msg: '{{ prot }}'}"), "-e", "prot=1").findings == []


def test_a_result_is_not_there_before_its_task(check: Check) -> None:
    task = "!echo {msg: '{{ late.rc }}'}\n    - !shell {cmd: 'true', save: late}"
    found = check(site(task))
    assert found.short() == ["error undefined-variable site.yml:18:23"]
    assert "the task 'true' at site.yml:19:7 sets it, but later" in found.messages()


def test_facts_need_to_be_gathered(check: Check) -> None:
    playbook = "- name: p\n  groups: [web]\n  tasks:\n    - !echo {msg: '{{ jet_arch }}'}\n"
    found = check({**FILES, "site.yml": playbook})
    assert found.short() == ["error undefined-variable site.yml:4:23"]
    assert "`- !facts`" in found.messages()
    misspelt = playbook.replace("jet_arch", "jet_archi").replace("tasks:\n", "tasks:\n    - !facts\n")
    assert check({**FILES, "site.yml": misspelt}).short() == ["error undefined-variable site.yml:5:23"]


def test_results_of_earlier_plays_are_there_on_their_hosts_only(check: Check) -> None:
    playbook = (
        "- name: one\n  groups: [web]\n  tasks: [!shell {cmd: 'true', save: first}]\n"
        "- name: two\n  groups: [all]\n  tasks: [!echo {msg: '{{ first.rc }}'}]\n"
    )
    found = check({**FILES, "site.yml": playbook})
    assert [(one["severity"], one["hosts"]) for one in found.findings] == [("error", ["d1"])]
    assert "but not on this host" in found.messages()


def test_a_file_that_cannot_be_decrypted_may_define_anything(check: Check) -> None:
    files = site("!echo {msg: '{{ prot }}'}")
    check(files)
    nobody = parse_recipient(generate_key()[1], None)
    Path("inventory/host_vars/h1.yml.age").write_bytes(encrypt(b"prot: 1\n", [nobody], armored=False))
    found = check(files)
    assert {(one["severity"], *one["hosts"]) for one in found.findings} <= {("maybe", "h1", "h2")}
    assert "cannot be decrypted here" in found.messages()
    assert found.code == 0


def test_a_missing_secrets_inventory_may_define_anything(check: Check) -> None:
    found = check({**site("!echo {msg: '{{ prot }}'}"), ".jetpack.yml": "secrets_inventory: ../gone\n"})
    assert [one["severity"] for one in found.findings] == ["maybe"]
    assert "secrets inventory" in found.messages()


@pytest.mark.parametrize(
    ("task", "code", "told"),
    [
        (
            "!wait_for {port: '{{ name }}'}",
            "wrong-value",
            "`port` must be a whole number, not 'shop' | 'name' is set at",
        ),
        ("!echo {msg: hello, with: {condition: name}}", "template-value", "neither true nor false but 'shop'"),
        ("!echo {msg: hello, with: {items: name}}", "template-value", "'items' needs a list, and name is text"),
        ("!echo {msg: '{{ name + 1 }}'}", "template-value", "text"),
        ("!copy {src: '{{ name }}.txt', dest: /x}", "missing-file", "no file 'shop.txt' in"),
        ("!echo {msg: hi, with: {delegate_to: '{{ name }}'}}", "unknown-host", "no host 'shop' to delegate to"),
        ("!shell {cmd: 'echo {{ nested }}'}", "template-value", "{{ nested }}"),
        ("!file {path: '{{ name }}/x'}", "wrong-value", "must be absolute"),
    ],
)
def test_values_are_judged_where_they_are_known(check: Check, task: str, code: str, told: str) -> None:
    found = check(site(task))
    assert [(one["severity"], one["code"]) for one in found.findings] == [("error", code)], found.messages()
    assert told in found.messages()
    assert found.code == 1


def test_a_task_that_runs_once_needs_its_variables_on_the_first_host_only(check: Check) -> None:
    files = site("!echo {msg: '{{ only_first }}', with: {run_once: true}}")
    files["inventory/host_vars/h1"] = "only_first: 1\n"
    assert check(files).findings == []
    assert check({**files, "inventory/host_vars/h1": "other: 1\n"}).findings[0]["hosts"] == ["h1"]


def test_a_question_is_rendered_and_its_task_may_be_skipped(check: Check) -> None:
    task = "!shell {cmd: 'true', save: done, with: {confirm: 'Restart {{ prot }}?'}}"
    found = check(site(f"{task}\n    - !echo {{msg: '{{{{ done.rc }}}}'}}"))
    assert [(one["severity"], one["line"]) for one in found.findings] == [("error", 18), ("maybe", 19)]
    assert "it has a `confirm`" in found.messages()


@pytest.mark.parametrize(("text", "looks"), [("{{ port }}", 1), ("{{ port }} {{ only_here }}", 2), ("{{ ip }}", 50)])
def test_hosts_that_do_not_differ_are_looked_at_once(
    check: Check, monkeypatch: pytest.MonkeyPatch, text: str, looks: int
) -> None:
    seen: list[str] = []
    examine = Examiner.examine

    def counted(self: Examiner, task: Task, variables: Look, host: str) -> Examined:
        seen.append(host)
        return examine(self, task, variables, host)

    monkeypatch.setattr(Examiner, "examine", counted)
    files = {
        "inventory/groups/many": "hosts: ['h[01:50]']\n",
        "inventory/group_vars/many": "port: 80\n",
        "site.yml": f"- name: p\n  groups: [many]\n  tasks: [!echo {{msg: '{text}'}}]\n",
    }
    files |= {f"inventory/host_vars/h{number:02}": f"ip: 10.0.0.{number}\n" for number in range(1, 51)}
    files["inventory/host_vars/h07"] += "only_here: 1\n"
    found = check(files)
    assert len(seen) == looks
    assert [len(one["hosts"]) for one in found.findings] == ([49] if "only_here" in text else [])
