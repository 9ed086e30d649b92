# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run does with plays, hosts that fail, handlers, delegation and tags."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from jetpack_core.events import HandlerNotified, HostResult, PlayStarted, RunFinished, TaskRetrying, TaskStarted
from tests.unit.engine.conftest import Play
from tests.unit.engine.memory import MemoryHost

World = Callable[[str], MemoryHost]


def test_a_second_run_finds_everything_matched(play: Play) -> None:
    text = """
- name: files
  groups: [web]
  tasks:
    - !keep {path: /a, text: one}
    - !append {path: /b, line: two}
"""
    first, second = play(text), play(text)
    assert [status for _, status in first.statuses("a")] == ["created", "modified"]
    assert [status for _, status in second.statuses("a")] == ["matched", "matched"]
    assert (first.code, second.code) == (0, 0)


def test_a_failed_host_leaves_the_run_and_the_others_go_on(play: Play, world: World) -> None:
    world("b").files["/here"] = b""
    text = """
- name: one
  groups: [web]
  tasks:
    - !look {path: /here}
    - !keep {path: /a, text: x}
- name: two
  groups: [web]
  tasks:
    - !keep {path: /c, text: x}
"""
    ran = play(text, ["a", "b"])
    assert [status for _, status in ran.statuses("a")] == ["failed"]
    assert [status for _, status in ran.statuses("b")] == ["passive", "created", "created"]
    assert ran.code == 2
    assert [event.hosts for event in ran.of(PlayStarted)] == [("a", "b"), ("b",)]


def test_a_run_stops_when_every_host_failed_and_still_sums_up(play: Play) -> None:
    text = """
- name: one
  groups: [web]
  tasks:
    - !look {path: /none}
- name: two
  groups: [web]
  tasks:
    - !keep {path: /a, text: x}
"""
    ran = play(text, ["a", "b"])
    assert len(ran.of(PlayStarted)) == 1
    (finished,) = ran.of(RunFinished)
    assert "no hosts remain" in finished.error
    assert finished.hosts == {"a": {"failed": 1}, "b": {"failed": 1}}


def test_an_unreachable_host_is_no_failure_of_the_others(play: Play, world: World) -> None:
    world("a").down = True
    ran = play("- {name: p, groups: [web], tasks: [!keep {path: /a, text: x}, !keep {path: /b, text: x}]}", ["a", "b"])
    assert [status for _, status in ran.statuses("a")] == ["unreachable"]
    assert [status for _, status in ran.statuses("b")] == ["created", "created"]
    assert ran.code == 4


def test_a_host_lost_in_the_middle_is_unreachable(play: Play, world: World) -> None:
    world("a").down_after = 1
    ran = play("- {name: p, groups: [web], tasks: [!do {cmd: [x]}, !do {cmd: [y]}]}")
    assert [status for _, status in ran.statuses("a")] == ["executed", "unreachable"]


@pytest.mark.parametrize("strategy", ["linear", "free"])
def test_max_failures_stops_the_run(play: Play, world: World, strategy: str) -> None:
    for name in "cd":
        world(name).files["/here"] = b""
    text = f"""
- name: one
  groups: [web]
  max_failures: 2
  strategy: {strategy}
  tasks:
    - !look {{path: /here}}
    - !meet {{}}
    - !keep {{path: /a, text: x}}
- name: two
  groups: [web]
  tasks:
    - !keep {{path: /b, text: x}}
"""
    ran = play(text, ["a", "b", "c", "d"])
    assert "2 of 4 hosts failed" in ran.of(RunFinished)[0].error
    assert "/b" not in world("c").files
    assert ran.code == 2


def test_handlers_run_once_per_host_after_the_tasks_and_only_on_change(play: Play, world: World) -> None:
    world("b").files |= {"/x": b"1", "/y": b"1"}
    text = """
- name: one
  groups: [web]
  tasks:
    - !keep {path: /x, text: "1", and: {notify: restart}}
    - !keep {path: /y, text: "1", and: {notify: [restart, reload]}}
  handlers:
    - !do {cmd: [reload], with: {subscribe: reload}}
    - !do {cmd: [restart], with: {subscribe: restart}}
    - !do {cmd: [never], with: {subscribe: other}}
"""
    play(text, ["a", "b"])
    assert world("a").ran == [("reload",), ("restart",)]
    assert world("b").ran == []


def test_a_handler_notified_before_a_failure_runs_on_the_hosts_that_did_not_fail(play: Play, world: World) -> None:
    world("b").files["/here"] = b""
    text = """
- name: one
  groups: [web]
  max_failures: 1
  tasks:
    - !keep {path: /x, text: "1", and: {notify: restart}}
    - !look {path: /here}
    - !keep {path: /late, text: "1"}
  handlers:
    - !do {cmd: [restart], with: {subscribe: restart}}
"""
    play(text, ["a", "b"])
    assert world("a").ran == []
    assert world("b").ran == [("restart",)]
    assert "/late" not in world("b").files


def test_a_handler_may_notify_another_one(play: Play, world: World) -> None:
    text = """
- name: one
  groups: [web]
  tasks:
    - !do {cmd: [start], and: {notify: second}}
  handlers:
    - !do {cmd: [one], with: {subscribe: first}, and: {notify: second}}
    - !do {cmd: [two], with: {subscribe: second}, and: {notify: first}}
"""
    ran = play(text)
    assert world("a").ran == [("start",), ("two",), ("one",)]
    assert len(ran.of(HandlerNotified)) == 3


def test_batches_run_one_after_the_other_each_with_its_handlers(play: Play, world: World) -> None:
    text = """
- name: one
  groups: [web]
  batch_size: "50%"
  tasks:
    - !do {cmd: [task], and: {notify: h}}
  handlers:
    - !do {cmd: [handler], with: {subscribe: h}}
"""
    ran = play(text, ["a", "b", "c", "d"])
    assert [event.host for event in ran.of(HostResult)] == ["a", "b", "a", "b", "c", "d", "c", "d"]


def test_a_false_condition_hides_parameters_that_do_not_render(play: Play) -> None:
    ran = play("- {name: p, groups: [web], tasks: [!do {cmd: ['{{ x }}'], with: {condition: x is defined}}]}")
    assert [status for _, status in ran.statuses("a")] == ["skipped"]


def test_skip_if_exists_asks_the_host_acted_on(play: Play, world: World) -> None:
    world("b").files["/there"] = b""
    text = """
- name: one
  groups: [web]
  tasks:
    - !do {cmd: [own], with: {skip_if_exists: /there}}
    - !do {cmd: [delegated], with: {skip_if_exists: /there, delegate_to: b}}
"""
    ran = play(text, ["a", "b"], limit_hosts=("a",))
    assert [status for _, status in ran.statuses("a")] == ["executed", "skipped"]


def test_retry_plans_again_and_comes_before_ignore_errors(play: Play, world: World) -> None:
    text = """
- name: one
  groups: [web]
  tasks:
    - !do {cmd: [fail], and: {retry: 2, delay: 0, ignore_errors: true}}
"""
    ran = play(text)
    assert world("a").ran == [("fail",)] * 3
    assert len(ran.of(TaskRetrying)) == 2
    assert [(result.status.value, result.attempt) for result in ran.results("a")] == [("ignored", 3)]


def test_a_delegated_task_acts_there_with_the_variables_of_here(play: Play, world: World) -> None:
    text = """
- name: one
  groups: [web]
  tasks:
    - !do
      cmd: [append, /log, "{{ inventory_hostname }}<{{ delegate_host }};"]
      save: done
      with: {delegate_to: b}
    - !do {cmd: ["{{ done.rc }}"]}
"""
    ran = play(text, ["a", "b"], limit_hosts=("a",))
    assert world("b").files["/log"] == b"a<a;"
    assert world("a").ran == [("0",)]
    assert ran.results("a")[0].delegate == "b"


@pytest.mark.parametrize(
    ("target", "message"), [("bb", "no host 'bb'"), ("localhost", "delegating to localhost is not allowed")]
)
def test_a_delegate_that_may_not_be_used_fails_the_task(play: Play, target: str, message: str) -> None:
    ran = play(f"- {{name: p, groups: [web], tasks: [!do {{cmd: [x], with: {{delegate_to: {target}}}}}]}}", ["a", "b"])
    assert all(message in result.msg for result in ran.results("a"))
    assert ran.code == 2


def test_tags_choose_tasks_and_handlers_run_whenever_notified(play: Play, world: World) -> None:
    text = """
- name: one
  groups: [web]
  tasks:
    - !do {cmd: [plain]}
    - !do {cmd: [tagged], with: {tags: [t]}, and: {notify: h}}
  handlers:
    - !do {cmd: [handler], with: {subscribe: h}}
"""
    play(text, tags=frozenset({"t"}))
    assert world("a").ran == [("tagged",), ("handler",)]


def test_a_module_that_breaks_fails_its_task_only_there(play: Play) -> None:
    ran = play("- {name: p, groups: [web], tasks: [!broken {}]}")
    (result,) = ran.results("a")
    assert result.status.value == "failed"
    assert "!broken broke: KeyError" in result.msg
    assert ran.code == 2


def test_hosts_meet_at_a_barrier_in_the_free_strategy(play: Play, world: World) -> None:
    world("c").files["/here"] = b""
    text = """
- name: one
  groups: [web]
  strategy: free
  tasks:
    - !do {cmd: [before]}
    - !look {path: /here, and: {ignore_errors: true}}
    - !meet {}
    - !do {cmd: [after]}
"""
    ran = play(text, ["a", "b", "c"])
    order = [event.command for event in ran.events if hasattr(event, "command")]
    del order
    assert all(world(name).ran == [("before",), ("after",)] for name in "abc")


def test_a_wrong_parameter_has_its_own_line_and_the_task_keeps_its(play: Play) -> None:
    text = """
- name: one
  groups: [web]
  tasks:
    - !keep
      path: /a
      remove: "{{ [1] }}"
"""
    ran = play(text, ["a", "b"])
    (started,) = ran.of(TaskStarted)
    places = [(result.line, result.fault_line) for result in ran.of(HostResult)]
    assert (started.line, places) == (5, [(5, 7), (5, 7)])


def test_task_events_name_only_hosts_still_in_the_run(play: Play, world: World) -> None:
    world("b").files["/here"] = b""
    ran = play("- {name: p, groups: [web], tasks: [!look {path: /here}, !do {cmd: [x]}]}", ["a", "b"])
    assert [event.hosts for event in ran.of(TaskStarted)] == [("a", "b"), ("b",)]


def test_connections_are_opened_once_and_closed(play: Play, world: World) -> None:
    text = "- {name: p, groups: [web], tasks: [!do {cmd: [x]}, !do {cmd: [y]}]}"
    play(text + "\n" + text.replace("name: p", "name: q"), ["a"])
    assert (world("a").connected, world("a").closed) == (1, 1)


def test_verify_plans_again_after_each_change(play: Play) -> None:
    ran = play("- {name: p, groups: [web], tasks: [!keep {path: /a, text: x}, !do {cmd: [y]}]}", verify=True)
    assert [status for _, status in ran.statuses("a")] == ["created", "executed"]


def test_the_first_name_of_condition_works(play: Play) -> None:
    ran = play("- {name: p, groups: [web], tasks: [!do {cmd: [x], with: {cond: (eq 1 2)}}]}")
    assert [status for _, status in ran.statuses("a")] == ["skipped"]
