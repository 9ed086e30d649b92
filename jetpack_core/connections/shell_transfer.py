# SPDX-License-Identifier: GPL-3.0-or-later
"""File contents to and from a shell."""

from __future__ import annotations

import asyncio
import errno
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from jetpack_core.connections import codec, shell_answers
from jetpack_core.connections.limits import ConnectLimiter
from jetpack_core.connections.transfer import Receiver, SourceError, opened, piece_size, sending
from jetpack_core.contracts.operations import Reply
from jetpack_core.errors import OperationCode, OperationError

if TYPE_CHECKING:
    from jetpack_core.connections.codec import Source
    from jetpack_core.connections.pipe import Pipe
    from jetpack_core.connections.shell_answers import Tokens
    from jetpack_core.connections.transfer import Content
    from jetpack_core.contracts.operations import Get

PIECE: Final = 2 << 20
"""Bytes that are sent in one step, before the shell has answered."""
HELD_TOGETHER: Final = 8 << 20
"""Bytes of last pieces that may be in memory for all hosts; where less is left for each, it takes one more step."""


@dataclass(frozen=True, slots=True)
class Piece:
    """What is sent in one step: its size is told before its bytes, which are read as they leave."""

    size: int
    total: int
    """Of this piece and all before it."""
    last: bool
    parts: AsyncIterator[bytes]
    """At least one, though it may be empty."""


async def pieces(source: Source | bytes) -> AsyncIterator[Piece]:
    """Yield content in pieces; of no content, one empty piece. Raises OSError, StaleError and SourceChangedError.

    The size of a piece is told before its bytes leave, and the last one puts the file in place. So that one is read
    wholly and seen to be right before any of it is sent.
    """
    limiter = ConnectLimiter.of_loop()
    with sending(limiter):
        async with opened(source) as content:
            total, last = 0, False
            while not last:
                piece = await _piece(content, total, limiter)
                total, last = piece.total, piece.last
                yield piece


async def _piece(content: Content, before: int, limiter: ConnectLimiter) -> Piece:
    if content.failure is not None:
        raise content.failure
    held = max(min(PIECE, HELD_TOGETHER // max(limiter.sending, 1)), piece_size(limiter))
    if content.size > held:
        size = content.size - held if content.size <= 2 * PIECE else PIECE
        return Piece(size, before + size, last=False, parts=_parts(content, size, limiter))
    known = content.size
    wanted = known or PIECE
    data = bytearray()
    while len(data) < wanted and (more := await content.read(wanted - len(data))):
        data += more
    # One of those files whose size the system does not know ends where nothing more comes.
    last = known > 0 or len(data) < wanted
    if last:
        content.check()
    return Piece(len(data), before + len(data), last, _whole(data, limiter))


async def _whole(data: bytearray, limiter: ConnectLimiter) -> AsyncIterator[bytes]:
    """Yield what is in memory, at least once."""
    start = 0
    while start < max(len(data), 1):
        end = start + piece_size(limiter)
        yield bytes(memoryview(data)[start:end])
        start = end


async def _parts(content: Content, size: int, limiter: ConnectLimiter) -> AsyncIterator[bytes]:
    """Yield the bytes of a piece; where they cannot be read, zeros, for the shell waits for as many as it was told.

    The next step says what was wrong, and has the shell remove what it wrote.
    """
    while size:
        wanted = min(size, piece_size(limiter))
        try:
            part = await content.read(wanted)
            if not part:
                raise OSError(errno.EIO, "it ends before the size that the system tells")
        except (OSError, OperationError) as error:
            content.failure = content.failure or error
            part = bytes(wanted)
        yield part
        size -= len(part)


async def send(pipe: Pipe, address: bytes, piece: Piece) -> None:
    """Send a piece; the last one tells the size of all, so that what is cut off is never put in place.

    Raises ConnectionError.
    """
    order = address + (b"P%d %d\n" % (piece.size, piece.total) if piece.last else b"D%d\n" % piece.size)
    async for part in piece.parts:
        await pipe.write(order + part)
        order = b""


async def receive(operation: Get, tokens: Tokens, more: Callable[[], Awaitable[None]]) -> Reply | None:
    """Take in a file: a line that describes it, then its bytes, until the answer's end."""
    receiver = Receiver(operation.destination)
    total = hashlib.sha256()
    try:
        line, size, described = b"", 0, False
        while True:
            token = tokens.next()
            data = tokens.spill() if token is None else token.before
            if not described:
                # The line may come in pieces, like everything that is read from a host.
                begun, newline, data = data.partition(b"\n")
                line, described = line + begun, bool(newline)
            if data:
                total.update(data)
                size += len(data)
                await asyncio.to_thread(receiver.write, data)
            if token is not None:
                break
            await more()
        if token.tag == b"==":
            return None
        failed = codec.text(token.words).partition(" ")[2]
        if failed:
            return Reply(error=codec.failure(*_parted(failed, operation.path)))
        await asyncio.to_thread(receiver.finish)
        state = shell_answers.fields(operation.path, line)
        return Reply(replace(state, checksum=total.hexdigest(), size=size))
    except SourceError as error:
        return Reply(error=OperationError(OperationCode.OTHER, str(operation.destination), str(error)))
    finally:
        receiver.discard()


def _parted(failed: str, path: str) -> tuple[str, str, str]:
    code, _, detail = failed.partition(" ")
    return code, path, detail
