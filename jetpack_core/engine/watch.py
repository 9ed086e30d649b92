# SPDX-License-Identifier: GPL-3.0-or-later
"""Reports tasks that take long, with one timer for the whole run."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from jetpack_core.events import HostWaiting

if TYPE_CHECKING:
    from jetpack_core.engine.event_stream import EventStream

NOTICE: Final = 30.0


@dataclass(slots=True, eq=False)
class Watched:
    """A task that waits for its host."""

    host: str
    task: str
    due: float
    """When it is reported next, on the monotonic clock."""
    reported: float = 0.0
    """Seconds that the last report told of."""


class Watch:
    """Knows which tasks wait for their hosts, and since when.

    :param notice: Seconds after which, and every so often, a task is reported as still running.
    """

    def __init__(self, events: EventStream, notice: float = NOTICE) -> None:
        self._events = events
        self._notice = notice
        self._waiting: dict[Watched, None] = {}
        """In the order in which they are due: everything is due equally long after it came to the end."""
        self._armed = False

    def begin(self, host: str, task: str) -> Watched:
        """Begin to watch a task on a host, until `end`."""
        watched = Watched(host, task, time.monotonic() + self._notice)
        self._waiting[watched] = None
        if not self._armed:
            self._arm(self._notice)
        return watched

    def end(self, watched: Watched) -> None:
        """Watch a task no longer."""
        del self._waiting[watched]

    def _arm(self, seconds: float) -> None:
        self._armed = True
        asyncio.get_running_loop().call_later(seconds, self._look)

    def _look(self) -> None:
        """Report what is due, and look again when the next is; while nothing waits, there is no timer."""
        self._armed = False
        now = time.monotonic()
        for watched in [one for one in self._waiting if one.due <= now]:
            watched.reported += self._notice
            watched.due = now + self._notice
            self._waiting[watched] = self._waiting.pop(watched)
            self._events.send(HostWaiting(host=watched.host, task=watched.task, seconds=watched.reported))
        first = next(iter(self._waiting), None)
        if first is not None:
            self._arm(first.due - now)
