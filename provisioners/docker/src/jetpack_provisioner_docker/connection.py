# SPDX-License-Identifier: GPL-3.0-or-later
"""The connection `docker`: a shell in a container, started through the engine's API."""

from __future__ import annotations

import asyncio
import contextlib
import queue
import socket
import struct
import threading
from typing import TYPE_CHECKING, Any, Final

from jetpack_core.connections.pipe import NOTED, READ_SIZE, Pipe
from jetpack_core.connections.process import PipeConnection
from jetpack_core.errors import HostUnreachableError, JetpackError
from jetpack_provisioner_docker.engine import address_of, connect, refusals, tls_of

if TYPE_CHECKING:
    from collections.abc import Callable

_HEADER: Final = struct.Struct(">BxxxI")
"""What precedes each piece of output: the stream, and its length (Engine API, ContainerAttach)."""
_STDERR: Final = 2
_AHEAD: Final = 16
"""Pieces that are read before they are asked for, and written before they are sent."""


class DockerConnection(PipeConnection):
    """Act in a container, by what runs in it: the helper where it has Python, its shell where not.

    Reads `jet_docker_container` (the host's name if not said), `jet_docker_engine` and `jet_docker_tls`. The user is
    the container's own, unless `jet_ssh_user` or `--user` names one.
    """

    summary = "act in a container through the Docker Engine"

    async def open(self, program: str) -> Pipe:
        """Run a shell program in the container."""
        return await asyncio.to_thread(self._open, program, asyncio.get_running_loop())

    def _open(self, program: str, loop: asyncio.AbstractEventLoop) -> Pipe:
        variables = self.endpoint.variables
        name = str(variables.get("jet_docker_container") or self.endpoint.address or self.endpoint.host)
        try:
            engine = connect(address_of(variables, None), tls_of(variables, None))
            with refusals(f"the container {name}"):
                api: Any = engine.api
                made = api.exec_create(
                    name,
                    ["/bin/sh", "-c", program],
                    stdin=True,
                    user=self.endpoint.user or "",
                    # Without a home of its own, the shell would take the image's.
                    environment={"LC_ALL": "C.UTF-8"},
                )
                opened = api.exec_start(made["Id"], socket=True)
        except JetpackError as error:
            raise HostUnreachableError(error.message, hint=error.hint or "is the container running?") from error
        return ExecPipe(opened, engine.close, loop)


class ExecPipe(Pipe):
    """The streams of a program that runs in a container.

    What carries them may be a plain socket, TLS or a process, all of which block, so a thread reads and one writes.
    """

    def __init__(self, opened: Any, hang_up: Callable[[], None], loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self._opened = opened
        # The SDK wraps plain sockets in a reader; TLS and ssh have the methods of a socket themselves.
        self._socket: Any = getattr(opened, "_sock", opened)
        if hasattr(self._socket, "settimeout"):
            self._socket.settimeout(None)
        self._hang_up = hang_up
        self._loop = loop
        self._read: asyncio.Queue[bytes] = asyncio.Queue()
        self._room = threading.Semaphore(_AHEAD)
        self._outgoing: queue.Queue[tuple[bytes, asyncio.Future[None]] | None] = queue.Queue()
        self._said = b""
        self._why = ""
        self._ended = False
        for work in (self._listen, self._speak):
            threading.Thread(target=work, name="docker-exec", daemon=True).start()

    # In threads.

    def _listen(self) -> None:
        try:
            while (header := self._exactly(_HEADER.size)) is not None:
                stream, length = _HEADER.unpack(header)
                while length:
                    piece = self._some(min(length, READ_SIZE))
                    if not piece:
                        return
                    length -= len(piece)
                    if stream == _STDERR:
                        self._said = (self._said + piece)[-NOTED:]
                    else:
                        self._room.acquire()
                        self._tell(self._read.put_nowait, piece)
        except (OSError, ValueError) as error:
            self._why = self._why or str(error)
        finally:
            self._tell(self._read.put_nowait, b"")

    def _exactly(self, size: int) -> bytes | None:
        data = b""
        while len(data) < size:
            piece = self._some(size - len(data))
            if not piece:
                return None
            data += piece
        return data

    def _some(self, size: int) -> bytes:
        return bytes(self._socket.recv(size))

    def _speak(self) -> None:
        while (item := self._outgoing.get()) is not None:
            data, sent = item
            try:
                view = memoryview(data)
                while view:
                    view = view[self._socket.send(view) :]
            except (OSError, ValueError) as error:
                self._tell(_fail, sent, ConnectionError(str(error)))
            else:
                self._tell(_succeed, sent)

    def _tell(self, function: Callable[..., object], *arguments: object) -> None:
        # The loop may have ended before the thread.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(function, *arguments)

    # In the loop.

    async def read(self) -> bytes:
        """Return what has come; empty at the end."""
        if self._ended and self._read.empty():
            return b""
        data = await self._read.get()
        if data:
            self._room.release()
            self.bytes_in += len(data)
        else:
            self._ended = True
        return data

    async def write(self, data: bytes) -> None:
        """Send all of the bytes. Raises ConnectionError."""
        self.bytes_out += len(data)
        sent: asyncio.Future[None] = self._loop.create_future()
        self._outgoing.put((data, sent))
        await sent

    def abort(self, why: str) -> None:
        """End the streams at once; the helper in the container ends itself by that."""
        self._why = self._why or why
        self._cut()
        self._read.put_nowait(b"")

    def _cut(self) -> None:
        self._outgoing.put(None)
        self._room.release(_AHEAD)
        with contextlib.suppress(OSError, AttributeError):
            self._socket.shutdown(socket.SHUT_RDWR)
        for thing in (self._socket, self._opened):
            with contextlib.suppress(OSError, AttributeError):
                thing.close()

    async def close(self) -> None:
        """Close the input of what runs there, wait for its end, and hang up."""
        with contextlib.suppress(OSError, AttributeError, TypeError):
            self._socket.shutdown(socket.SHUT_WR)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(2):
                while await self.read():
                    pass
        self._cut()
        await asyncio.to_thread(self._hang_up)

    @property
    def diagnosis(self) -> str:
        """What was said on the side, or why the streams ended."""
        return self._why or " ".join(self._said.decode("utf-8", "replace").split())


def _succeed(sent: asyncio.Future[None]) -> None:
    if not sent.done():
        sent.set_result(None)


def _fail(sent: asyncio.Future[None], error: Exception) -> None:
    if not sent.done():
        sent.set_exception(error)
