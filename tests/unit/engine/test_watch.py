# SPDX-License-Identifier: GPL-3.0-or-later
"""Tasks that take long are reported, and watching costs one timer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import pytest

from jetpack_core.engine.event_stream import EventStream
from jetpack_core.engine.watch import Watch
from jetpack_core.events import HostWaiting
from tests.unit.engine.conftest import Play, Recorder
from tests.unit.engine.memory import MemoryConnection

_PATIENCE = 30


async def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _PATIENCE
    while not condition() and time.monotonic() < deadline:  # noqa: ASYNC110 - views have no events to wait for
        await asyncio.sleep(0.01)
    assert condition()


def test_what_takes_long_is_reported_again_and_again() -> None:
    recorder = Recorder()

    async def run() -> None:
        watch = Watch(EventStream([recorder]), notice=0.05)
        watch.end(watch.begin("a", "short"))
        long = watch.begin("a", "long")
        other = watch.begin("b", "other")
        await until(lambda: len(recorder.events) >= 6)
        watch.end(long)
        watch.end(other)

    asyncio.run(run())
    told = [event for event in recorder.events if isinstance(event, HostWaiting)]
    assert [one.task for one in told[:6]] == ["long", "other"] * 3
    assert [one.host for one in told[:2]] == ["a", "b"]
    assert [round(one.seconds, 2) for one in told[:6:2]] == [0.05, 0.1, 0.15]


def test_what_ended_is_not_reported_and_what_begins_later_is() -> None:
    recorder = Recorder()

    async def run() -> None:
        watch = Watch(EventStream([recorder]), notice=0.05)
        watch.end(watch.begin("a", "first"))
        await asyncio.sleep(0.2)
        assert not recorder.events
        second = watch.begin("a", "second")
        await until(lambda: bool(recorder.events))
        watch.end(second)
        number = len(recorder.events)
        await asyncio.sleep(0.2)
        assert len(recorder.events) == number

    asyncio.run(run())
    assert {event.task for event in recorder.events if isinstance(event, HostWaiting)} == {"second"}


def test_many_tasks_need_one_timer() -> None:
    async def run() -> int:
        loop = asyncio.get_running_loop()
        timers = 0
        call_later = loop.call_later

        def count(*arguments: object) -> object:
            nonlocal timers
            timers += 1
            return call_later(*arguments)  # type: ignore[arg-type]

        loop.call_later = count  # type: ignore[method-assign, assignment]
        watch = Watch(EventStream([]))
        begun = [watch.begin("a", str(number)) for number in range(100)]
        for one in begun:
            watch.end(one)
        watch.end(watch.begin("a", "later"))
        return timers

    assert asyncio.run(run()) == 1


def test_a_run_reports_a_host_that_does_not_answer(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = MemoryConnection.execute

    async def answer_late(self: MemoryConnection, frame: object) -> object:
        await asyncio.sleep(0.5)
        return await answer(self, frame)  # type: ignore[arg-type]

    monkeypatch.setattr(MemoryConnection, "execute", answer_late)
    monkeypatch.setattr(Watch.__init__, "__defaults__", (0.02,))
    tasks = "    - !command\n      name: slow\n      cmd: [run]\n"
    ran = play(f"- name: p\n  groups: [web]\n  tasks:\n{tasks}", hosts=("a", "b"))
    told = ran.of(HostWaiting)
    assert {(one.host, one.task) for one in told} == {("a", "slow"), ("b", "slow")}
