# SPDX-License-Identifier: GPL-3.0-or-later
"""Tasks that one host does for all, and questions that the operator is asked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

import pytest

from jetpack_core.engine.questions import Answer, Ask
from jetpack_core.events import OperatorAnswered, OperatorAsked, PlayFinished, RunFinished, TaskStarted
from tests.unit.engine.conftest import Play
from tests.unit.engine.memory import MemoryHost

World = Callable[[str], MemoryHost]
ONCE = "with: {run_once: true}"


class Operator:
    """Answers as it was told to, and remembers what it was asked."""

    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    async def __call__(self, question: str, choices: Sequence[Answer]) -> Answer:
        self.asked.append(question)
        answer = self.answers.pop(0)
        assert answer in choices
        return answer


def test_the_first_host_acts_for_all_and_all_have_what_it_saved(play: Play, world: World) -> None:
    world("a").files["/here"] = b"from a"
    text = f"""
- name: p
  groups: [web]
  tasks:
    - !look {{path: /here, save: found, {ONCE}}}
    - !keep {{path: /copy, text: "{{{{ found.text }}}}"}}
"""
    ran = play(text, ["a", "b", "c"])
    assert [event.hosts for event in ran.of(TaskStarted)] == [("a",), ("a", "b", "c")]
    assert [world(name).files["/copy"] for name in "abc"] == [b"from a"] * 3
    assert ran.code == 0


@pytest.mark.parametrize("size", [1, 2, 3])
def test_it_is_once_in_the_play_whatever_the_batches(play: Play, world: World, size: int) -> None:
    world("a").files["/here"] = b"from a"
    text = f"""
- name: p
  groups: [web]
  batch_size: {size}
  tasks:
    - !look {{path: /here, save: found, {ONCE}}}
    - !keep {{path: /copy, text: "{{{{ found.text }}}}"}}
"""
    ran = play(text, ["a", "b", "c"])
    assert [event.hosts for event in ran.of(TaskStarted) if event.module == "look"] == [("a",)]
    assert [world(name).files["/copy"] for name in "abc"] == [b"from a"] * 3


@pytest.mark.parametrize("size", [1, 2, 3, 4])
def test_where_it_is_off_every_host_acts_whatever_the_batches(play: Play, world: World, size: int) -> None:
    task = "!keep {path: /a, text: x, with: {run_once: false}}"
    text = f"- {{name: p, groups: [web], batch_size: {size}, tasks: [{task}]}}"
    assert play(text, ["a", "b", "c", "d"]).code == 0
    assert [name for name in "abcd" if "/a" in world(name).files] == ["a", "b", "c", "d"]


def test_where_it_is_off_a_host_that_fails_ends_nothing_for_others(play: Play, world: World) -> None:
    world("b").files["/1"] = world("c").files["/1"] = world("c").files["/2"] = b""
    off = "with: {run_once: false}"
    tasks = f"!look {{path: /1, {off}}}, !look {{path: /2, {off}}}, !keep {{path: /a, text: x}}"
    play(f"- {{name: p, groups: [web], tasks: [{tasks}]}}", ["a", "b", "c"])
    assert [name for name in "abc" if "/a" in world(name).files] == ["c"]


def test_it_is_the_first_host_that_is_left(play: Play, world: World) -> None:
    world("b").files["/here"] = world("c").files["/here"] = b""
    text = f"- {{name: p, groups: [web], tasks: [!look {{path: /here}}, !keep {{path: /a, text: x, {ONCE}}}]}}"
    play(text, ["a", "b", "c"])
    assert [name for name in "abc" if "/a" in world(name).files] == ["b"]


def test_a_failure_ends_the_run_for_all(play: Play, world: World) -> None:
    text = f"- {{name: p, groups: [web], tasks: [!look {{path: /none, {ONCE}}}, !keep {{path: /a, text: x}}]}}"
    ran = play(text, ["a", "b"])
    assert "/a" not in world("b").files
    (finished,) = ran.of(PlayFinished)
    assert "failed on a, which ran it for all hosts" in finished.stopped
    assert ran.code == 2


def test_a_failure_that_is_ignored_ends_nothing(play: Play, world: World) -> None:
    task = f"!look {{path: /none, {ONCE}, and: {{ignore_errors: true}}}}"
    ran = play(f"- {{name: p, groups: [web], tasks: [{task}, !keep {{path: /a, text: x}}]}}", ["a", "b"])
    assert "/a" in world("b").files
    assert ran.code == 0


def test_in_plan_mode_what_it_would_save_is_unknown_to_all(play: Play) -> None:
    text = f"""
- name: p
  groups: [web]
  tasks:
    - !do {{cmd: [make, token], save: made, {ONCE}}}
    - !keep {{path: /copy, text: "{{{{ made.stdout }}}}"}}
"""
    ran = play(text, ["a", "b"], planning=True)
    assert [status for _, status in ran.statuses("b")] == ["unknown"]


CONFIRM = 'with: {confirm: "Restart?"}'


def test_a_change_is_asked_about_once_for_all_hosts(play: Play, world: World) -> None:
    operator = Operator(Answer.YES)
    text = f"- {{name: p, groups: [web], tasks: [!keep {{path: /a, text: x, {CONFIRM}}}]}}"
    ran = play(text, ["a", "b", "c"], ask=operator)
    assert operator.asked == ["Restart?"]
    assert all("/a" in world(name).files for name in "abc")
    assert [event.question for event in ran.of(OperatorAsked)] == ["Restart?"]
    assert [event.answer for event in ran.of(OperatorAnswered)] == ["yes"]


def test_a_batch_is_asked_about_for_itself(play: Play, world: World) -> None:
    operator = Operator(Answer.YES, Answer.NO)
    text = f"- {{name: p, groups: [web], batch_size: 1, tasks: [!keep {{path: /a, text: x, {CONFIRM}}}]}}"
    ran = play(text, ["a", "b"], ask=operator)
    assert ["/a" in world(name).files for name in "ab"] == [True, False]
    assert ran.statuses("b")[0][1] == "skipped"


def test_nothing_is_asked_where_nothing_would_change(play: Play, world: World) -> None:
    world("a").files["/a"] = b"x"
    operator = Operator()
    play(f"- {{name: p, groups: [web], tasks: [!keep {{path: /a, text: x, {CONFIRM}}}]}}", ask=operator)
    assert operator.asked == []


def test_a_question_that_names_the_host_is_asked_for_each(play: Play) -> None:
    operator = Operator(Answer.NO, Answer.YES)
    text = """
- name: p
  groups: [web]
  tasks:
    - !keep {path: /a, text: x, with: {confirm: "Restart {{ inventory_hostname }}?"}}
"""
    ran = play(text, ["a", "b"], ask=operator)
    assert sorted(operator.asked) == ["Restart a?", "Restart b?"]
    assert sorted(ran.statuses(name)[0][1] for name in "ab") == ["created", "skipped"]


def test_every_item_of_a_loop_is_under_the_question(play: Play, world: World) -> None:
    operator = Operator(Answer.NO)
    text = """
- name: p
  groups: [web]
  tasks:
    - !keep {path: "/{{ item }}", text: x, with: {items: [a, b, c], confirm: "Really?"}}
"""
    play(text, ask=operator)
    assert world("a").files == {}


def test_nobody_to_ask_is_a_failure_that_says_what_to_do(play: Play, world: World) -> None:
    ran = play(f"- {{name: p, groups: [web], tasks: [!keep {{path: /a, text: x, {CONFIRM}}}]}}")
    (result,) = ran.results("a")
    assert "no terminal to ask on: Restart?" in result.msg
    assert "--yes" in result.hint
    assert "/a" not in world("a").files
    assert ran.code == 2


def test_yes_answers_beforehand(play: Play, world: World) -> None:
    play(f"- {{name: p, groups: [web], tasks: [!keep {{path: /a, text: x, {CONFIRM}}}]}}", yes=True)
    assert "/a" in world("a").files


def test_plans_do_not_ask(play: Play) -> None:
    ran = play(f"- {{name: p, groups: [web], tasks: [!keep {{path: /a, text: x, {CONFIRM}}}]}}", planning=True)
    assert ran.statuses("a")[0][1] == "created"


STEPS = """
- name: p
  groups: [web]
  tasks:
    - !keep {path: /a, text: x}
    - !keep {path: /b, text: x}
    - !keep {path: /c, text: x}
"""


@pytest.mark.parametrize("strategy", ["linear", "free"])
@pytest.mark.parametrize(
    ("answers", "made", "code"),
    [
        ((Answer.YES, Answer.NO, Answer.YES), {"/a", "/c"}, 0),
        ((Answer.NO, Answer.ALL), {"/b", "/c"}, 0),
        ((Answer.YES, Answer.QUIT), {"/a"}, 130),
    ],
)
def test_each_step_is_asked_about(
    play: Play, world: World, answers: tuple[Answer, ...], made: set[str], code: int, strategy: str
) -> None:
    operator: Ask = Operator(*answers)
    text = STEPS.replace("  tasks:", f"  strategy: {strategy}\n  tasks:")
    ran = play(text, ["a", "b"], ask=operator, step=True)
    assert set(world("a").files) == set(world("b").files) == made
    assert ran.code == code
    (finished,) = ran.of(RunFinished)
    assert finished.interrupted is (code == 130)


@pytest.mark.parametrize("loop", ["", ", items: '[1, 2]'"])
def test_a_plan_tells_of_the_window_outside_of_which_nothing_would_be_done(play: Play, world: World, loop: str) -> None:
    tomorrow = (datetime.now(UTC) + timedelta(days=2)).strftime("%a 12:00-12:01 UTC")
    text = f"- {{name: p, groups: [web], tasks: [!keep {{path: /a, text: x, with: {{window: {tomorrow}{loop}}}}}]}}"
    ran = play(text, planning=True)
    assert [one.warnings for one in ran.results("a") if one.warnings] == [(f"acts only within {tomorrow}",)]
    assert play(text).statuses("a")[0][1] == "skipped"

    world("a").files["/a"] = b"x"
    assert not any(one.warnings for one in play(text, planning=True).results("a"))
