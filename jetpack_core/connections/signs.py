# SPDX-License-Identifier: GPL-3.0-or-later
"""Signs of life: a host that gives none for too long counts as lost."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from jetpack_core.connections.pipe import Pipe

PING_EVERY: Final = 15.0
"""Seconds between requests for a sign of life; the helper ends itself after 60 s without one."""
DEAD_AFTER: Final = 60.0
"""Seconds without an answer after which the host counts as lost."""


async def watch(pipe: Pipe, ask: Callable[[], Awaitable[None]], every: float, dead_after: float) -> None:
    """Ask for signs of life until the pipe ends; end it when none came for too long.

    :param every: Seconds between two requests.
    :param dead_after: Seconds of silence that are too long.
    """
    loop = asyncio.get_running_loop()
    awake = resumed = loop.time()
    asking: asyncio.Future[None] | None = None
    try:
        while True:
            await asyncio.sleep(every)
            now, heard = loop.time(), pipe.last_heard
            if now - awake > 2 * every:
                # It was us who stood still, as a stopped job does, and asked for nothing: silence counts from here.
                resumed = now
            awake = now
            if heard is not None and now - max(heard, resumed) > dead_after:
                pipe.abort(f"no answer for {dead_after:g} s")
                return
            if asking is None or asking.done():
                # A pipe that takes nothing more must not keep us from seeing how long it has been silent.
                asking = asyncio.ensure_future(_ask(ask))
    finally:
        if asking is not None:
            asking.cancel()


async def _ask(ask: Callable[[], Awaitable[None]]) -> None:
    # A pipe that has ended tells those who read from it.
    with contextlib.suppress(ConnectionError):
        await ask()
