# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that come from hosts without Python, in whatever pieces the network makes of them."""

from __future__ import annotations

import asyncio
import itertools
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jetpack_core.connections.shell_answers import Tokens
from jetpack_core.connections.shell_transfer import receive
from jetpack_core.contracts.operations import Get
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
