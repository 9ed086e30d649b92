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
