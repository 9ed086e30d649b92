# SPDX-License-Identifier: GPL-3.0-or-later
"""Lets Ctrl-C and termination end a run in order, and a run that is too busy to hear of it anyhow."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_BUSY: Final = 1.0
"""Seconds without an answer to a signal after which the next one is not waited with."""


class _Interrupts:
    """What signals do to one run."""

    def __init__(self, walk: asyncio.Future[None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._walk = walk
        self._unheard_since: float | None = None

    def arrived(self, _number: int, _frame: FrameType | None) -> None:
        """Have the run cancelled. Raises CancelledError in whatever keeps the loop from hearing of that."""
        now = time.monotonic()
        if self._unheard_since is None:
            self._unheard_since = now
        elif now - self._unheard_since >= _BUSY:
            # An expression that never ends, say: it lets nothing else have a turn.
            self._unheard_since = None
            raise asyncio.CancelledError
        self._loop.call_soon_threadsafe(self._heard)

    def _heard(self) -> None:
        self._unheard_since = None
        self._walk.cancel()


@contextlib.contextmanager
def interruptible(walk: asyncio.Future[None]) -> Iterator[None]:
    """Let signals cancel a run; one that comes while another has not been heard for long breaks off what is busy."""
    interrupts = _Interrupts(walk)
    before = {}
    for number in _SIGNALS:
        # Signals can be had only in the main thread; elsewhere the caller handles them.
        with contextlib.suppress(ValueError):
            before[number] = signal.signal(number, interrupts.arrived)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
