# SPDX-License-Identifier: GPL-3.0-or-later
"""Waits in the event loop until a socket takes bytes."""

from __future__ import annotations

import asyncio
import contextlib
import os
import select
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import socket


class Outlet:
    """A socket that others own, as the event loop waits for room in it: a slow host must hold up nobody else."""

    def __init__(self, sock: socket.socket) -> None:
        self._loop = asyncio.get_running_loop()
        self._room: asyncio.Event | None = None
        self._fd = -1
        # A number of its own, for the other one may be closed, and given to something else, while we wait.
        with contextlib.suppress(OSError):
            self._fd = os.dup(sock.fileno())
        self._poll = select.poll()
        if self._fd >= 0:
            self._poll.register(self._fd, select.POLLOUT)

    async def has_room(self) -> None:
        """Wait until the kernel takes bytes, or the connection has ended."""
        if self._fd < 0 or self._poll.poll(0):
            return
        if self._room is None:
            self._room = asyncio.Event()
            self._loop.add_writer(self._fd, self._wake)
        await self._room.wait()

    def _wake(self) -> None:
        room, self._room = self._room, None
        if room is not None:
            self._loop.remove_writer(self._fd)
            room.set()

    def close(self) -> None:
        """Give the number back."""
        self._wake()
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
