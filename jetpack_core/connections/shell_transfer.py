# SPDX-License-Identifier: GPL-3.0-or-later
"""File contents to and from a shell."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from jetpack_core.connections import codec, shell_answers
from jetpack_core.connections.transfer import Receiver, SourceError
from jetpack_core.contracts.operations import Reply
from jetpack_core.errors import OperationCode, OperationError

if TYPE_CHECKING:
    from jetpack_core.connections.shell_answers import Tokens
    from jetpack_core.contracts.operations import Get

PIECE: Final = 2 << 20
"""Bytes that are sent in one step."""


async def chunks(source: Path | bytes | None) -> AsyncIterator[bytes]:
    """Yield content in pieces. Raises OSError."""
    if isinstance(source, bytes):
        for start in range(0, len(source), PIECE):
            yield source[start : start + PIECE]
        return
    if source is None:
        return
    file = await asyncio.to_thread(source.open, "rb", 0)
    with file:
        while data := await asyncio.to_thread(file.read, PIECE):
            yield data


async def with_last(pieces: AsyncIterator[bytes]) -> AsyncIterator[tuple[bytes, bool]]:
    """Yield every piece, and whether it is the last; of no content, one empty piece."""
    ready = b""
    async for piece in pieces:
        if ready:
            yield ready, False
        ready = piece
    yield ready, True


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
