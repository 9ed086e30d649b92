# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run does with plays, failures, handlers, items and plan mode."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from jetpack_core.contracts.operations import Run, Write
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


def test_items_each_count_and_the_first_failure_ends_the_loop(play: Play, world: World) -> None:
    world("a").files |= {"/1": b"", "/3": b""}
    text = """
- name: one
  groups: [web]
  tasks:
    - !look {path: "/{{ item }}", with: {items: [1, 2, 3]}}
"""
    ran = play(text)
    assert [(result.item, result.item_index, result.status.value) for result in ran.results("a")] == [
        (1, 0, "passive"),
        (2, 1, "failed"),
    ]


def test_ignored_failures_go_on_with_the_next_item_and_task(play: Play, world: World) -> None:
    world("a").files["/2"] = b""
    text = """
- name: one
  groups: [web]
  tasks:
    - !look {path: "/{{ item }}", with: {items: [1, 2]}, and: {ignore_errors: true}}
    - !do {cmd: [on]}
"""
    ran = play(text)
    assert [status for _, status in ran.statuses("a")] == ["ignored", "passive", "executed"]
    assert ran.code == 0


def test_an_empty_list_of_items_skips(play: Play) -> None:
    ran = play("- {name: p, groups: [web], vars: {l: []}, tasks: [!do {cmd: [x], with: {items: l}}]}")
    assert [status for _, status in ran.statuses("a")] == ["skipped"]


def test_item_is_gone_after_the_loop(play: Play) -> None:
    text = """
- name: one
  groups: [web]
  tasks:
    - !do {cmd: ["{{ item }}"], with: {items: [x]}}
    - !do {cmd: ["{{ item }}"]}
"""
    ran = play(text)
    assert [status for _, status in ran.statuses("a")] == ["executed", "failed"]
    assert "'item' is undefined" in ran.results("a")[1].msg or "item" in ran.results("a")[1].msg


def test_two_items_that_edit_one_file_lose_no_update(play: Play, world: World) -> None:
    text = '- {name: p, groups: [web], tasks: [!append {path: /f, line: "{{ item }}", with: {items: [1, 2, 3]}}]}'
    ran = play(text)
    assert world("a").files["/f"] == b"1\n2\n3\n"
    assert [status for _, status in ran.statuses("a")] == ["modified"] * 3


def test_a_condition_on_the_item_is_asked_per_item_any_other_once(play: Play, world: World) -> None:
    text = """
- name: one
  groups: [web]
  vars: {on: false}
  tasks:
    - !do {cmd: ["{{ item }}"], with: {items: [1, 2, 3], condition: item != 2}}
    - !do {cmd: ["{{ item }}"], with: {items: [1, 2], condition: on}}
"""
    ran = play(text)
    assert world("a").ran == [("1",), ("3",)]
    assert [status for _, status in ran.statuses("a")] == ["executed", "skipped", "executed", "skipped"]


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


def test_saved_results_are_variables_and_replace(play: Play, world: World) -> None:
    text = """
- name: one
  groups: [web]
  tasks:
    - !do {cmd: [echo, hi], save: said}
    - !keep {path: /f, text: "{{ said.out }}"}
- name: two
  groups: [web]
  tasks:
    - !keep {path: /g, text: "{{ said.rc }}"}
"""
    play(text)
    assert world("a").files == {"/f": b"echo hi", "/g": b"0"}


def test_a_looped_task_saves_every_result(play: Play, world: World) -> None:
    text = """
- name: one
  groups: [web]
  tasks:
    - !do {cmd: ["{{ item }}"], save: said, with: {items: [x, y]}}
    - !keep {path: /f, text: "{{ said.out }} {{ said.results | map(attribute='out') | join('+') }}"}
"""
    play(text)
    assert world("a").files["/f"] == b"y x+y"


def test_text_from_a_host_is_never_a_template(play: Play, world: World) -> None:
    world("a").files["/evil"] = b"{{ 6 * 7 }}"
    text = """
- name: one
  groups: [web]
  tasks:
    - !look {path: /evil, save: evil}
    - !keep {path: /f, text: "{{ evil.text }}"}
    - !keep {path: /g, text: "{{ item }}", with: {items: "[evil.text]"}}
"""
    play(text)
    assert world("a").files["/f"] == b"{{ 6 * 7 }}"
    assert world("a").files["/g"] == b"{{ 6 * 7 }}"


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


class TestPlanMode:
    """Nothing changes, and what is said comes true."""

    def test_it_changes_nothing_and_says_what_would_change(self, play: Play, world: World) -> None:
        text = """
- name: one
  groups: [web]
  tasks:
    - !keep {path: /a, text: x}
    - !do {cmd: [run]}
    - !do {cmd: [quiet], quiet: true}
"""
        planned = play(text, planning=True)
        assert world("a").files == {}
        assert not any(isinstance(operation, Write | Run) for frame in world("a").frames for operation in frame)
        assert all(result.planned for result in planned.results("a"))
        assert planned.statuses("a") == play(text).statuses("a")

    def test_later_plans_read_what_earlier_tasks_would_make(self, play: Play) -> None:
        text = """
- name: one
  groups: [web]
  tasks:
    - !keep {path: /a, text: "x\\n"}
    - !append {path: /a, line: y}
    - !append {path: /a, line: x}
    - !keep {path: /a, remove: true}
    - !keep {path: /a, text: again}
"""
        planned = play(text, planning=True)
        assert planned.statuses("a") == play(text).statuses("a")
        assert [status for _, status in planned.statuses("a")] == [
            "created",
            "modified",
            "matched",
            "removed",
            "created",
        ]

    def test_results_of_what_did_not_run_are_unknown_and_spread(self, play: Play) -> None:
        text = """
- name: one
  groups: [web]
  tasks:
    - !do {cmd: [count], save: n}
    - !keep {path: /f, text: "{{ n.out }}"}
    - !keep {path: /g, text: x, with: {condition: n.rc == 0}}
    - !keep {path: /h, text: "{{ n is defined }}"}
    - !keep {path: /i, text: fine}
"""
        planned = play(text, planning=True)
        assert [status for _, status in planned.statuses("a")] == ["executed", *["unknown"] * 3, "created"]
        assert "only the task" in planned.results("a")[1].msg
        assert planned.code == 0

    def test_a_task_that_may_be_skipped_saves_what_is_unknown(self, play: Play) -> None:
        text = """
- name: one
  groups: [web]
  tasks:
    - !do {cmd: [count], save: n}
    - !do {cmd: [x], save: by_condition, with: {condition: n.rc == 0}}
    - !keep {path: /f, text: "{{ by_condition.out }}"}
    - !do {cmd: ["{{ n.out }}"], save: by_parameter}
    - !keep {path: /g, text: "{{ by_parameter.out }}"}
    - !do {cmd: [x], save: by_items, with: {items: n.results}}
    - !keep {path: /h, text: "{{ by_items.out }}"}
"""
        planned = play(text, planning=True)
        assert [status for _, status in planned.statuses("a")] == ["executed", *["unknown"] * 6]
        assert planned.code == 0

    def test_a_loop_that_ran_in_part_saves_what_is_unknown_in_part(self, play: Play) -> None:
        text = """
- name: one
  groups: [web]
  tasks:
    - !do {cmd: ["{{ item }}"], save: n, read_only: "{{ item == 'y' }}", with: {items: [y, x]}}
    - !keep {path: /f, text: "{{ n.out }}"}
"""
        planned = play(text, planning=True)
        assert [status for _, status in planned.statuses("a")] == ["executed", "executed", "unknown"]

    def test_a_failure_an_earlier_change_could_mend_is_unknown(self, play: Play) -> None:
        text = "- {name: p, groups: [web], tasks: [!do {cmd: [make]}, !look {path: /made}]}"
        planned = play(text, planning=True)
        assert [status for _, status in planned.statuses("a")] == ["executed", "unknown"]

    def test_a_failure_nothing_could_mend_is_a_failure(self, play: Play) -> None:
        planned = play("- {name: p, groups: [web], tasks: [!look {path: /none}]}", planning=True)
        assert [status for _, status in planned.statuses("a")] == ["failed"]
        assert planned.code == 2

    def test_a_command_that_only_reads_runs(self, play: Play, world: World) -> None:
        text = """
- name: one
  groups: [web]
  tasks:
    - !do {cmd: [count], save: n, read_only: true}
    - !keep {path: /f, text: "{{ n.out }}"}
"""
        planned = play(text, planning=True)
        assert world("a").ran == [("count",)]
        assert [status for _, status in planned.statuses("a")] == ["executed", "created"]

    def test_would_changes_notify_and_handlers_are_planned(self, play: Play, world: World) -> None:
        text = """
- name: one
  groups: [web]
  tasks:
    - !keep {path: /a, text: x, and: {notify: sure}}
    - !do {cmd: [count], save: n}
    - !keep {path: /b, text: "{{ n.out }}", and: {notify: maybe}}
  handlers:
    - !do {cmd: [one], with: {subscribe: sure}}
    - !do {cmd: [two], with: {subscribe: maybe}}
"""
        planned = play(text, planning=True)
        handlers = [result.status.value for result in planned.results("a") if result.handler]
        assert handlers == ["executed", "unknown"]
        assert world("a").ran == []

    def test_changes_can_be_an_exit_code(self, play: Play) -> None:
        text = "- {name: p, groups: [web], tasks: [!keep {path: /a, text: x}]}"
        assert play(text, planning=True, exit_on_change=True).code == 3
        play(text)
        assert play(text, planning=True, exit_on_change=True).code == 0


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


def test_what_looks_at_the_host_after_a_planned_change_is_unknown(play: Play, world: World) -> None:
    text = """
- name: one
  groups: [web]
  tasks:
    - !keep {path: /a, text: x}
    - !do {cmd: [count], save: n, read_only: true}
"""
    planned = play(text, planning=True)
    assert [status for _, status in planned.statuses("a")] == ["created", "unknown"]
    assert world("a").ran == []


def test_a_mapping_of_items_is_looped_over_by_key_and_value(play: Play, world: World) -> None:
    text = """
- name: one
  groups: [web]
  vars: {colour: red, known: {x: 1, y: 2}}
  tasks:
    - !do {cmd: ["{{ item.key }}={{ item.value }}"], with: {items: known}}
    - !do {cmd: ["{{ item.key }}={{ item.value }}"], with: {items: {a: "{{ colour }}"}}}
"""
    play(text)
    assert world("a").ran == [("x=1",), ("y=2",), ("a=red",)]


def test_the_first_name_of_condition_works(play: Play) -> None:
    ran = play("- {name: p, groups: [web], tasks: [!do {cmd: [x], with: {cond: (eq 1 2)}}]}")
    assert [status for _, status in ran.statuses("a")] == ["skipped"]
