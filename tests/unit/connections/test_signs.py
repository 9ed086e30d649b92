# SPDX-License-Identifier: GPL-3.0-or-later
"""Silence counts as loss only where a sign of life was asked for."""

from __future__ import annotations

import asyncio
import time

from jetpack_core.connections.pipe import Pipe
from jetpack_core.connections.signs import watch

EVERY = 0.05
DEAD_AFTER = 0.5


class Knocked(Pipe):
    """A pipe that answers each knock, or none."""

    def __init__(self, *, answers: bool) -> None:
        super().__init__()
        self.answers = answers
        self.knocked = asyncio.Event()
        self.why = ""
        self.heard = asyncio.get_running_loop().time()

    async def read(self) -> bytes:
        return b""

    async def write(self, data: bytes) -> None:
        raise AssertionError(data)

    def abort(self, why: str) -> None:
        self.why = why

    async def close(self) -> None:
        return

    @property
    def diagnosis(self) -> str:
        return self.why

    @property
    def last_heard(self) -> float | None:
        return self.heard

    async def knock(self) -> None:
        self.knocked.set()
        if self.answers:
            self.heard = asyncio.get_running_loop().time()


async def watched(*, answers: bool) -> tuple[Knocked, asyncio.Task[None]]:
    """Begin to watch a pipe, and wait until it was knocked at."""
    pipe = Knocked(answers=answers)
    watcher = asyncio.create_task(watch(pipe, pipe.knock, EVERY, DEAD_AFTER))
    async with asyncio.timeout(30):
        await pipe.knocked.wait()
    return pipe, watcher


def test_a_pipe_that_gives_no_sign_is_ended() -> None:
    async def scenario() -> str:
        pipe, watcher = await watched(answers=False)
        async with asyncio.timeout(30):
            await watcher
        return pipe.why

    assert asyncio.run(scenario()) == "no answer for 0.5 s"


def test_a_run_that_stood_still_itself_asks_again_before_it_gives_up() -> None:
    async def scenario() -> str:
        pipe, watcher = await watched(answers=True)
        pipe.knocked.clear()
        time.sleep(3 * DEAD_AFTER)  # noqa: ASYNC251 - as a job that was stopped does
        again = asyncio.create_task(pipe.knocked.wait())
        await asyncio.wait({watcher, again}, timeout=30, return_when=asyncio.FIRST_COMPLETED)
        for task in (watcher, again):
            task.cancel()
        return pipe.why or ("" if pipe.knocked.is_set() else "it was not asked again")

    assert asyncio.run(scenario()) == ""
