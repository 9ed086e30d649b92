# SPDX-License-Identifier: GPL-3.0-or-later
"""A paramiko channel as a byte pipe of an event loop, without a thread of its own."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from jetpack_core.connections.outlet import Outlet
from jetpack_core.connections.pipe import NOTED, READ_SIZE, Pipe

if TYPE_CHECKING:
    from collections.abc import Callable

    from paramiko import Channel, Transport

    from jetpack_core.connections.limits import ConnectLimiter

PIECE: Final = 32 << 10
"""Bytes that are sent at once: as many as a socket takes that the kernel says has room."""

_FAREWELL: Final = 3.0
"""Seconds that a host may take to tell how a program ended."""


class Bell:
    """An event as paramiko rings it, in its thread; it wakes the event loop, once until that has looked."""

    def __init__(self, loop: asyncio.AbstractEventLoop, answer: Callable[[], None]) -> None:
        self._loop = loop
        self._answer = answer
        self._rung = False

    def set(self) -> None:
        """Wake the event loop."""
        if not self._rung:
            self._rung = True
            # The loop may be closed already when the last bytes come.
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._ring)

    def clear(self) -> None:
        """Do nothing: readers look for themselves."""

    def _ring(self) -> None:
        self._rung = False
        self._answer()


class _RoomBell(threading.Condition):
    """The condition by which paramiko tells that the other side takes bytes again."""

    def __init__(self, lock: Any, bell: Bell) -> None:
        super().__init__(lock)
        self._bell = bell

    def notify_all(self) -> None:
        super().notify_all()
        self._bell.set()


class ChannelPipe(Pipe):
    """The pipe of one session channel."""

    def __init__(self, channel: Channel, transport: Transport, limiter: ConnectLimiter) -> None:
        from paramiko import SSHException

        super().__init__()
        self._failures = (SSHException, OSError, EOFError)
        self._loop = asyncio.get_running_loop()
        self._channel: Any = channel
        self._transport: Any = transport
        self._limiter = limiter
        self._heard = self._loop.time()
        self._reader: asyncio.Future[None] | None = None
        self._room = asyncio.Event()
        self._first = _first(transport)
        self._outlet = Outlet(self._first.sock)
        self._why = ""
        self._said = b""
        channel.settimeout(0.0)
        self._channel.in_buffer.set_event(Bell(self._loop, self._wake_reader))  # type: ignore[arg-type]
        self._channel.in_stderr_buffer.set_event(Bell(self._loop, self._listen))  # type: ignore[arg-type]
        # It rings with the answer to a global request, and when new keys are in use.
        self._transport.completion_event = Bell(self._loop, self._hear)  # type: ignore[assignment]
        self._channel.out_buffer_cv = _RoomBell(self._channel.lock, Bell(self._loop, self._room.set))

    def _hear(self) -> None:
        self._heard = self._loop.time()

    def _wake_reader(self) -> None:
        self._hear()
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)

    def _listen(self) -> None:
        with contextlib.suppress(TimeoutError):
            while data := self._channel.recv_stderr(READ_SIZE):
                self._said = (self._said + data)[-NOTED:]

    async def read(self) -> bytes:
        """Return what has come; empty at the end."""
        while True:
            try:
                data: bytes = self._channel.recv(READ_SIZE)
            except TimeoutError:
                self._reader = self._loop.create_future()
                # What came between looking and waiting has rung already, or rings now.
                if not self._channel.in_buffer.read_ready() and not self._channel.closed:
                    await self._reader
                continue
            self.bytes_in += len(data)
            return data

    async def write(self, data: bytes) -> None:
        """Send all of the bytes. Raises ConnectionError."""
        self.bytes_out += len(data)
        view = memoryview(data)
        while view:
            self._room.clear()
            sent = await self._send_some(view)
            view = view[sent:]
            if not sent:
                await self._room.wait()
            elif view:
                # Others have their turn before the next piece.
                await asyncio.sleep(0)

    async def _send_some(self, view: memoryview) -> int:
        await self._outlet.has_room()
        if self._first is self._transport and self._transport.clear_to_send.is_set():
            return self._send(view[:PIECE])
        # A channel of a jump host, or a connection that changes its keys, may have us wait within.
        return await self._limiter.writing(partial(self._send, view))

    def _send(self, view: memoryview) -> int:
        """Send as much as fits into the window; raises ConnectionError."""
        try:
            sent: int = self._channel.send(view)
        except TimeoutError:
            return 0
        except self._failures as error:
            raise ConnectionResetError(str(error)) from error
        if sent == 0:
            raise ConnectionResetError("the channel is closed")
        return sent

    def abort(self, why: str) -> None:
        """Cut the connection."""
        self._why = self._why or why
        # Not the channel of a jump host, which may have us wait until it can tell the other side.
        cut(self._first)
        self._channel.in_buffer.close()
        self._room.set()

    async def knock(self) -> None:
        """Have the SSH server answer, whatever the program on the host does meanwhile. Raises ConnectionError."""
        await self._limiter.writing(self._send_request)

    def _send_request(self) -> None:
        # As the OpenSSH client does. The server refuses what it does not know, and that is the answer (RFC 4254, 4).
        from paramiko import Message
        from paramiko.common import cMSG_GLOBAL_REQUEST

        message = Message()
        message.add_byte(cMSG_GLOBAL_REQUEST)
        message.add_string("keepalive@openssh.com")
        message.add_boolean(True)
        try:
            self._transport._send_user_message(message)  # noqa: SLF001 - global_request would wait in a thread
        except self._failures as error:
            raise ConnectionResetError(str(error)) from error

    async def exit_code(self) -> int | None:
        """Return what the program left, which the host tells after the end of its output."""
        ended: threading.Event = self._channel.status_event
        if not ended.is_set():
            # Set as well when the connection is gone.
            await self._limiter.writing(lambda: ended.wait(_FAREWELL))
        code: int = self._channel.exit_status
        return None if code < 0 else code

    async def close(self) -> None:
        """End the input and wait a little for the host to tidy up."""
        with contextlib.suppress(*self._failures, asyncio.CancelledError):
            self._channel.shutdown_write()
            async with asyncio.timeout(3):
                while await self.read():
                    continue
        self._outlet.close()

    @property
    def diagnosis(self) -> str:
        """What ended the connection, and what the host said aside of it."""
        self._listen()
        said = " ".join(self._said.decode("utf-8", "replace").split())
        error = self._transport.get_exception() if not self._why else None
        return self._why or said or (str(error) if error is not None else "")

    @property
    def last_heard(self) -> float:
        """The loop's time when bytes last came."""
        return self._heard


def _first(transport: Any) -> Any:
    """Return the transport that has a socket of its own: that of the first jump host, where there is one."""
    while not isinstance(transport.sock, socket.socket):
        transport = transport.sock.get_transport()
    return transport


def cut(transport: Any) -> None:
    """Shut a transport's socket, so that its thread and whoever waits for it go on; never raises."""
    sock = transport.sock
    with contextlib.suppress(OSError, EOFError):
        sock.shutdown(2)
    with contextlib.suppress(OSError, EOFError):
        sock.close()
