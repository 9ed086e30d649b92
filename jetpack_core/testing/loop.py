# SPDX-License-Identifier: GPL-3.0-or-later
"""An event loop for ordinary tests, which goes on while they do something else."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from typing import TypeVar

T = TypeVar("T")


class Loop:
    """Runs coroutines in a thread of its own.

    Between two of them it goes on: a connection gives up on whoever gives no sign of life for a minute, and a test may
    well be busy elsewhere for longer.
    """

    def __init__(self) -> None:
        """Start nothing yet."""
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    def run(self, coroutine: Coroutine[object, object, T]) -> T:
        """Run a coroutine to its end. Raises what it raises."""
        future = asyncio.run_coroutine_threadsafe(coroutine, self._loop or self._start())
        try:
            return future.result()
        finally:
            # Nothing, unless a signal ended the wait.
            future.cancel()

    def _start(self) -> asyncio.AbstractEventLoop:
        loop = self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=_turn, args=(loop,), name="event loop of a test", daemon=True)
        self._thread.start()
        return loop

    def close(self) -> None:
        """Cancel what still runs in it, and end it."""
        if self._loop is not None and self._thread is not None:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
        self._loop = self._thread = None


def _turn(loop: asyncio.AbstractEventLoop) -> None:
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.get_loop().run_forever()
