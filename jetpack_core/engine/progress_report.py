# SPDX-License-Identifier: GPL-3.0-or-later
"""How far a module says that a transfer is, as events: from any thread, and not too often."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Final

from jetpack_core.events import HostProgress

if TYPE_CHECKING:
    from jetpack_core.engine.event_stream import EventStream

_INTERVAL: Final = 1.0
"""Seconds between two events of a task on a host."""


class ProgressReport:
    """Sends on what it is told of one host; made where the events are sent."""

    def __init__(self, events: EventStream, host: str) -> None:
        self._events = events
        self._host = host
        self._task = ""
        self._loop = asyncio.get_running_loop()
        self._next = 0.0

    def __call__(self, task: str, done: int, total: int | None) -> None:
        """Send an event, unless the last one of the task is too young."""
        now = time.monotonic()
        if now < self._next and task == self._task:
            return
        self._task, self._next = task, now + _INTERVAL
        event = HostProgress(host=self._host, task=task, done=done, total=total)
        self._loop.call_soon_threadsafe(self._events.send, event)
