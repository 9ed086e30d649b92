# SPDX-License-Identifier: GPL-3.0-or-later
"""Waiting for hosts that do not answer: how many wait beside each other, and that nobody else waits with them."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from jetpack_core.connections import limits
from jetpack_core.connections.limits import AT_ONE_SERVER, CONNECTING_AT_ONCE
from jetpack_core.connections.ssh import SshConnection
from jetpack_core.connections.ssh_reach import Limit, reach
from jetpack_core.connections.ssh_settings import SshSettings, read_config, settings
from jetpack_core.contracts.connection import Endpoint
from jetpack_core.errors import HostUnreachableError

MANY = 4 * CONNECTING_AT_ONCE
LONG = 600.0
PATIENT = 60.0
GREETING = b"SSH-2.0-test\r\n"

Listen = Callable[[], socket.socket]


@pytest.fixture
def listen() -> Iterator[Listen]:
    """Listen on free ports of this machine; nobody ever answers there."""
    with ExitStack() as stack:

        def start() -> socket.socket:
            made = stack.enter_context(socket.socket())
            made.bind(("127.0.0.1", 0))
            made.listen(MANY)
            made.settimeout(PATIENT)
            return made

        yield start


@pytest.fixture
def refused() -> Iterator[int]:
    """A port that refuses."""
    with socket.socket() as made:
        made.bind(("127.0.0.1", 0))
        yield made.getsockname()[1]


@pytest.fixture
def old(listen: Listen) -> Iterator[int]:
    """A port with a server of SSH that is too old: nobody knows before a thread has listened to it."""
    server = listen()

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                made, _ = server.accept()
                made.sendall(b"SSH-1.0-old\r\n")
                kept.append(made)

    kept: list[socket.socket] = []
    server.settimeout(None)
    thread = threading.Thread(target=serve)
    thread.start()
    yield port(server)
    server.shutdown(socket.SHUT_RDWR)
    thread.join()
    for one in kept:
        one.close()


@pytest.fixture
def black_hole() -> Iterator[int]:
    """A port that swallows what comes, for its queue is full."""
    with ExitStack() as stack:
        full = stack.enter_context(socket.socket())
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for _ in range(8):
            one = stack.enter_context(socket.socket())
            one.setblocking(False)
            one.connect_ex(full.getsockname())
        yield full.getsockname()[1]


def port(listener: socket.socket) -> int:
    number: int = listener.getsockname()[1]
    return number


async def said_of(number: int, address: str = "127.0.0.1", timeout: float = LONG) -> str:
    """Connect in vain, and return why."""
    with pytest.raises(HostUnreachableError) as caught:
        await SshConnection(Endpoint("h", address=address, port=number, connect_timeout=timeout)).connect()
    return str(caught.value)


async def while_waiting(waiting: list[asyncio.Task[str]], number: int, address: str = "127.0.0.1") -> str:
    """Return what is said of another host while all of these wait, and end them."""
    try:
        async with asyncio.timeout(PATIENT):
            said = await said_of(number, address)
        assert not any(one.done() for one in waiting)
    finally:
        await ended(waiting)
    return said


async def ended(tasks: list[asyncio.Task[str]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)


def target(number: int) -> SshSettings:
    return settings(Endpoint("h", address="127.0.0.1", port=number), read_config(()))


def test_hosts_that_stay_silent_hold_up_no_other(listen: Listen, old: int) -> None:
    silent = [listen() for _ in range(MANY)]

    async def scenario() -> str:
        waiting = [asyncio.create_task(said_of(port(one))) for one in silent]
        for one in silent:
            with (await asyncio.to_thread(one.accept))[0] as accepted:
                accepted.settimeout(PATIENT)
                assert (await asyncio.to_thread(accepted.recv, 100)).startswith(b"SSH-2.0-")
                kept.append(accepted.detach())
        threads = [one for one in threading.enumerate() if one.name.startswith("jetpack-connect")]
        assert len(threads) < MANY
        return await while_waiting(waiting, old)

    kept: list[int] = []
    try:
        assert "we have no common method" in asyncio.run(scenario())
        for number in kept:
            # Whoever gives up hangs up.
            with socket.socket(fileno=number) as accepted:
                accepted.settimeout(PATIENT)
                assert accepted.recv(100) == b""
    finally:
        for number in kept:
            with contextlib.suppress(OSError):
                socket.close(number)


def test_hosts_that_stop_in_the_middle_hold_up_others_for_a_moment_only(listen: Listen, old: int) -> None:
    half = [listen() for _ in range(2 * CONNECTING_AT_ONCE)]

    async def scenario() -> str:
        waiting = [asyncio.create_task(said_of(port(one))) for one in half]
        for one in half:
            kept.append((await asyncio.to_thread(one.accept))[0])
            kept[-1].sendall(GREETING)
        return await while_waiting(waiting, old)

    kept: list[socket.socket] = []
    try:
        assert "we have no common method" in asyncio.run(scenario())
    finally:
        for one in kept:
            one.close()


def test_names_that_hang_hold_up_no_other(refused: int, monkeypatch: pytest.MonkeyPatch) -> None:
    look_up, answered = socket.getaddrinfo, threading.Event()

    def hangs(name: bytes | str, *arguments: object, **options: object) -> object:
        if str(name).count("hangs") and not options.get("flags"):
            answered.wait(PATIENT)
        return look_up(name, *arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "getaddrinfo", hangs)

    async def scenario() -> tuple[str, str]:
        waiting = [asyncio.create_task(said_of(22, f"hangs-{number}.invalid")) for number in range(MANY)]
        short = await said_of(22, "hangs.invalid", timeout=1.0)
        return short, await while_waiting(waiting, refused, "localhost")

    try:
        short, other = asyncio.run(scenario())
    finally:
        answered.set()
    assert "hangs.invalid: the name cannot be resolved (no answer in 1 s)" in short
    assert "refused the connection" in other


def test_one_server_sees_a_few_at_a_time_until_it_lets_them_in(listen: Listen, monkeypatch: pytest.MonkeyPatch) -> None:
    # Time enough for a slow machine to greet all of them.
    monkeypatch.setattr(limits, "PATIENCE", 5.0)
    server = listen()

    async def scenario() -> int:
        waiting = [asyncio.create_task(said_of(port(server))) for _ in range(MANY)]
        for _ in range(AT_ONE_SERVER):
            kept.append((await asyncio.to_thread(server.accept))[0])
            kept[-1].sendall(GREETING)
        await asyncio.sleep(6)
        server.settimeout(0)
        with contextlib.suppress(BlockingIOError):
            while True:
                kept.append(server.accept()[0])
        await ended(waiting)
        return len(kept)

    kept: list[socket.socket] = []
    try:
        assert asyncio.run(scenario()) == AT_ONE_SERVER
    finally:
        for one in kept:
            one.close()


def test_one_server_that_is_silent_does_not_make_its_hosts_wait_for_each_other(listen: Listen) -> None:
    server = listen()

    async def scenario() -> None:
        waiting = [asyncio.create_task(said_of(port(server))) for _ in range(3 * AT_ONE_SERVER)]
        kept.extend([(await asyncio.to_thread(server.accept))[0] for _ in waiting])
        assert not any(one.done() for one in waiting)
        await ended(waiting)

    kept: list[socket.socket] = []
    try:
        asyncio.run(scenario())
    finally:
        for one in kept:
            one.close()


def test_a_server_that_hangs_up_at_once_is_tried_again(listen: Listen) -> None:
    server = listen()

    async def scenario() -> str:
        asking = asyncio.create_task(said_of(port(server), timeout=20.0))
        for _ in range(2):
            (await asyncio.to_thread(server.accept))[0].close()
        server.close()
        return await asking

    # At the second time nobody listens any more.
    assert "refused the connection" in asyncio.run(scenario())


@pytest.mark.parametrize("first", ["refused", "black_hole"])
def test_every_address_is_tried_in_its_turn(first: str, listen: Listen, request: pytest.FixtureRequest) -> None:
    server = listen()
    numbers = (request.getfixturevalue(first), port(server))
    addresses = [(socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", number)) for number in numbers]

    async def scenario() -> None:
        reaching = asyncio.create_task(reach(target(port(server)), addresses, Limit(10.0), GREETING))
        with (await asyncio.to_thread(server.accept))[0] as accepted:
            accepted.settimeout(PATIENT)
            assert await asyncio.to_thread(accepted.recv, 100) == GREETING
            accepted.sendall(b"SSH-2.0-")
            with await reaching as sock:
                # What is there is left for who goes on, and what was said is said once.
                assert sock.send(GREETING) == len(GREETING)
                assert sock.send(b"more") == 4
                assert sock.recv(100) == b"SSH-2.0-"
            assert await asyncio.to_thread(accepted.recv, 100) == b"more"

    asyncio.run(scenario())


def test_one_limit_holds_for_everything(black_hole: int) -> None:
    addresses = [(socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", black_hole))] * 3
    limit = Limit(1.5)
    started = time.monotonic()
    with pytest.raises(HostUnreachableError, match="did not answer in 15 s"):
        asyncio.run(reach(target(black_hole), addresses, limit, GREETING))
    assert limit.left <= 0.1
    assert time.monotonic() - started < 30
    assert "did not answer in 1 s" in asyncio.run(said_of(black_hole, timeout=1.0))
