# SPDX-License-Identifier: GPL-3.0-or-later
"""What a task saves is a variable of its host from then on, and data for ever."""

from __future__ import annotations

from collections.abc import Callable

from tests.unit.engine.conftest import Play
from tests.unit.engine.memory import MemoryHost

World = Callable[[str], MemoryHost]


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
