# SPDX-License-Identifier: GPL-3.0-or-later
"""This machine as a host without Python: everything is done by its shell."""

from __future__ import annotations

from collections.abc import Sequence

from jetpack_core.connections.payload import SHELL_BOOT
from jetpack_core.connections.pipe import ProcessPipe
from jetpack_core.connections.remote.helper import boot
from jetpack_core.connections.shell import ShellClient
from jetpack_core.contracts.connection import Connection, Endpoint
from jetpack_core.contracts.operations import Reply, Request
from jetpack_core.errors import HostUnreachableError


class ShellConnection(Connection):
    """This machine, acted on by a POSIX shell, as hosts without Python are.

    Example::

        with TestHost(ShellConnection()) as host:
            assert host.ask(host.stat("/etc/passwd")).is_file

    :param shell: The shell's argv, such as `("busybox", "sh")`.
    """

    def __init__(self, endpoint: Endpoint | None = None, *, shell: Sequence[str] = ("sh",)) -> None:
        super().__init__(endpoint or Endpoint("localhost"))
        self._shell = tuple(shell)
        self._client: ShellClient | None = None

    async def connect(self) -> None:
        """Start the shell. Raises HostUnreachableError."""
        await self.close()
        pipe = await ProcessPipe.start([*self._shell, "-c", SHELL_BOOT])
        if await pipe.read() != boot.SHELL_MARK.encode():
            await pipe.close()
            raise HostUnreachableError(f"{self._shell[0]} does not start: {pipe.diagnosis}")
        self._client = ShellClient(pipe)
        await self._client.start()

    async def execute(self, frame: Sequence[Request]) -> Sequence[Reply]:
        """Carry out the requests in order; see `Connection.execute`."""
        if self._client is None:
            raise HostUnreachableError(f"{self.endpoint.host} is not connected")
        return await self._client.execute(frame)

    async def close(self) -> None:
        """End the shell."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()
