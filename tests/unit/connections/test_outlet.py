# SPDX-License-Identifier: GPL-3.0-or-later
"""A socket whose other side reads slowly is waited for, and nobody else is held up."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable, Coroutine

import pytest

from jetpack_core.connections.outlet import Outlet

PATIENCE = 20


def fill(sock: socket.socket) -> None:
    sock.setblocking(False)
    with contextlib.suppress(BlockingIOError):
        while True:
            sock.send(bytes(1 << 16))


def drain(sock: socket.socket) -> None:
    sock.setblocking(False)
    with contextlib.suppress(BlockingIOError):
        while sock.recv(1 << 20):
            continue


def with_full_socket(act: Callable[[Outlet, socket.socket, socket.socket], Coroutine[None, None, None]]) -> None:
    async def run() -> None:
        ours, theirs = socket.socketpair()
        with ours, theirs:
            outlet = Outlet(ours)
            await asyncio.wait_for(outlet.has_room(), PATIENCE)
            fill(ours)
            try:
                await act(outlet, ours, theirs)
            finally:
                outlet.close()

    asyncio.run(run())


def test_it_waits_until_the_other_side_has_read() -> None:
    async def act(outlet: Outlet, _: socket.socket, theirs: socket.socket) -> None:
        waiting = [asyncio.create_task(outlet.has_room()) for _ in range(2)]
        # The event loop goes on meanwhile.
        await asyncio.sleep(0.05)
        assert not any(task.done() for task in waiting)
        drain(theirs)
        await asyncio.wait_for(asyncio.gather(*waiting), PATIENCE)

    with_full_socket(act)


@pytest.mark.parametrize("end", ["shut down", "gone", "given back"])
def test_a_connection_that_ends_is_waited_for_no_longer(end: str) -> None:
    async def act(outlet: Outlet, ours: socket.socket, theirs: socket.socket) -> None:
        waiting = asyncio.create_task(outlet.has_room())
        await asyncio.sleep(0.05)
        if end == "shut down":
            ours.shutdown(socket.SHUT_RDWR)
        elif end == "gone":
            theirs.close()
        else:
            outlet.close()
        await asyncio.wait_for(waiting, PATIENCE)

    with_full_socket(act)


def test_a_socket_that_its_owner_closed_disturbs_nobody() -> None:
    async def act(outlet: Outlet, ours: socket.socket, theirs: socket.socket) -> None:
        waiting = asyncio.create_task(outlet.has_room())
        await asyncio.sleep(0.05)
        ours.close()
        # The system gives the number of the closed socket to the next one, which is waited for as well.
        other, far = socket.socketpair()
        with other, far:
            again = Outlet(other)
            fill(other)
            second = asyncio.create_task(again.has_room())
            await asyncio.sleep(0.05)
            drain(theirs)
            await asyncio.wait_for(waiting, PATIENCE)
            assert not second.done()
            drain(far)
            await asyncio.wait_for(second, PATIENCE)
            again.close()

    with_full_socket(act)


def test_one_that_is_closed_already_is_not_waited_for() -> None:
    async def run() -> None:
        ours, theirs = socket.socketpair()
        ours.close()
        theirs.close()
        outlet = Outlet(ours)
        await asyncio.wait_for(outlet.has_room(), PATIENCE)
        outlet.close()

    asyncio.run(run())
