# SPDX-License-Identifier: GPL-3.0-or-later
"""How many hosts are worked on at once, and what does not count as work."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import pytest

from jetpack_core.contracts.connection import Connection, Endpoint
from jetpack_core.contracts.operations import Reply, Request
from jetpack_core.engine.pool import Pool
from jetpack_core.errors import HostUnreachableError
from tests.unit.engine.simulated import turned_clock

FOREVER = 10_000.0


class Watched(Connection):
    """Takes its time to connect and to answer, and notes how many do so at once."""

    def __init__(self, host: str, connect: float, *, fails: bool, at_work: list[str], seen: list[int]) -> None:
        super().__init__(Endpoint(host))
        self._connect, self._fails, self._at_work, self._seen = connect, fails, at_work, seen

    async def connect(self) -> None:
        """Take its time."""
        await asyncio.sleep(self._connect)
        if self._fails:
            raise HostUnreachableError("it did not answer")

    async def execute(self, frame: Sequence[Request]) -> Sequence[Reply]:
        """Take a second."""
        self._at_work.append(self.endpoint.host)
        self._seen.append(len(self._at_work))
        await asyncio.sleep(1)
        self._at_work.remove(self.endpoint.host)
        return []

    async def close(self) -> None:
        """Do nothing."""


def run(connects: dict[str, tuple[float, bool]], threads: int) -> tuple[dict[str, float], list[int]]:
    """Ask each host once, then again; return when each was done, and how many were at work at each time."""
    at_work: list[str] = []
    seen: list[int] = []

    def connect(endpoint: Endpoint) -> Connection:
        seconds, fails = connects[endpoint.host]
        return Watched(endpoint.host, seconds, fails=fails, at_work=at_work, seen=seen)

    async def scenario() -> dict[str, float]:
        pool = Pool(lambda name, _: Endpoint(name), connect, threads)
        done = {}

        async def ask(name: str) -> None:
            try:
                await pool.host(name).execute([])
                await pool.host(name).execute([])
            except HostUnreachableError:
                pass
            done[name] = asyncio.get_running_loop().time()

        async with asyncio.TaskGroup() as group:
            for name in connects:
                group.create_task(ask(name))
        await pool.close()
        return done

    with turned_clock():
        return asyncio.run(scenario()), seen


def test_hosts_that_do_not_answer_leave_their_place_to_others() -> None:
    dead = {f"dead-{number}": (FOREVER, True) for number in range(10)}
    done, _ = run({**dead, "fine": (0.1, False)}, threads=2)
    assert done.pop("fine") < 20
    assert min(done.values()) >= FOREVER


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("seconds", [0.1, 5.0])
def test_no_more_are_worked_on_than_may_be(threads: int, seconds: float) -> None:
    slow: dict[str, tuple[float, bool]] = {f"h{number}": (seconds, number % 4 == 0) for number in range(12)}
    done, seen = run(slow, threads)
    assert len(done) == 12
    assert max(seen) == threads


def test_a_place_is_not_given_back_twice() -> None:
    # One that fails after its place went to another, and is asked once more.
    done, seen = run({"dead": (5.0, True), **{f"h{number}": (0.0, False) for number in range(6)}}, threads=1)
    assert len(done) == 7
    assert max(seen) == 1


def test_a_cancelled_host_gives_back_what_it_has() -> None:
    make: dict[str, Callable[[], Connection]] = {
        name: lambda name=name: Watched(name, FOREVER if name == "dead" else 0, fails=False, at_work=[], seen=[])  # type: ignore[misc]
        for name in ("dead", "fine")
    }

    async def scenario() -> None:
        pool = Pool(lambda name, _: Endpoint(name), lambda endpoint: make[endpoint.host](), 1)
        for patience in (1, 10):
            asking = asyncio.create_task(pool.host("dead").execute([]))
            await asyncio.sleep(patience)
            asking.cancel()
            await asyncio.wait([asking])
            async with asyncio.timeout(FOREVER / 2):
                await pool.host("fine").execute([])

    with turned_clock():
        asyncio.run(scenario())
