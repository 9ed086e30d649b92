# SPDX-License-Identifier: GPL-3.0-or-later
"""A TCP proxy with a delay, for tests of round trips and of networks that fail."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import Self, TypeVar

_CHUNK = 1 << 16
_ANSWER_TIMEOUT = 10.0

T = TypeVar("T")


class DelayingProxy:
    """Listens on 127.0.0.1 and hands bytes to a target, each `delay` seconds late in either direction.

    The delay is latency, not a limit of throughput: what is sent together arrives together. It may be
    changed at any time, and counts from then on for what is read from then on.

    `turns` is the number of round trips that were waited for, one after the other: of one connection, and told by what
    had been delivered when something was sent, not by the clock. A slow machine can make it larger, never smaller.
    """

    def __init__(self, target: str, port: int, *, delay: float = 0.0) -> None:
        """Name the target's address and port; nothing listens before the proxy is entered."""
        self._target = (target, port)
        self.delay = delay
        self.address = "127.0.0.1"
        self.port = 0
        self.connections = 0
        self.bytes_up = 0
        self.bytes_down = 0
        self.turns = 0
        self._delivered = {True: 0, False: 0}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="delaying-proxy", daemon=True)
        self._open_gate = asyncio.Event()
        self._open_gate.set()
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._sessions: set[asyncio.Task[None]] = set()

    def __enter__(self) -> Self:
        """Start to listen on a free port."""
        self._thread.start()
        self._server = self._on_loop(asyncio.start_server(self._accept, self.address, 0))
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop listening and drop every connection."""
        self._on_loop(self._shut_down())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_ANSWER_TIMEOUT)
        self._loop.close()

    def black_hole(self) -> None:
        """Let nothing through any more, in either direction, while every connection stays open."""
        self._call(self._open_gate.clear)

    def restore(self) -> None:
        """Let everything through again, first what the black hole kept."""
        self._call(self._open_gate.set)

    def cut(self) -> None:
        """Reset every open connection; new ones are let in."""
        self._call(self._abort_all)

    def reset_counters(self) -> None:
        """Set connections, bytes and turns to zero."""
        self.connections = self.bytes_up = self.bytes_down = self.turns = 0
        self._delivered = {True: 0, False: 0}

    def _on_loop(self, work: Coroutine[object, object, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(_ANSWER_TIMEOUT)

    def _call(self, action: Callable[[], None]) -> None:
        async def act() -> None:
            action()

        self._on_loop(act())

    async def _shut_down(self) -> None:
        if self._server is not None:
            self._server.close()
        self._abort_all()
        for session in list(self._sessions):
            session.cancel()
        await asyncio.gather(*self._sessions, return_exceptions=True)

    def _abort_all(self) -> None:
        for writer in list(self._writers):
            writer.transport.abort()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        session = asyncio.current_task()
        if session is not None:
            self._sessions.add(session)
            session.add_done_callback(self._sessions.discard)
        self.connections += 1
        self._writers.add(writer)
        try:
            await self._serve(reader, writer)
        except (OSError, asyncio.CancelledError):
            writer.transport.abort()
        finally:
            self._writers.discard(writer)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection(*self._target)
        self._writers.add(far_writer)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._carry(reader, far_writer, up=True))
                group.create_task(self._carry(far_reader, writer, up=False))
        except* OSError:
            writer.transport.abort()
        finally:
            self._writers.discard(far_writer)
            far_writer.transport.abort()
            writer.close()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, up: bool) -> None:
        waiting: asyncio.Queue[tuple[float, int, bytes]] = asyncio.Queue()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._deliver(waiting, writer, up=up))
            while True:
                chunk = await reader.read(_CHUNK)
                turn = self._count(len(chunk), up=up)
                waiting.put_nowait((self._loop.time() + self.delay, turn, chunk))
                if not chunk:
                    break

    def _count(self, size: int, *, up: bool) -> int:
        """Return in which turn bytes were sent: what comes up begins one more than whatever it could have read."""
        if not up:
            self.bytes_down += size
            return self._delivered[True]
        self.bytes_up += size
        turn = self._delivered[False] + 1
        if size:
            self.turns = max(self.turns, turn)
        return turn

    async def _deliver(
        self, waiting: asyncio.Queue[tuple[float, int, bytes]], writer: asyncio.StreamWriter, *, up: bool
    ) -> None:
        while True:
            due, turn, chunk = await waiting.get()
            await asyncio.sleep(max(0.0, due - self._loop.time()))
            await self._open_gate.wait()
            if not chunk:
                break
            self._delivered[up] = max(self._delivered[up], turn)
            writer.write(chunk)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()
