# SPDX-License-Identifier: GPL-3.0-or-later
"""Signs of life: a host that gives none for too long counts as lost."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING, Final

from jetpack_core.errors import HostUnreachableError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from jetpack_core.connections.pipe import Pipe

PING_EVERY: Final = 15.0
"""Seconds between requests for a sign of life; the helper ends itself after 60 s without one."""
DEAD_AFTER: Final = 60.0
"""Seconds without an answer after which the host counts as lost."""
_CLOCK: Final = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
"""It goes on while the machine is suspended, and does not jump when the time is set."""
_RESUME: Final = "`jetpack apply --resume` goes on where the run ended"


class Signs:
    """Asks for signs of life while a pipe is open, and ends it when none came for too long.

    :param every: Seconds between two requests.
    :param dead_after: Seconds of silence that are too long, for either side.
    """

    def __init__(self, pipe: Pipe, ask: Callable[[], Awaitable[None]], every: float, dead_after: float) -> None:
        self._pipe = pipe
        self._ask = ask
        self._every = every
        self._dead_after = dead_after
        self._awake = self._resumed = time.clock_gettime(_CLOCK)
        self._still = 0.0
        self.watcher = asyncio.create_task(self._watch())
        """Ends with the pipe."""

    def stop(self) -> None:
        """Ask no more."""
        self.watcher.cancel()

    async def _watch(self) -> None:
        loop = asyncio.get_running_loop()
        resumed = loop.time()
        asking: asyncio.Future[None] | None = None
        try:
            while True:
                await asyncio.sleep(self._every)
                now, heard = loop.time(), self._pipe.last_heard
                if self._stood_still():
                    # It was us who stood still, as a stopped job does, and asked for nothing: silence counts from here.
                    resumed = now
                if heard is not None and now - max(heard, resumed) > self._dead_after:
                    self._pipe.abort(f"no answer for {self._dead_after:g} s")
                    return
                if asking is None or asking.done():
                    # A pipe that takes nothing more must not keep us from seeing how long it has been silent.
                    asking = asyncio.ensure_future(self._asked())
        finally:
            if asking is not None:
                asking.cancel()

    async def _asked(self) -> None:
        # A pipe that has ended tells those who read from it.
        with contextlib.suppress(ConnectionError):
            await self._ask()

    def _stood_still(self) -> bool:
        """Tell whether this side has done nothing since the last time that it looked, or for most of that time."""
        now, before = time.clock_gettime(_CLOCK), self._awake
        self._awake = now
        if now - before <= 2 * self._every:
            return False
        self._resumed, self._still = now, now - before
        return True

    def lost(self) -> HostUnreachableError:
        """Return what the end of the pipe means: where it was this side that was silent for too long, it says so."""
        self._stood_still()
        since = time.clock_gettime(_CLOCK) - self._resumed
        if self._still < self._dead_after or since > 2 * self._dead_after:
            return lost(self._pipe)
        message = (
            f"the connection was lost: nothing was heard from here for {self._still:.0f} s, "
            "as this machine was suspended or this program stopped, and so the host ended what it did for this run"
        )
        return HostUnreachableError(message, hint=_RESUME)


def lost(pipe: Pipe) -> HostUnreachableError:
    """Return what the end of a pipe means, with what is known of why."""
    why = pipe.diagnosis
    return HostUnreachableError("the connection was lost" + (f" ({why})" if why else ""))
