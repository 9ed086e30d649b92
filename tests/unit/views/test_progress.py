# SPDX-License-Identifier: GPL-3.0-or-later
"""Transfers in the line at the bottom of a terminal."""

from __future__ import annotations

import pytest

from jetpack_core.events import Event, HostProgress, PlayStarted, TaskStarted
from jetpack_core.views.live import bytes_text
from tests.unit.views.story import shown

RUN: list[Event] = [
    PlayStarted(play="p", hosts=("web1", "web2"), tasks=1),
    TaskStarted(play="p", task="fetch", module="download", hosts=("web1", "web2")),
    HostProgress(host="web1", task="fetch", done=3 << 20, total=10 << 20, time=9.0),
]


def test_the_line_says_how_far_it_is() -> None:
    assert "fetch, 0 of 2 hosts, web1: 3.0 MiB of 10.0 MiB" in shown(RUN, live=True)


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
