# SPDX-License-Identifier: GPL-3.0-or-later
"""Transfers in the line at the bottom of a terminal."""

from __future__ import annotations

from io import StringIO

import pytest

from jetpack_core.events import Event, HostProgress, HostResult, PlayStarted, TaskStarted
from jetpack_core.records import Status
from jetpack_core.views.console import ConsoleView
from jetpack_core.views.live import bytes_text
from tests.unit.views.story import shown

RUN: list[Event] = [
    PlayStarted(play="p", hosts=("web1", "web2"), tasks=1),
    TaskStarted(play="p", task="fetch", module="download", hosts=("web1", "web2")),
    HostProgress(host="web1", task="fetch", done=3 << 20, total=10 << 20, time=9.0),
]


def test_the_line_says_how_far_it_is() -> None:
    assert "fetch, 0 of 2 hosts, web1: 3.0 MiB of 10.0 MiB" in shown(RUN, live=True)


def test_the_line_says_how_long_it_takes_where_that_can_be_known() -> None:
    later = HostProgress(host="web1", task="fetch", done=5 << 20, total=10 << 20, time=11.0)
    assert "web1: 5.0 MiB of 10.0 MiB, 5 s left" in shown([*RUN, later], live=True)


def test_the_line_counts_what_changed_and_failed_and_says_how_long_it_has_been() -> None:
    def ended(host: str, status: Status, moment: float) -> HostResult:
        return HostResult(play="p", host=host, task="t", module="m", status=status, time=moment)

    hosts = ("a", "b", "c", "d")
    events: list[Event] = [PlayStarted(play="p", hosts=hosts, tasks=1)]
    events.append(TaskStarted(play="p", task="t", module="m", hosts=hosts, time=1.0))
    events += [ended("a", Status.MODIFIED, 2.0), ended("b", Status.FAILED, 3.0), ended("c", Status.MATCHED, 9.0)]
    line = shown(events, live=True)
    assert "t, 3 of 4 hosts, 1 changed, 1 failed, waiting for d, 8 s" in line


def test_the_line_goes_with_the_time_while_nothing_happens() -> None:
    stream = StringIO()
    view = ConsoleView(stream, verbosity=0, diff=False, colour=False, live=True, width=100)
    for event in RUN[:2]:
        view.handle(event)
    view.tick(RUN[1].time + 42)
    assert stream.getvalue().endswith("fetch, 0 of 2 hosts, 42 s")
    view.close()
    assert stream.getvalue().endswith("\r\x1b[2K")


def test_a_pipe_is_not_filled_with_it() -> None:
    assert "MiB" not in shown(RUN)


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (1536 << 10, "1.5 MiB"),
        (5 << 30, "5.0 GiB"),
        (3 << 40, "3.0 TiB"),
        (3 << 50, "3072.0 TiB"),
    ],
)
def test_sizes_are_those_people_read(count: int, text: str) -> None:
    assert bytes_text(count) == text
