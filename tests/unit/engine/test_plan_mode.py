# SPDX-License-Identifier: GPL-3.0-or-later
"""Plan mode changes nothing, and says what a run would do or that only a run can tell."""

from __future__ import annotations

from collections.abc import Callable

from jetpack_core.contracts.operations import Run, Write
from tests.unit.engine.conftest import Play
from tests.unit.engine.memory import MemoryHost

World = Callable[[str], MemoryHost]


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

    def test_what_looks_at_nothing_is_known_after_a_change_too(self, play: Play) -> None:
        text = """
- name: one
  groups: [web]
  tasks:
    - !keep {path: /a, text: x}
    - !pause {seconds: 900}
    - !wait_for_others {}
"""
        planned = play(text, planning=True)
        assert [status for _, status in planned.statuses("a")] == ["created", "passive", "passive"]

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
