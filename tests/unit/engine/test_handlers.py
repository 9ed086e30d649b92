# SPDX-License-Identifier: GPL-3.0-or-later
"""Handlers, roles, tags and the ways a run ends, each with the others."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from jetpack_core.events import HandlerNotified, RunFinished, TaskFinished
from tests.unit.engine.conftest import Play
from tests.unit.engine.memory import MemoryConnection, MemoryHost

World = Callable[[str], MemoryHost]


def role(folder: Path, name: str, tasks: str, handlers: str = "", **keys: object) -> None:
    """Write a role."""
    path = folder / "roles" / name
    for kind in ("tasks", "handlers"):
        (path / kind).mkdir(parents=True)
    (path / "role.yml").write_text(json.dumps({"tasks": ["main.yml"], "handlers": ["main.yml"], **keys}))
    (path / "tasks" / "main.yml").write_text(tasks)
    (path / "handlers" / "main.yml").write_text(handlers or "[]")


@pytest.fixture
def two_roles(tmp_path: Path) -> None:
    """Write a role that depends on another one; both have handlers."""
    role(
        tmp_path,
        "base",
        '- !do {cmd: [base, "{{ x | default(0) }}"], and: {notify: changed}}\n',
        '- !do {cmd: [base handler, "{{ x | default(0) }}"], with: {subscribe: changed}}\n',
        defaults={"x": 1},
    )
    role(
        tmp_path,
        "site",
        '- !do {cmd: [site, "{{ x | default(0) }}"], and: {notify: [changed, own]}}\n'
        "- !do {cmd: [deep], with: {tags: [deep]}, and: {notify: own}}\n",
        '- !do {cmd: [site handler, "{{ x | default(0) }}"], with: {subscribe: own}}\n',
        dependencies=["base"],
    )


@pytest.mark.usefixtures("two_roles")
def test_dependencies_roles_tasks_then_handlers_of_roles_and_play_in_order(play: Play, world: World) -> None:
    text = """
- name: one
  groups: [web]
  roles: [{role: site, vars: {x: 2}, tags: [s]}]
  tasks:
    - !do {cmd: [task, "{{ x | default(0) }}"], with: {tags: [t]}, and: {notify: own}}
  handlers:
    - !do {cmd: [play handler], with: {subscribe: changed}}
"""
    play(text)
    assert world("a").ran == [
        ("base", "1"),
        ("site", "2"),
        ("deep",),
        ("task", "0"),
        ("base handler", "1"),
        ("site handler", "2"),
        ("play handler",),
    ]


@pytest.mark.usefixtures("two_roles")
@pytest.mark.parametrize(
    ("tag", "expected"),
    [
        ("s", ["base", "site", "deep", "base handler", "site handler"]),
        ("deep", ["deep", "site handler"]),
        ("t", ["task", "site handler"]),
    ],
)
def test_tags_of_roles_reach_their_dependencies_and_handlers_follow_changes(
    play: Play, world: World, tag: str, expected: list[str]
) -> None:
    text = """
- name: one
  groups: [web]
  roles: [{role: site, tags: [s]}]
  tasks:
    - !do {cmd: [task], with: {tags: [t]}, and: {notify: own}}
"""
    play(text, tags=frozenset({tag}))
    assert [argv[0] for argv in world("a").ran] == expected


def test_items_notify_when_any_of_them_changed(play: Play, world: World) -> None:
    world("a").files |= {"/1": b"x", "/2": b"x"}
    text = """
- name: one
  groups: [web]
  tasks:
    - !keep {path: "/{{ item }}", text: x, with: {items: [1, 2, 3]}, and: {notify: "h{{ item }}"}}
  handlers:
    - !do {cmd: [one], with: {subscribe: h1}}
    - !do {cmd: [three], with: {subscribe: h3}}
"""
    ran = play(text)
    assert world("a").ran == [("three",)]
    assert [event.name for event in ran.of(HandlerNotified)] == ["h3"]


def test_a_handler_that_fails_takes_its_host_out_and_leaves_the_other_handlers(play: Play, world: World) -> None:
    world("b").files["/here"] = b""
    text = """
- name: one
  groups: [web]
  tasks: [!do {cmd: [t], and: {notify: h}}]
  handlers:
    - !look {path: /here, with: {subscribe: h}}
    - !do {cmd: [second], with: {subscribe: h}}
- name: two
  groups: [web]
  tasks: [!do {cmd: [later]}]
"""
    ran = play(text, ["a", "b"])
    assert world("a").ran == [("t",)]
    assert world("b").ran == [("t",), ("second",), ("later",)]
    assert ran.code == 2


def test_an_ignored_failure_notifies_nobody_and_a_retried_success_does(play: Play, world: World) -> None:
    text = """
- name: one
  groups: [web]
  tasks:
    - !do {cmd: [fail], and: {notify: h, ignore_errors: true}}
    - !do {cmd: [quiet], quiet: true, and: {notify: h}}
  handlers:
    - !do {cmd: [h], with: {subscribe: h}}
"""
    play(text)
    assert world("a").ran == [("fail",), ("quiet",)]


@pytest.mark.parametrize("strategy", ["linear", "free"])
@pytest.mark.parametrize(
    ("limit", "batches", "reached"),
    [("1", 1, 2), ("2", 2, 4), ("3", 3, 6), ('"25%"', 2, 4), ('"50%"', 4, 8), ('"100%"', 4, 8)],
)
def test_a_rolling_run_stops_once_too_many_failed(
    play: Play, world: World, strategy: str, limit: str, batches: int, reached: int
) -> None:
    hosts = [f"h{number}" for number in range(8)]
    for name in hosts[1::2]:
        world(name).files["/here"] = b""
    text = f"""
- name: one
  groups: [web]
  strategy: {strategy}
  batch_size: 2
  max_failures: {limit}
  tasks:
    - !do {{cmd: [begin]}}
    - !look {{path: /here}}
    - !meet {{}}
"""
    ran = play(text, hosts)
    assert sum(("begin",) in world(name).ran for name in hosts) == reached
    (finished,) = ran.of(RunFinished)
    assert sum("failed" in counts for counts in finished.hosts.values()) == batches
    assert bool(finished.error) == (limit != '"100%"')
    assert ran.code == 2


@pytest.mark.parametrize("limit", ["0", "-1", '"0%"', '"101%"', "many"])
@pytest.mark.parametrize("key", ["max_failures", "batch_size"])
def test_amounts_that_mean_nothing_are_refused(play: Play, key: str, limit: str) -> None:
    with pytest.raises(Exception, match=key):
        play(f"- {{name: p, groups: [web], {key}: {limit}}}")


def test_in_the_free_strategy_every_task_is_summed_up_once(play: Play, world: World) -> None:
    world("b").files["/here"] = b""
    text = """
- name: one
  groups: [web]
  strategy: free
  tasks:
    - !do {name: first, cmd: [x]}
    - !look {name: second, path: /here}
    - !do {name: third, cmd: [x]}
"""
    ran = play(text, ["a", "b"])
    found = {event.task: dict(event.statuses) for event in ran.of(TaskFinished)}
    assert found == {"first": {"executed": 2}, "second": {"failed": 1, "passive": 1}, "third": {"executed": 1}}


def test_an_interrupt_ends_the_run_with_its_summary_and_closed_connections(
    play: Play, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    execute = MemoryConnection.execute
    under_way = threading.Semaphore(0)

    async def slow(self: MemoryConnection, frame: object) -> object:
        import asyncio

        result = await execute(self, frame)  # type: ignore[arg-type]
        if self.host.ran:
            under_way.release()
            await asyncio.sleep(300)
        return result

    def interrupt() -> None:
        for _ in range(2):
            assert under_way.acquire(timeout=100)
        os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(MemoryConnection, "execute", slow)
    began = time.monotonic()
    thread = threading.Thread(target=interrupt)
    thread.start()
    ran = play("- {name: p, groups: [web], tasks: [!do {cmd: [x]}, !do {cmd: [y]}]}", ["a", "b"])
    thread.join()
    (finished,) = ran.of(RunFinished)
    assert (ran.code, finished.interrupted) == (130, True)
    assert time.monotonic() - began < 100
    assert (world("a").closed, world("b").closed) == (1, 1)


@pytest.mark.parametrize("strategy", ["linear", "free"])
@pytest.mark.parametrize(("mode", "status"), [("loose", "passive"), ("strict", "failed")])
def test_waiting_for_others_may_insist_on_all_of_them(
    play: Play, world: World, strategy: str, mode: str, status: str
) -> None:
    world("b").files["/here"] = world("c").files["/here"] = b""
    text = f"""
- name: one
  groups: [web]
  strategy: {strategy}
  tasks:
    - !look {{path: /here}}
    - !wait_for_others {{mode: {mode}}}
"""
    ran = play(text, ["a", "b", "c"])
    assert [ran.statuses(name)[-1][1] for name in "abc"] == ["failed", status, status]
    assert (mode == "strict") == ("a left the run" in ran.results("b")[-1].msg)
