# SPDX-License-Identifier: GPL-3.0-or-later
"""Reach a host by a program of this machine that runs a shell there: the base of connections that plugins add."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from abc import abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING

from jetpack_core.connections.framed import FramedClient
from jetpack_core.connections.payload import helper_payload, login_command
from jetpack_core.connections.pipe import ProcessPipe
from jetpack_core.connections.remote.helper import boot
from jetpack_core.connections.shell import ShellClient
from jetpack_core.contracts.connection import Connection, Endpoint
from jetpack_core.errors import HostUnreachableError

if TYPE_CHECKING:
    from jetpack_core.contracts.operations import Reply, Request


class ProcessConnection(Connection):
    """A host behind a program such as `docker exec`, `kubectl exec`, `nsenter` or `chroot`.

    A subclass says how to run a shell program there; everything else is done by the same helper that hosts get over
    SSH, or without Python on the host by its shell.

    Example::

        class DockerConnection(ProcessConnection):
            summary = "act in a container"

            def command(self, program: str) -> Sequence[str]:
                return ["docker", "exec", "-i", self.endpoint.host, "/bin/sh", "-c", program]
    """

    def __init__(self, endpoint: Endpoint) -> None:
        super().__init__(endpoint)
        self._client: FramedClient | ShellClient | None = None

    @abstractmethod
    def command(self, program: str) -> Sequence[str]:
        """Return the argv that runs a program of a POSIX shell on the host.

        Its standard streams MUST be those of the program, unchanged: no terminal, no translation of newlines.
        """

    async def connect(self) -> None:
        """Start the program, and the helper behind it; see `Connection.connect`."""
        await self.close()
        nonce = secrets.token_hex(12)
        argv = tuple(self.command(login_command(nonce)))
        try:
            pipe = await ProcessPipe.start(argv)
        except OSError as error:
            message = f"{argv[0]} cannot be started: {error.strerror}"
            raise HostUnreachableError(message, hint=f"is {argv[0]} installed here?") from error
        try:
            await self._start(pipe, nonce)
        except BaseException:
            await pipe.close()
            raise

    async def _start(self, pipe: ProcessPipe, nonce: str) -> None:
        timeout = self.endpoint.connect_timeout
        client = FramedClient(pipe)
        try:
            async with asyncio.timeout(timeout):
                # One that refuses may have ended by now; what it said is read next.
                with contextlib.suppress(ConnectionError):
                    await pipe.write(helper_payload())
                mark = await client.start(nonce.encode("ascii"))
                self._client = client if mark != boot.SHELL_MARK else await self._start_shell(pipe)
        except TimeoutError as error:
            pipe.abort("it did not answer in time")
            raise HostUnreachableError(f"it did not start the helper in {timeout:g} s") from error
        except ConnectionError as error:
            raise HostUnreachableError(f"{pipe.diagnosis or error}") from error

    async def _start_shell(self, pipe: ProcessPipe) -> ShellClient:
        client = ShellClient(pipe)
        await client.start()
        return client

    async def execute(self, frame: Sequence[Request]) -> Sequence[Reply]:
        """Carry out the requests in order; see `Connection.execute`."""
        if self._client is None:
            raise HostUnreachableError("it is not connected")
        return await self._client.execute(frame)

    async def close(self) -> None:
        """End what runs on the host, and the program."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()
