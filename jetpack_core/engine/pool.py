# SPDX-License-Identifier: GPL-3.0-or-later
"""The hosts' connections of one run: opened on first use, shared by everything, closed at the end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from jetpack_core.errors import HostUnreachableError

if TYPE_CHECKING:
    from jetpack_core.contracts.connection import Connection
    from jetpack_core.contracts.operations import Reply, Request


class LiveHost:
    """A host with its connection; frames of several users of it go one after the other."""

    def __init__(self, name: str, make: Callable[[], Connection]) -> None:
        self.name = name
        self.frames = 0
        self.meet: Callable[[float], asyncio.Future[None]] | None = None
        """How the batch's hosts wait for each other; set while a play runs."""
        self._make = make
        self._connection: Connection | None = None
        self._lost: HostUnreachableError | None = None
        self._lock = asyncio.Lock()

    async def execute(self, frame: Sequence[Request]) -> Sequence[Reply]:
        """Carry out a frame, opening the connection first where it is not. Raises HostUnreachableError."""
        async with self._lock:
            connection = await self._open()
            self.frames += 1
            try:
                return await connection.execute(frame)
            except HostUnreachableError as error:
                self._lost = error
                raise

    async def _open(self) -> Connection:
        if self._lost is not None:
            raise self._lost
        if self._connection is None:
            connection = self._make()
            try:
                await connection.connect()
            except HostUnreachableError as error:
                self._lost = error
                await connection.close()
                raise
            self._connection = connection
        return self._connection

    async def reconnect(self, timeout: float, delay: float) -> None:
        """Drop the connection and try until the host is back; raises HostUnreachableError when time is up."""
        loop = asyncio.get_running_loop()
        end = loop.time() + timeout
        async with self._lock:
            await self._drop()
            while True:
                self._lost = None
                try:
                    await self._open()
                except HostUnreachableError as error:
                    if loop.time() + delay > end:
                        message = f"not back after {timeout:g} s: {error.message}"
                        raise HostUnreachableError(message, hint=error.hint) from error
                    await asyncio.sleep(delay)
                else:
                    return

    async def barrier(self, timeout: float) -> None:
        """Wait for the other hosts of the batch. Raises TimeoutError."""
        if self.meet is not None:
            await asyncio.wait_for(self.meet(timeout), timeout)

    async def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()

    async def close(self) -> None:
        """Hang up; the next frame would open the connection anew."""
        await self._drop()


class Pool:
    """All live hosts of a run, by name."""

    def __init__(self, connect: Callable[[str], Connection]) -> None:
        self._connect = connect
        self._hosts: dict[str, LiveHost] = {}

    def host(self, name: str) -> LiveHost:
        """Return a host's live side; nothing is opened yet."""
        if name not in self._hosts:
            self._hosts[name] = LiveHost(name, lambda: self._connect(name))
        return self._hosts[name]

    async def close(self) -> None:
        """Hang up everywhere, in parallel."""
        await asyncio.gather(*(host.close() for host in self._hosts.values()))
