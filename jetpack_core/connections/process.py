# SPDX-License-Identifier: GPL-3.0-or-later
"""Reach a host by a pipe to a shell there: the bases of connections that plugins add."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from abc import abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from jetpack_core.connections.framed import FramedClient
from jetpack_core.connections.payload import helper_payload, login_command
from jetpack_core.connections.pipe import Pipe, ProcessPipe
from jetpack_core.connections.remote.helper import boot
from jetpack_core.connections.shell import ShellClient
from jetpack_core.contracts.connection import Connection, Endpoint
from jetpack_core.errors import HostUnreachableError

if TYPE_CHECKING:
    from jetpack_core.contracts.operations import Reply, Request


class PipeConnection(Connection):
    """A host behind a stream of bytes to and from a shell program there.

    A subclass opens the stream; everything else is done by the same helper that hosts get over SSH, or without
    Python on the host by its shell.
    """

    holds: ClassVar[bool] = True

    def __init__(self, endpoint: Endpoint) -> None:
        super().__init__(endpoint)
        self._client: FramedClient | ShellClient | None = None

    @abstractmethod
    async def open(self, program: str) -> Pipe:
        """Run a program of a POSIX shell on the host and return its standard streams, unchanged.

        There MUST be no terminal and no translation of newlines. Raises HostUnreachableError.
        """

    async def connect(self) -> None:
        """Start the program, and the helper behind it; see `Connection.connect`."""
        await self.close()
        nonce = secrets.token_hex(12)
        pipe = await self.open(login_command(nonce))
        try:
            await self._start(pipe, nonce)
        except BaseException:
            await pipe.close()
            raise

    async def _start(self, pipe: Pipe, nonce: str) -> None:
        timeout = self.endpoint.connect_timeout
        client = FramedClient(pipe, patience=timeout)
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

    async def _start_shell(self, pipe: Pipe) -> ShellClient:
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


class ProcessConnection(PipeConnection):
    """A host behind a program such as `docker exec`, `kubectl exec`, `nsenter` or `chroot`.

    A subclass says how to run a shell program there.

    Example::

        class PodConnection(ProcessConnection):
            summary = "act in a pod"

            def command(self, program: str) -> Sequence[str]:
                return ["kubectl", "exec", "-i", self.endpoint.host, "--", "/bin/sh", "-c", program]
    """

    @abstractmethod
    def command(self, program: str) -> Sequence[str]:
        """Return the argv that runs a program of a POSIX shell on the host.

        Its standard streams MUST be those of the program, unchanged: no terminal, no translation of newlines.
        """

    async def open(self, program: str) -> Pipe:
        """Start the program of this machine."""
        argv = tuple(self.command(program))
        try:
            return await ProcessPipe.start(argv)
        except OSError as error:
            message = f"{argv[0]} cannot be started: {error.strerror}"
            raise HostUnreachableError(message, hint=f"is {argv[0]} installed here?") from error
