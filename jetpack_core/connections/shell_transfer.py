# SPDX-License-Identifier: GPL-3.0-or-later
"""File contents to and from a shell."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from jetpack_core.connections import codec, shell_answers
from jetpack_core.connections.limits import ConnectLimiter
from jetpack_core.connections.transfer import Receiver, SourceError, opened, piece_size, sending
from jetpack_core.contracts.operations import Reply
from jetpack_core.errors import OperationCode, OperationError

if TYPE_CHECKING:
    from jetpack_core.connections.pipe import Pipe
    from jetpack_core.connections.shell_answers import Tokens
    from jetpack_core.connections.transfer import Content
    from jetpack_core.contracts.operations import Get

PIECE: Final = 2 << 20
"""Bytes that are sent in one step, before the shell has answered."""


class ShortenedError(ConnectionError):
    """A file of the control machine has fewer bytes than were promised to the host."""


@dataclass(frozen=True, slots=True)
class Piece:
    """What is sent in one step: its size is told before its bytes, which are read as they leave."""

    size: int
    total: int
    """Of this piece and all before it."""
    last: bool
    parts: AsyncIterator[bytes]
    """At least one, though it may be empty. Raises ShortenedError."""


async def pieces(source: Path | bytes) -> AsyncIterator[Piece]:
    """Yield content in pieces; of no content, one empty piece. Raises OSError."""
    limiter = ConnectLimiter.of_loop()
    with sending(limiter):
        async with opened(source) as content:
            total, last = 0, False
            while not last:
                piece = await _piece(content, total, limiter)
                total, last = piece.total, piece.last
                yield piece


async def _piece(content: Content, before: int, limiter: ConnectLimiter) -> Piece:
    begun = await content.read(piece_size(limiter))
    if content.size:
        size = min(len(begun) + content.size, PIECE)
        last = size == len(begun) + content.size
    else:
        # At its end, or one of those files whose size the system does not know.
        more = begun
        while more and len(begun) < PIECE:
            more = await content.read(PIECE - len(begun))
            begun += more
        size, last = len(begun), not more
    return Piece(size, before + size, last, _parts(content, begun, size, limiter))


async def _parts(content: Content, part: bytes, size: int, limiter: ConnectLimiter) -> AsyncIterator[bytes]:
    """Yield the bytes of a piece, of which the first part was read already."""
    yield part
    while size := size - len(part):
        try:
            part = await content.read(min(size, piece_size(limiter)))
        except OSError as error:
            raise ShortenedError(f"the file that was sent cannot be read any more: {error.strerror}") from error
        if not part:
            raise ShortenedError("the file that was sent became shorter meanwhile")
        yield part


async def send(pipe: Pipe, address: bytes, piece: Piece) -> None:
    """Send a piece; the last one tells the size of all, so that what is cut off is never put in place.

    Raises ConnectionError, also where a file became shorter: the shell would wait for the rest of it forever.
    """
    order = address + (b"P%d %d\n" % (piece.size, piece.total) if piece.last else b"D%d\n" % piece.size)
    try:
        async for part in piece.parts:
            await pipe.write(order + part)
            order = b""
    except ShortenedError as error:
        pipe.abort(str(error))
        raise


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
