# SPDX-License-Identifier: GPL-3.0-or-later
"""Networks that swallow everything, helpers that are killed, and very many sessions at once."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable

import pytest

from jetpack_core.connections.ssh import SshConnection
from jetpack_core.contracts.operations import Become, Request, Run, Stat, Write
from jetpack_core.errors import BecomeError, HostUnreachableError
from tests.integration.connections.conftest import Connect, endpoint
from tests.integration.fleet.hosts import SshHost
from tests.integration.fleet.session import Fleet

pytestmark = [pytest.mark.docker, pytest.mark.ssh]

LastingHost = Callable[..., SshHost]
EITHER = pytest.mark.parametrize("image", ["debian", "nopython"])
ROOT = Become("root", "sudo -u {{ jet_sudo_user }} {{ jet_command }}")
SESSIONS = 200


def impatient(connection: SshConnection) -> None:
    """Let a connection give up on silence after seconds rather than a minute."""
    assert connection._session is not None
    sock = connection._session.transport.sock
    assert isinstance(sock, socket.socket)
    # Only those that are on anyway are shortened.
    assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
    assert 0 < sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) <= 60_000
    for option, value in ((socket.TCP_KEEPIDLE, 1), (socket.TCP_KEEPINTVL, 1), (socket.TCP_USER_TIMEOUT, 3000)):
        assert 0 < sock.getsockopt(socket.IPPROTO_TCP, option) <= 60_000
        sock.setsockopt(socket.IPPROTO_TCP, option, value)


@EITHER
def test_a_network_that_swallows_everything_in_a_command(
    image: str, lasting_host: LastingHost, fleet: Fleet, debian_host: SshHost
) -> None:
    host = lasting_host(image, "--cap-add", "NET_ADMIN")

    async def scenario() -> None:
        hole, fine = (SshConnection(endpoint(fleet, one)) for one in (host, debian_host))
        await asyncio.gather(hole.connect(), fine.connect())
        impatient(hole)
        lost = asyncio.create_task(hole.execute([Request(Run(("sleep", "4321")))]))
        await asyncio.sleep(0.5)
        await asyncio.to_thread(host.shell, "busybox ip link set eth0 down")
        started = time.monotonic()
        answered = 0
        while not lost.done():
            (reply,) = await fine.execute([Request(Stat("/"))])
            assert reply.error is None
            answered += 1
            await asyncio.sleep(0.1)
        with pytest.raises(HostUnreachableError, match="the connection was lost"):
            await lost
        assert time.monotonic() - started < 100
        assert answered > 3
        await asyncio.gather(hole.close(), fine.close())

    asyncio.run(scenario())


@EITHER
@pytest.mark.parametrize("become", [None, ROOT], ids=["login user", "become"])
def test_a_helper_killed_between_two_tasks(
    image: str, become: Become | None, fleet: Fleet, new_host: Callable[[str], SshHost], connect: Connect
) -> None:
    host = new_host(image)
    driver = connect(host, "deploy", become)
    assert driver.do(Stat("/")).is_directory
    # Whatever serves us: the helper or the shell, and sudo with what it started.
    user = "deploy" if become is None else "root"
    pattern = "python3 -ISc" if image == "debian" else "sh -c printf"
    host.exec(["pkill", "-KILL", "-u", user, "-f", "--", pattern], check=False)
    with pytest.raises((HostUnreachableError, BecomeError), match=r"lost|ended unexpectedly"):
        driver.do(Write("/tmp/never", b""))
    assert not host.exists("/tmp/never")
    assert driver.connect().do(Stat("/")).is_directory


@pytest.mark.slow
def test_two_hundred_sessions_at_once(fleet: Fleet) -> None:
    hosts = fleet.start_many([f"many-{number}" for number in range(4)], "debian")

    async def scenario() -> None:
        sessions = [
            SshConnection(endpoint(fleet, hosts[number % 4], connect_timeout=100.0)) for number in range(SESSIONS)
        ]
        await asyncio.gather(*(one.connect() for one in sessions))
        answers = await asyncio.gather(*(one.execute([Request(Run(("hostname",)))]) for one in sessions))
        names = [getattr(answer[0].value, "stdout", answer[0].error) for answer in answers]
        assert names == [f"many-{number % 4}\n" for number in range(SESSIONS)]
        await asyncio.gather(*(one.close() for one in sessions))

    try:
        asyncio.run(scenario())
    finally:
        for host in hosts:
            fleet.remove(host)
