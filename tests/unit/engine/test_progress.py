# SPDX-License-Identifier: GPL-3.0-or-later
"""How far a transfer is: told by modules, from threads and by what their commands print."""

from __future__ import annotations

import asyncio

import pytest

from jetpack_core.engine import progress_report
from jetpack_core.engine.event_stream import EventStream
from jetpack_core.engine.progress_report import ProgressReport
from jetpack_core.events import HostProgress
from jetpack_core.testing.host import TestHost
from tests.unit.engine.conftest import Recorder

FAR = 3600.0


def told(times: int, monkeypatch: pytest.MonkeyPatch, interval: float) -> list[tuple[str, str, int, int | None]]:
    """Tell so often, from a thread, and return what became of it."""
    monkeypatch.setattr(progress_report, "_INTERVAL", interval)
    recorder = Recorder()

    async def run() -> None:
        report = ProgressReport(EventStream([recorder]), "web1")

        def tell() -> None:
            for done in range(times):
                report("fetch it", done, 100)

        await asyncio.to_thread(tell)

    asyncio.run(run())
    events = [event for event in recorder.events if isinstance(event, HostProgress)]
    return [(event.host, event.task, event.done, event.total) for event in events]


def test_what_a_thread_tells_becomes_an_event(monkeypatch: pytest.MonkeyPatch) -> None:
    assert told(2, monkeypatch, 0.0) == [("web1", "fetch it", 0, 100), ("web1", "fetch it", 1, 100)]


def test_no_more_events_than_anybody_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(told(1000, monkeypatch, FAR)) == 1


def test_the_first_word_of_another_task_is_not_withheld(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress_report, "_INTERVAL", FAR)
    recorder = Recorder()

    async def run() -> None:
        report = ProgressReport(EventStream([recorder]), "web1")
        for task in ("fetch it", "fetch it", "fetch more", "fetch more"):
            report(task, 1, 100)
        await asyncio.sleep(0)

    asyncio.run(run())
    told_of = [event.task for event in recorder.events if isinstance(event, HostProgress)]
    assert told_of == ["fetch it", "fetch more"]


def test_a_module_hears_what_its_command_prints() -> None:
    heard: list[tuple[str, bytes]] = []
    script = "echo out; echo err >&2"
    with TestHost() as host:
        said = host.ask(host.run(["sh", "-c", script], listen=lambda stream, data: heard.append((stream, data))))
    assert (said.stdout, said.stderr) == ("out\n", "err\n")
    assert sorted(heard) == [("stderr", b"err\n"), ("stdout", b"out\n")]
