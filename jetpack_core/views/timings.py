# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the time of a run went, by task and by host."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final

from jetpack_core.views.result import seconds_text
from jetpack_core.views.text import one_line

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jetpack_core.events import HostResult

_MOST: Final = 10
_Task = tuple[str, str, str, int]


class Timings:
    """Adds up how long results took."""

    def __init__(self) -> None:
        self._tasks: dict[_Task, dict[str, float]] = defaultdict(lambda: defaultdict(float))
        self._hosts: dict[str, float] = defaultdict(float)

    def take(self, event: HostResult) -> None:
        """Add a result."""
        self._tasks[event.play, event.task, event.file, event.line][event.host] += event.duration
        self._hosts[event.host] += event.duration

    def lines(self) -> list[str]:
        """Return the slowest tasks, each with its slowest host, and the slowest hosts."""
        slowest = sorted(self._tasks.items(), key=lambda pair: -max(pair[1].values()))[:_MOST]
        rows = [(max(hosts.values()), _told(task, hosts)) for task, hosts in slowest]
        lines = [f"TIMINGS of {len(self._tasks)} tasks, by the host that took longest", *_rows(rows)]
        if len(self._hosts) > 1:
            busiest = sorted(self._hosts.items(), key=lambda pair: -pair[1])[:_MOST]
            lines += [
                f"TIMINGS of {len(self._hosts)} hosts",
                *_rows([(took, one_line(host)) for host, took in busiest]),
            ]
        return [*lines, ""]


def _told(task: _Task, hosts: Mapping[str, float]) -> str:
    _, name, file, line = task
    where = f" ({one_line(file)}:{line})" if file else ""
    if len(hosts) == 1:
        return f"{one_line(name)}{where}"
    host = max(hosts, key=lambda one: hosts[one])
    mean = sum(hosts.values()) / len(hosts)
    return f"{one_line(name)}{where}: {one_line(host)}; {seconds_text(mean)} on average"


def _rows(rows: list[tuple[float, str]]) -> list[str]:
    took = [seconds_text(seconds) for seconds, _ in rows]
    widest = max(map(len, took), default=0)
    return [f"  {text.rjust(widest)}  {what}" for text, (_, what) in zip(took, rows, strict=True)]
