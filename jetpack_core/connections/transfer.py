# SPDX-License-Identifier: GPL-3.0-or-later
"""File contents on their way: sent in a window of unconfirmed bytes, received beside their destination."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import tempfile
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

from jetpack_core.connections import codec
from jetpack_core.connections.limits import ConnectLimiter
from jetpack_core.connections.remote.helper import wire
from jetpack_core.contracts.sources import SourceFile
from jetpack_core.errors import OperationError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from jetpack_core.connections.codec import Source

WINDOW: Final = 4 << 20
"""Bytes that may be under way without being confirmed."""
TOGETHER: Final = 1 << 20
"""Bytes of files that may be in memory for all hosts, as far as pieces can be made small enough."""
SMALLEST: Final = 32 << 10
"""Bytes of a piece for one of very many hosts; smaller ones would cost more time than the memory is worth."""
FAST: Final = 40e6
"""Bytes a second above which compressing costs more time than it saves."""
AS_THEY_ARE: Final = 8
"""Pieces that are not compressed after one that did not get smaller by it."""


class SourceError(Exception):
    """A file of the control machine cannot be read or written."""


class Sender:
    """What a frame streams to the host, in the order of its requests."""

    def __init__(self, frame: int, *, packing: bool) -> None:
        self.pending: list[tuple[int, int, Source | bytes]] = []
        self._frame = frame
        self._packing = packing
        self._unconfirmed = 0
        self._confirmed = 0
        self._started = 0.0
        self._room = asyncio.Event()
        self._stopped = False
        self._in_vain = 0
        """How many pieces are to go as they are, since the last one did not get smaller."""
        self._limiter = ConnectLimiter.of_loop()

    def add(self, index: int, user: int, source: Source | bytes) -> None:
        """Add the content for a request of a user's segment."""
        self.pending.append((index, user, source))

    def acknowledge(self, count: int) -> None:
        """Note that the host has taken some bytes."""
        self._unconfirmed -= count
        self._confirmed += count
        self._room.set()

    def stop(self) -> None:
        """Send nothing more: the frame is over."""
        self._stopped = True
        self._room.set()

    @contextlib.contextmanager
    def under_way(self) -> Iterator[None]:
        """Count as one of those who send."""
        with sending(self._limiter):
            yield

    async def messages(self) -> AsyncIterator[bytes]:
        """Yield the messages to send, each once there is room for it."""
        self._started = asyncio.get_running_loop().time()
        for index, user, source in self.pending:
            try:
                self._in_vain = 0
                async with opened(source) as content:
                    # What is read lives on in its message alone: all hosts wait here with one in their hands.
                    while message := await self._next(index, user, content):
                        yield message
                    if self._stopped:
                        return
                    content.check()
                yield self._message(index, user, b"", wire.LAST)
            except (OSError, OperationError) as error:
                yield self._broken(index, user, error)
                return

    async def _next(self, index: int, user: int, content: Content) -> bytes:
        """Return the message with the next piece; empty at the end, or when there is nothing more to send."""
        await self._wait()
        data = b"" if self._stopped else await content.read(piece_size(self._limiter))
        self._unconfirmed += len(data)
        if not data or self._stopped:
            return b""
        packing = self._in_vain == 0 and self._pays()
        message = self._message(index, user, data, packing=packing)
        self._in_vain = max(self._in_vain - 1, 0)
        if packing and not message[1] & wire.PACKED:
            self._in_vain = AS_THEY_ARE
        return message

    async def _wait(self) -> None:
        while self._unconfirmed >= WINDOW and not self._stopped:
            self._room.clear()
            await self._room.wait()

    def _message(self, index: int, user: int, data: bytes, flags: int = 0, *, packing: bool = False) -> bytes:
        body = json.dumps([index]).encode("ascii")
        return wire.encode(wire.DATA, self._frame, body, data, flags, user, packing)

    def _pays(self) -> bool:
        """Tell whether to compress: not while the link proves to be faster than that would be."""
        if not self._packing or self._confirmed < WINDOW:
            return self._packing
        return self._confirmed / (asyncio.get_running_loop().time() - self._started) < FAST

    def _broken(self, index: int, user: int, error: OSError | OperationError) -> bytes:
        body = json.dumps([index, *codec.told(error)])
        return wire.encode(wire.DATA, self._frame, body.encode("ascii"), b"", wire.BROKEN, user)


def piece_size(limiter: ConnectLimiter) -> int:
    """Return how many bytes the next piece may have: the more hosts, the fewer."""
    return max(SMALLEST, min(wire.CHUNK, TOGETHER // max(limiter.sending, 1)))


@contextlib.contextmanager
def sending(limiter: ConnectLimiter) -> Iterator[None]:
    """Count as one of those who send files."""
    limiter.sending += 1
    try:
        yield
    finally:
        limiter.sending -= 1


class Content:
    """What is to be sent, read piece by piece."""

    def __init__(self, source: SourceFile | bytes) -> None:
        self.failure: OSError | OperationError | None = None
        """Why it could not be read, where the reader had to go on all the same."""
        self._source = source
        self._position = 0

    @property
    def size(self) -> int:
        """How many bytes are left, as far as the system knows: some files turn out to be longer."""
        return len(self._source) - self._position if isinstance(self._source, bytes) else self._source.left

    async def read(self, most: int) -> bytes:
        """Return what comes next; empty at the end. Raises OSError and SourceChangedError."""
        if not isinstance(self._source, bytes):
            return await _read(self._source, self._source.share(most))
        start = self._position
        data = self._source[start : start + most]
        self._position += len(data)
        return data

    def check(self) -> None:
        """See that a file is still what was opened. Raises SourceChangedError."""
        if not isinstance(self._source, bytes):
            self._source.check()


@contextlib.asynccontextmanager
async def opened(source: Source | bytes) -> AsyncIterator[Content]:
    """Open what is to be sent. Raises OSError and StaleError."""
    if isinstance(source, bytes):
        yield Content(source)
        return
    with await asyncio.to_thread(SourceFile, *source) as file:
        yield Content(file)


async def _read(file: SourceFile, size: int) -> bytes:
    """Read in a thread what the kernel did not have at hand; at the end, nobody has to wait for it."""
    data = _cached(file.descriptor, file.position, size)
    if not data and size:
        reading = (file.descriptor, size, file.position)
        data = await asyncio.to_thread(os.pread, *reading) if file.left else os.pread(*reading)
    file.took(len(data))
    return data


def _cached(file: int, position: int, size: int) -> bytes:
    """Return bytes that the kernel holds already, without a thread; nothing at the end, or when it had to wait."""
    data = bytearray(size)
    try:
        count = os.preadv(file, [data], position, os.RWF_NOWAIT)
    except (OSError, AttributeError):
        # It had to wait, or the system does not know of this.
        return b""
    return bytes(memoryview(data)[:count])


class Receiver:
    """A file of the control machine that appears whole or not at all; private (0600) like whatever it may hold."""

    def __init__(self, destination: Path) -> None:
        self.destination = destination
        self._file: IO[bytes] | None = None
        self._failed: OSError | None = None

    def _open(self) -> IO[bytes]:
        if self._file is None:
            # The name is renamed by `finish`, so nothing must remove it when the file is closed.
            self._file = tempfile.NamedTemporaryFile(  # noqa: SIM115
                dir=self.destination.parent, prefix=".jetpack-", delete=False
            )
        return self._file

    def write(self, data: bytes) -> None:
        """Add some bytes; a failure is kept for `finish`, since the host goes on sending."""
        if self._failed is None:
            try:
                self._open().write(data)
            except OSError as error:
                self._failed = error

    def finish(self) -> None:
        """Put the file in place. Raises SourceError."""
        try:
            if self._failed is not None:
                raise self._failed
            file = self._open()
            file.close()
            os.replace(file.name, self.destination)  # noqa: PTH105
        except OSError as error:
            self.discard()
            raise SourceError(f"cannot be written on the control machine: {error.strerror}") from error

    def discard(self) -> None:
        """Remove what was received."""
        if self._file is not None:
            self._file.close()
            with contextlib.suppress(OSError):
                Path(self._file.name).unlink()
