# SPDX-License-Identifier: GPL-3.0-or-later
"""The conformance suite over what runs here without a server: this process, the helper and shells behind pipes."""

from __future__ import annotations

import secrets
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from jetpack_core.connections.framed import FramedClient
from jetpack_core.connections.local import LocalConnection
from jetpack_core.connections.payload import SHELL_BOOT, helper_payload
from jetpack_core.connections.pipe import ProcessPipe
from jetpack_core.connections.remote.helper import boot
from jetpack_core.connections.shell import ShellClient
from jetpack_core.contracts.connection import Connection, Endpoint
from jetpack_core.contracts.operations import Reply, Request
from jetpack_core.testing.connections import ConnectionConformance, Driver

ENDPOINT = Endpoint("here")


class PipedConnection(Connection):
    """A client of this package behind the pipes of a child process."""

    def __init__(self, kind: str) -> None:
        super().__init__(ENDPOINT)
        self._kind = kind
        self.client: FramedClient | ShellClient | None = None

    async def connect(self) -> None:
        await self.close()
        if self._kind == "python":
            payload = helper_payload()
            nonce = secrets.token_hex(12)
            argv = [sys.executable, "-ISc", boot.CODE, f"banner\n{nonce}P", str(len(payload))]
            pipe = await ProcessPipe.start(argv)
            framed = self.client = FramedClient(pipe)
            await pipe.write(payload)
            await framed.start(nonce.encode())
            return
        argv = ["busybox", "sh"] if self._kind == "busybox" else [self._kind]
        pipe = await ProcessPipe.start([*argv, "-c", SHELL_BOOT])
        assert await pipe.read() == b"S"
        shell = self.client = ShellClient(pipe)
        await shell.start()

    async def execute(self, frame: Sequence[Request]) -> Sequence[Reply]:
        assert self.client is not None
        return await self.client.execute(frame)

    async def close(self) -> None:
        client, self.client = self.client, None
        if client is not None:
            await client.close()


def make(kind: str) -> Driver:
    connection = LocalConnection(ENDPOINT) if kind == "local" else PipedConnection(kind)
    return Driver(connection).connect()


KINDS = ["local", "python", *(kind for kind in ("dash", "bash", "busybox") if shutil.which(kind))]


# One shell is enough for the quick tests.
@pytest.fixture(
    scope="module", params=[pytest.param(kind, marks=pytest.mark.slow) if kind in KINDS[3:] else kind for kind in KINDS]
)
def driver(request: pytest.FixtureRequest) -> Iterator[Driver]:
    driver = make(request.param)
    yield driver
    driver.close()


@pytest.fixture
def new_driver(driver: Driver) -> Callable[[], Driver]:
    connection = driver.connection
    return lambda: make(connection._kind if isinstance(connection, PipedConnection) else "local")


class TestConformance(ConnectionConformance):
    large = 8 << 20


def test_kinds_of_shell_are_there() -> None:
    """At least one POSIX shell must have been tried."""
    assert len(KINDS) > 2
    assert Path("/bin/sh").exists()
