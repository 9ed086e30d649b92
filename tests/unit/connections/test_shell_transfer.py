# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that go to and come from hosts without Python, in whatever pieces the network makes of them."""

from __future__ import annotations

import asyncio
import itertools
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jetpack_core.connections.codec import Source
from jetpack_core.connections.limits import ConnectLimiter
from jetpack_core.connections.shell_answers import Tokens
from jetpack_core.connections.shell_transfer import HELD_TOGETHER, PIECE, pieces, receive
from jetpack_core.connections.transfer import SMALLEST
from jetpack_core.contracts.operations import Get
from jetpack_core.errors import SourceChangedError
from jetpack_core.records import FileStat

NONCE = "b77500ca22df1f775a3d8002"
LINE = b"81a4 0 0 6000 1795263436 root root\n"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(first=st.integers(1, 4300), step=st.integers(1, 3000), content=st.binary(max_size=6000))
def test_a_file_comes_whole_however_it_is_cut(tmp_path: Path, first: int, step: int, content: bytes) -> None:
    content = content.ljust(6000, b"\0")
    told = LINE + content + b"\n--" + NONCE.encode() + b" 0 \n"
    cuts = [0, first, *range(first + step, len(told), step), len(told)]
    pieces = [told[start:end] for start, end in itertools.pairwise(cuts)]
    tokens = Tokens(NONCE)

    async def more() -> None:
        tokens.feed(pieces.pop(0))

    reply = asyncio.run(receive(Get("/etc/file", tmp_path / "file"), tokens, more))
    assert reply is not None
    assert reply.error is None
    assert (tmp_path / "file").read_bytes() == content
    assert isinstance(reply.value, FileStat)
    assert (reply.value.owner, reply.value.size) == ("root", 6000)


def taken(content: bytes, source: Path | None = None, *, hosts: int = 0) -> tuple[bytes, list[tuple[int, int, bool]]]:
    """Return what pieces hold together, and the size, total and place of each, while so many other hosts are sent."""

    async def run() -> tuple[bytes, list[tuple[int, int, bool]]]:
        ConnectLimiter.of_loop().sending = hosts
        data, found = bytearray(), []
        async for piece in pieces(content if source is None else Source(source)):
            parts = [part async for part in piece.parts]
            assert parts
            assert sum(map(len, parts)) == piece.size
            data += b"".join(parts)
            found.append((piece.size, piece.total, piece.last))
        return bytes(data), found

    return asyncio.run(run())


@pytest.mark.parametrize("hosts", [0, 40, 1000])
@pytest.mark.parametrize("in_file", [True, False])
@pytest.mark.parametrize("size", [0, 1, 300_000, PIECE, PIECE + 1, 2 * PIECE, 2 * PIECE + 1, 5 * PIECE - 1])
def test_content_comes_whole_in_as_few_steps_as_memory_allows(
    size: int, in_file: bool, hosts: int, tmp_path: Path
) -> None:
    content = os.urandom(size)
    (tmp_path / "source").write_bytes(content)
    data, found = taken(content, tmp_path / "source" if in_file else None, hosts=hosts)
    assert data == content
    assert [total for _, total, _ in found] == list(itertools.accumulate(size for size, _, _ in found))
    assert [last for *_, last in found] == [False] * (len(found) - 1) + [True]
    fewest = max(-(-size // PIECE), 1)
    held = max(HELD_TOGETHER // (hosts + 1), SMALLEST)
    assert len(found) == (fewest + 1 if held < size <= PIECE else fewest)
    assert found[-1][0] <= max(held, PIECE if hosts == 0 else 0)


@pytest.mark.parametrize("size", [PIECE - 1, 3 * PIECE])
def test_what_is_cut_off_meanwhile_is_filled_up_and_then_told(size: int, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"x" * size)

    async def run() -> list[int]:
        sizes = []
        ConnectLimiter.of_loop().sending = 40
        async for piece in pieces(Source(source)):
            os.truncate(source, 1000)
            sizes.append(len(b"".join([part async for part in piece.parts])))
            assert sizes[-1] == piece.size
            assert not piece.last
        return sizes

    with pytest.raises(SourceChangedError, match="source changed while it was being sent"):
        asyncio.run(run())
