# SPDX-License-Identifier: GPL-3.0-or-later
"""Tasks that act on another host than the one they are for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.unit.engine.conftest import Play, Ran
from tests.unit.engine.memory import MemoryHost

World = Callable[[str], MemoryHost]
MANY = [f"h{number:02}" for number in range(30)]


def counted(ran: Ran) -> Counter[tuple[str, str]]:
    """Return how often each task ended how."""
    return Counter(pair for host in MANY for pair in ran.statuses(host))


@pytest.mark.parametrize("strategy", ["linear", "free"])
def test_many_hosts_change_one_file_of_one_delegate_and_lose_nothing(play: Play, world: World, strategy: str) -> None:
    text = f"""
- name: one
  groups: [web]
  strategy: {strategy}
  tasks:
    - !append {{path: /hosts, line: "{{{{ inventory_hostname }}}}", with: {{delegate_to: lb}}}}
"""
    ran = play(text, [*MANY, "lb"], limit_hosts=tuple(MANY))
    assert sorted(world("lb").files["/hosts"].decode().split()) == MANY
    assert ran.code == 0


@pytest.mark.parametrize("strategy", ["linear", "free"])
def test_plan_mode_says_how_often_a_delegate_would_change(play: Play, strategy: str) -> None:
    text = f"""
- name: one
  groups: [web]
  strategy: {strategy}
  tasks:
    - !keep {{path: /x, text: hi, with: {{delegate_to: lb}}}}
    - !append {{name: more, path: /x, line: hi, with: {{delegate_to: lb}}}}
"""
    planned = play(text, [*MANY, "lb"], limit_hosts=tuple(MANY), planning=True)
    assert counted(planned)["keep", "created"] == 1
    assert counted(planned) == counted(play(text, [*MANY, "lb"], limit_hosts=tuple(MANY)))


def test_plan_mode_sees_what_another_host_would_change_on_a_delegate(play: Play, world: World) -> None:
    world("lb").files["/f"] = b"y"
    text = """
- name: p
  groups: [web]
  tasks:
    - !look {path: /here}
    - !keep {path: /f, text: x, with: {delegate_to: lb, condition: inventory_hostname == "a"}}
    - !keep {path: /f, text: y, with: {delegate_to: lb, condition: inventory_hostname == "b"}}
"""
    world("a").files["/here"] = world("b").files["/here"] = b""
    planned = play(text, ["a", "b", "lb"], planning=True).statuses("b")
    assert planned == play(text, ["a", "b", "lb"]).statuses("b")
    assert planned[-1][1] == "modified"


def test_each_item_may_have_its_own_delegate(play: Play, world: World) -> None:
    text = """
- name: one
  groups: [web]
  tasks:
    - !do {cmd: ["{{ delegate_host }}{{ item_index }}"], with: {items: [b, c], delegate_to: "{{ item }}"}}
"""
    ran = play(text, ["a", "b", "c"], limit_hosts=("a",))
    assert (world("b").ran, world("c").ran) == ([("a0",)], [("a1",)])
    assert [result.delegate for result in ran.results("a")] == ["b", "c"]


def test_delegating_to_the_host_itself_is_nothing_special(play: Play, world: World) -> None:
    text = "- {name: p, groups: [web], tasks: [!do {cmd: [x], with: {delegate_to: '{{ inventory_hostname }}'}}]}"
    ran = play(text, ["a"])
    assert world("a").ran == [("x",)]
    assert ran.results("a")[0].delegate == ""


def test_localhost_is_allowed_by_the_flag(play: Play, world: World, tmp_path: Path) -> None:
    text = f"""
- name: one
  groups: [web]
  tasks:
    - !copy {{dest: "{tmp_path}/{{{{ inventory_hostname }}}}", content: x, with: {{delegate_to: localhost}}}}
"""
    ran = play(text, ["a", "b"], allow_localhost_delegation=True)
    assert ran.code == 0
    assert (tmp_path / "a").read_text() == (tmp_path / "b").read_text() == "x"
    assert world("a").frames == []


def test_what_many_hosts_delegate_to_this_machine_runs_side_by_side(play: Play, tmp_path: Path) -> None:
    # Each ends only once all of them have begun.
    meet = "touch $1/$2; for i in $(seq 600); do set -- $1 $2 $1/*; [ $# -lt 14 ] || exit 0; sleep 0.1; done; exit 1"
    words = ["sh", "-c", meet, "sh", str(tmp_path), "{{ inventory_hostname }}"]
    text = f"- {{name: p, groups: [web], tasks: [!command {{cmd: {words}, with: {{delegate_to: localhost}}}}]}}"
    ran = play(text, MANY[:12], allow_localhost_delegation=True)
    assert ran.code == 0


def test_handlers_of_a_delegated_change_run_for_the_original_host(play: Play, world: World) -> None:
    text = """
- name: one
  groups: [web]
  tasks:
    - !keep {path: /x, text: "1", with: {delegate_to: b}, and: {notify: h}}
  handlers:
    - !do {cmd: ["own {{ inventory_hostname }}"], with: {subscribe: h}}
    - !do {cmd: ["there {{ delegate_host }}"], with: {subscribe: h, delegate_to: b}}
"""
    play(text, ["a", "b"], limit_hosts=("a",))
    assert world("a").ran == [("own a",)]
    assert world("b").ran == [("there a",)]


def test_an_unreachable_delegate_fails_the_task_and_can_be_ignored(play: Play, world: World) -> None:
    world("b").down = True
    text = """
- name: one
  groups: [web]
  tasks:
    - !do {cmd: [x], with: {delegate_to: b}, and: {ignore_errors: true}}
    - !do {cmd: [y]}
    - !do {cmd: [z], with: {delegate_to: b}}
"""
    ran = play(text, ["a", "b"], limit_hosts=("a",))
    assert [status for _, status in ran.statuses("a")] == ["ignored", "executed", "failed"]
    assert "b, to which the task is delegated: connection refused" in ran.results("a")[-1].msg
    assert ran.code == 2


def test_a_delegate_that_failed_itself_can_still_be_acted_on(play: Play, world: World) -> None:
    text = """
- name: one
  groups: [web]
  tasks:
    - !look {path: /none, with: {condition: inventory_hostname == "b"}}
    - !do {cmd: [drain], with: {delegate_to: b}}
"""
    ran = play(text, ["a", "b"])
    assert [status for _, status in ran.statuses("a")] == ["skipped", "executed"]
    assert world("b").ran == [("drain",)]


def test_facts_and_results_stay_with_the_original_host(play: Play, world: World) -> None:
    world("b").files["/f"] = b"of b"
    text = """
- name: one
  groups: [web]
  tasks:
    - !look {path: /f, save: found, with: {delegate_to: b, condition: inventory_hostname == "a"}}
    - !do {cmd: ["{{ found.text if found is defined else 'nothing' }}"]}
"""
    play(text, ["a", "b"])
    assert (world("a").ran, world("b").ran) == ([("of b",)], [("nothing",)])
