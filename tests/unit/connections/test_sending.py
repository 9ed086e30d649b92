# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever goes wrong while a file is sent ends the frame; nobody waits for the rest."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import pytest

from jetpack_core.connections.framed import FramedClient
from jetpack_core.connections.payload import helper_payload
from jetpack_core.connections.pipe import ProcessPipe
from jetpack_core.connections.remote.helper import boot
from jetpack_core.contracts.operations import Put, Request
from jetpack_core.errors import HostUnreachableError

LARGE = 200_000


class Breaking(ProcessPipe):
    """A pipe that fails with large messages, by what nobody foresaw."""

    async def write(self, data: bytes) -> None:
        """Send what is small."""
        if len(data) > LARGE:
            message = "can't start new thread"
            raise RuntimeError(message)
        await super().write(data)


def test_an_error_that_nobody_foresaw_ends_the_frame_and_is_told(tmp_path: Path) -> None:
    (tmp_path / "source").write_bytes(os.urandom(5 * LARGE))

    async def scenario() -> None:
        payload = helper_payload()
        argv = [sys.executable, "-ISc", boot.CODE, "nonce" + boot.PYTHON_MARK, str(len(payload))]
        pipe = await Breaking.start(argv)
        client = FramedClient(pipe)
        await pipe.write(payload)
        await client.start(b"nonce")
        with pytest.raises(HostUnreachableError, match=r"a file could not be sent: .*can't start new thread"):
            async with asyncio.timeout(60):
                await client.execute([Request(Put(tmp_path / "source", f"{tmp_path}/made"))])
        await client.close()

    asyncio.run(scenario())
    assert not (tmp_path / "made").exists()
