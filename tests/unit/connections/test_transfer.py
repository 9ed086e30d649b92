# SPDX-License-Identifier: GPL-3.0-or-later
"""Files on their way to the helper: whole, in small pieces, and compressed where that pays."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from jetpack_core.connections.codec import Source
from jetpack_core.connections.limits import ConnectLimiter
from jetpack_core.connections.remote.helper import wire
from jetpack_core.connections.transfer import AS_THEY_ARE, SMALLEST, WINDOW, Sender


def sent(*sources: Source | bytes, hosts: int = 0) -> list[bytes]:
    """Return the messages that carry some contents, while so many other hosts are sent files as well."""

    async def run() -> list[bytes]:
        ConnectLimiter.of_loop().sending = hosts
        sender = Sender(1, packing=True)
        for index, source in enumerate(sources):
            sender.add(index, 0, source)
        messages = []
        async for message in sender.messages():
            messages.append(message)
            sender.acknowledge(0 if len(messages) == 1 else len(wire.decode(messages[-1])[5]))
        return messages

    return asyncio.run(run())


def received(messages: list[bytes]) -> bytes:
    return b"".join(wire.decode(message)[5] for message in messages)


@pytest.mark.parametrize("in_file", [True, False])
@pytest.mark.parametrize("size", [0, 1, wire.CHUNK, wire.CHUNK + 1, WINDOW + wire.CHUNK])
def test_content_comes_whole(in_file: bool, size: int, tmp_path: Path) -> None:
    content = os.urandom(size)
    (tmp_path / "file").write_bytes(content)
    messages = sent(Source(tmp_path / "file") if in_file else content)
    assert received(messages) == content
    assert [bool(message[1] & wire.LAST) for message in messages] == [False] * (len(messages) - 1) + [True]


def test_the_more_hosts_the_smaller_the_pieces() -> None:
    content = os.urandom(1 << 20)
    largest = [max(map(len, sent(content, hosts=hosts))) for hosts in (0, 8, 1000)]
    assert largest[0] > largest[1] > largest[2] >= SMALLEST
    assert largest[2] < SMALLEST + 100


def test_bytes_that_get_no_smaller_are_rarely_compressed(monkeypatch: pytest.MonkeyPatch) -> None:
    tried = 0
    pack = wire.pack

    def counted(data: bytes) -> bytes | None:
        nonlocal tried
        tried += len(data) >= wire.WORTH_PACKING
        return pack(data)

    monkeypatch.setattr(wire, "pack", counted)
    pieces = sent(os.urandom(1 << 20), hosts=1000)
    assert len(pieces) == (1 << 20) // SMALLEST + 1
    assert tried == -(-(len(pieces) - 1) // (AS_THEY_ARE + 1))


def test_what_can_be_compressed_is_found_behind_what_cannot() -> None:
    content = os.urandom(SMALLEST) + bytes(1 << 20)
    messages = sent(content, bytes(1 << 20), hosts=1000)
    assert received(messages) == content + bytes(1 << 20)
    assert sum(map(len, messages)) < SMALLEST * (AS_THEY_ARE + 2)


def test_a_file_that_cannot_be_read_is_told_to_the_host(tmp_path: Path) -> None:
    (message,) = sent(Source(tmp_path / "nothing"))
    assert message[1] & wire.BROKEN
    assert b"cannot be read on the control machine: No such file" in message
