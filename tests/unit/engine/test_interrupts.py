# SPDX-License-Identifier: GPL-3.0-or-later
"""Signals that end a run: at once where it listens, and also where something keeps it from listening."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from jetpack_core.engine.interrupts import interruptible


@contextlib.contextmanager
def signals(number: int, every: float) -> Iterator[None]:
    """Send this process a signal again and again."""
    done = threading.Event()

    def send() -> None:
        while not done.wait(every):
            os.kill(os.getpid(), number)

    sender = threading.Thread(target=send)
    sender.start()
    try:
        yield
    finally:
        done.set()
        sender.join()


async def never_waits() -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        pass


async def waits() -> None:
    await asyncio.sleep(60)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("work", [never_waits, waits])
def test_a_run_ends_when_it_is_told_to_even_if_it_never_listens(number: int, work: Callable[[], object]) -> None:
    before = signal.getsignal(number)

    async def run() -> str:
        async def inner() -> None:
            async with asyncio.TaskGroup() as group:
                group.create_task(work())  # type: ignore[arg-type]

        walk = asyncio.ensure_future(inner())
        with interruptible(walk):
            with signals(number, 0.2):
                await asyncio.wait([walk])
            # What is left to do after a run is interrupted by nothing.
            await asyncio.sleep(0)
        assert walk.cancelled()
        return "tidied up"

    assert asyncio.run(run()) == "tidied up"
    assert signal.getsignal(number) == before
