# SPDX-License-Identifier: GPL-3.0-or-later
"""Messages between the control side and the helper: a fixed head, a JSON body and raw bytes.

The head is 16 bytes, big-endian: kind (1), flags (1), user (2), frame (4), length of the body (4), length of the
bytes (4). `user` 0 is the helper itself, any other number one of the become helpers it started. Python 3.6.
"""

import os
import select
import struct
import zlib

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NamedTuple

    class Message(NamedTuple):
        """One message, as it was received."""

        kind: int
        flags: int
        user: int
        frame: int
        body: bytes
        blob: bytes


HEAD = struct.Struct("!BBHIII")

# From the control side.
REQUESTS, DATA, CANCEL, PING, BECOME = 1, 2, 3, 4, 5
# From one helper to that of another user.
FOLLOW = 6
# From the helper.
HELLO, REPLIES, OUTPUT, CONTENT, ACK, PONG = 16, 17, 18, 19, 20, 21

LAST = 1
"""No message follows in answer to this segment, or in this stream of data."""
STOPPED = 2
"""With LAST on REPLIES: a changing request failed, or did not run."""
PACKED = 4
"""The bytes are compressed by zlib."""
PACKED_BODY = 8
"""So is the body."""
BROKEN = 16
"""On DATA: the sender could not read on; the body says why."""

BODY_LIMIT = 64 << 20
BLOB_LIMIT = 256 << 20
CHUNK = 256 << 10
"""Bytes of file content in one message."""
WORTH_PACKING = 512


class ProtocolError(Exception):
    """The other side does not keep to the protocol."""


class Gone(Exception):
    """The other side hung up."""


def pack(data: bytes) -> "bytes | None":
    """Return the bytes compressed, or None when that does not pay."""
    if len(data) < WORTH_PACKING:
        return None
    if len(data) > 16384 and len(zlib.compress(data[:4096], 1)) > 3500:
        return None
    packed = zlib.compress(data, 1)
    return packed if len(packed) < len(data) * 9 // 10 else None


def unpack(data: bytes, limit: int) -> bytes:
    """Return the bytes that were compressed; raises ProtocolError when they are over the limit."""
    decoder = zlib.decompressobj()
    try:
        plain = decoder.decompress(data, limit)
    except zlib.error as error:
        raise ProtocolError("compressed data is damaged: {}".format(error))
    if decoder.unconsumed_tail:
        raise ProtocolError("a message is over the size limit")
    return plain


def encode(
    kind: int, frame: int, body: bytes = b"", blob: bytes = b"", flags: int = 0, user: int = 0, packing: bool = True
) -> bytes:
    """Return the bytes of one message; `packing` compresses what gets smaller by it."""
    if packing:
        packed = pack(body)
        if packed is not None:
            body = packed
            flags |= PACKED_BODY
        packed = pack(blob)
        if packed is not None:
            blob = packed
            flags |= PACKED
    return HEAD.pack(kind, flags, user, frame, len(body), len(blob)) + body + blob


class Parser:
    """Cut a stream of bytes into messages."""

    def __init__(self) -> None:
        self.buffer = bytearray()

    def feed(self, data: bytes) -> None:
        """Add received bytes."""
        self.buffer += data

    def raw(self) -> "bytes | None":
        """Return the next whole message as it was sent, or None; raises ProtocolError."""
        buffer = self.buffer
        if len(buffer) < HEAD.size:
            return None
        _, _, _, _, body, blob = HEAD.unpack_from(buffer)
        if body > BODY_LIMIT or blob > BLOB_LIMIT:
            raise ProtocolError("a message is over the size limit")
        size = HEAD.size + body + blob
        if len(buffer) < size:
            return None
        raw = bytes(buffer[:size])
        del buffer[:size]
        return raw

    def message(self) -> "Message | None":
        """Return the next whole message, or None while there is none; raises ProtocolError."""
        raw = self.raw()
        return None if raw is None else decode(raw)


def decode(raw: bytes) -> "Message":
    """Return the parts of one whole message; raises ProtocolError."""
    kind, flags, user, frame, length, _ = HEAD.unpack_from(raw)
    body = raw[HEAD.size : HEAD.size + length]
    blob = raw[HEAD.size + length :]
    if flags & PACKED_BODY:
        body = unpack(body, BODY_LIMIT)
    if flags & PACKED:
        blob = unpack(blob, BLOB_LIMIT)
    return (kind, flags, user, frame, body, blob)  # type: ignore[return-value]


def write_all(fd: int, data: bytes) -> None:
    """Write every byte, waiting where the descriptor does not block; raises Gone."""
    view = memoryview(data)
    while view:
        try:
            view = view[os.write(fd, view[: 1 << 20]) :]
        except BlockingIOError:
            select.select([], [fd], [])
        except OSError as error:
            raise Gone(str(error))
