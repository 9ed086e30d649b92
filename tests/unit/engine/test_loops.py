# SPDX-License-Identifier: GPL-3.0-or-later
"""Tasks with items: what each of them sees, and what becomes of the others."""

from __future__ import annotations

from collections.abc import Callable

from tests.unit.engine.conftest import Play
from tests.unit.engine.memory import MemoryHost

World = Callable[[str], MemoryHost]


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


def test_items_that_travel_together_share_the_time(play: Play) -> None:
    task = '!keep {path: "/{{ item }}", text: x, with: {items: [1, 2, 3, 4, 5, 6, 7, 8]}}'
    ran = play(f"- {{name: p, groups: [web], tasks: [{task}]}}")
    times = [result.duration for result in ran.results("a")]
    assert len(times) == 8
    assert len(set(times)) == 1
    assert sum(times) <= ran.events[-1].elapsed


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
    # No item goes along with one before it only to be refused: one round trip each, besides that of the plans.
    assert len(world("a").frames) == 4


MAKE = """
- name: p
  groups: [web]
  tasks:
    - !make {path: "/{{ item }}", fails: "{{ item == 3 }}", with: {items: [1, 2, 3, 4, 5]}%s}
"""


def test_items_that_are_made_by_commands_share_a_frame_that_ends_with_the_first_failure(
    play: Play, world: World
) -> None:
    ran = play(MAKE % "")
    assert [status for _, status in ran.statuses("a")] == ["created", "created", "failed"]
    assert ran.results("a")[2].msg == "it was made, and that was all"
    # What failed is not done again, though it was not there when it was planned, and would be found now.
    assert world("a").ran == [("append", "/1", "made"), ("append", "/2", "made"), ("half", "/3", "made")]
    assert len(world("a").frames) == 2


def test_behind_an_ignored_failure_of_a_command_the_other_items_follow(play: Play, world: World) -> None:
    ran = play(MAKE % ", and: {ignore_errors: true}")
    assert [status for _, status in ran.statuses("a")] == ["created", "created", "ignored", "created", "created"]
    assert [argv[1] for argv in world("a").ran] == ["/1", "/2", "/3", "/4", "/5"]


def test_a_command_with_attempts_has_them_one_by_one(play: Play, world: World) -> None:
    ran = play(MAKE % ", and: {retry: 1, delay: 0}")
    assert [status for _, status in ran.statuses("a")] == ["created", "created", "matched", "created", "created"]
    assert ran.results("a")[2].attempt == 2
    assert len(world("a").ran) == 5


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
