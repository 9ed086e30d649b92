# SPDX-License-Identifier: GPL-3.0-or-later
"""A run that holds a host and hangs: after a while another one takes over, and the first does nothing more."""

from __future__ import annotations

import asyncio
import binascii
import time
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from jetpack_core.connections import payload, shell_script, ssh
from jetpack_core.connections.framed import FramedClient
from jetpack_core.connections.ssh import SshConnection
from jetpack_core.contracts.operations import Become, Hold, Operation, Reply, Request, Run, Write
from jetpack_core.errors import HeldError
from tests.integration.connections.conftest import endpoint
from tests.integration.fleet.hosts import SshHost
from tests.integration.fleet.session import Fleet

pytestmark = [pytest.mark.docker, pytest.mark.ssh]

ROOT = Become("root", "sudo -u {{ jet_sudo_user }} {{ jet_command }}")
EXPIRY = 4.0
OWNER = "1700000000 1 ops@control"
LOCK = "cat /run/lock/jetpack.lock /tmp/jetpack.lock 2>/dev/null | head -n 1 | cut -d ' ' -f {}"


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Send hosts a helper for which a few seconds of silence are long."""
    program = zlib.decompress(binascii.a2b_base64(payload.helper_payload()))
    for old, new in ((b"EXPIRY = 90.0", b"EXPIRY = %.1f" % EXPIRY), (b"RENEW_EVERY = 5.0", b"RENEW_EVERY = 0.1")):
        assert program.count(old) == 1
        program = program.replace(old, new)
    short = binascii.b2a_base64(zlib.compress(program, 9))
    for module in (payload, ssh):
        monkeypatch.setattr(module, "helper_payload", lambda: short)
    hold, rest = (shell_script.program(name) for name in ("hold.sh", "shell.sh"))
    for old, new in ((b"-gt 90 ]", b"-gt %d ]" % EXPIRY), (b"sleep 15 &", b"sleep 1 &")):
        assert hold.count(old) == 1
        hold = hold.replace(old, new)
    monkeypatch.setattr(shell_script, "program", lambda name: hold if name == "hold.sh" else rest)
    monkeypatch.setattr(FramedClient, "ping_every", 0.5)


async def ask(connection: SshConnection, *operations: Operation[Any], become: Become | None = None) -> Reply:
    """Return the answer to the last operation of a frame."""
    return (await connection.execute([Request(one, become) for one in operations]))[-1]


async def take(connection: SshConnection, run: str, seconds: float) -> bool:
    """Ask for a host until it is granted; tells whether it was."""
    end = time.monotonic() + seconds
    while (reply := await ask(connection, Hold(run, OWNER))).error is not None:
        assert isinstance(reply.error, HeldError)
        assert reply.error.owner == "deploy"
        if time.monotonic() > end:
            return False
        await asyncio.sleep(0.2)
    return True


@asynccontextmanager
async def connected(fleet: Fleet, host: SshHost, user: str) -> AsyncIterator[SshConnection]:
    connection = SshConnection(endpoint(fleet, host, user))
    await connection.connect()
    yield connection
    await connection.close()


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(
    ("image", "become"),
    [("debian", None), ("debian", ROOT), ("nopython", ROOT)],
    ids=["login user", "become", "become without Python"],
)
def test_a_run_that_hangs_on_its_host_is_succeeded_and_then_does_nothing(
    image: str, become: Become | None, fleet: Fleet
) -> None:
    host = fleet.start(image)

    async def scenario() -> None:
        async with connected(fleet, host, "deploy") as first, connected(fleet, host, "root") as second:
            assert (await ask(first, Hold("aaaa", OWNER))).value == ""
            assert (await ask(first, Run(("true",)), become=become)).error is None
            assert not await take(second, "bbbb", 2 * EXPIRY)
            pid = host.shell(LOCK.format(2)).strip()
            host.shell(f"kill -STOP {pid}")
            assert await take(second, "bbbb", 90)
            host.shell(f"kill -CONT {pid}")
            for forbidden in (Write("/tmp/forbidden", b"x"), Run(("touch", "/tmp/forbidden"))):
                refused = await ask(first, forbidden, become=become)
                assert "was taken from this run" in str(refused.error)
            assert not host.exists("/tmp/forbidden")
            assert (await ask(second, Run(("true",)))).error is None
            assert host.shell(LOCK.format(1)).strip() == "bbbb"

    asyncio.run(scenario())


@pytest.mark.usefixtures("impatient")
def test_one_who_may_not_remove_the_file_does_not_take_over(fleet: Fleet) -> None:
    host = fleet.start("debian")

    async def scenario() -> None:
        async with connected(fleet, host, "deploy") as first, connected(fleet, host, "ops") as second:
            assert (await ask(first, Hold("aaaa", OWNER))).value == ""
            pid = host.shell(LOCK.format(2)).strip()
            host.shell(f"kill -STOP {pid}")
            assert not await take(second, "bbbb", 3 * EXPIRY)
            host.shell(f"kill -CONT {pid}")
            assert (await ask(first, Run(("true",)))).error is None

    asyncio.run(scenario())
