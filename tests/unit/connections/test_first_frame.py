# SPDX-License-Identifier: GPL-3.0-or-later
"""The first frame leaves before the helper has said a word, and never for anything but the helper."""

from __future__ import annotations

import asyncio
import binascii
import getpass
import secrets
import sys
import zlib
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest

from jetpack_core.connections.framed import FramedClient
from jetpack_core.connections.payload import helper_payload
from jetpack_core.connections.pipe import ProcessPipe
from jetpack_core.connections.remote.helper import boot
from jetpack_core.contracts.operations import Become, Put, Request, Run
from jetpack_core.errors import HostUnreachableError


class Gated(ProcessPipe):
    """A pipe that lets nothing of the helper through before a frame has gone to it."""

    asked: asyncio.Event

    async def read(self) -> bytes:
        """Return the mark at once, and everything behind it once something was asked."""
        if self.bytes_in:
            await self.asked.wait()
            return await super().read()
        data = await self._stdout.readexactly(len(b"nonceP"))
        self.bytes_in += len(data)
        return data


async def start(payload: bytes = b"", **options: Any) -> tuple[FramedClient, Gated]:
    """Start a helper, or what a payload makes of it, and wait for no more than its mark."""
    payload = payload or helper_payload()
    pipe = await Gated.start([sys.executable, "-ISc", boot.CODE, "nonce" + boot.PYTHON_MARK, str(len(payload))])
    assert isinstance(pipe, Gated)
    pipe.asked = asyncio.Event()
    client = FramedClient(pipe, **options)
    await pipe.write(payload)
    async with asyncio.timeout(60):
        assert await client.start(b"nonce") == boot.PYTHON_MARK
    return client, pipe


def run(scenario: Coroutine[Any, Any, None]) -> None:
    """Run a scenario, but not for ever."""

    async def limited() -> None:
        async with asyncio.timeout(120):
            await scenario

    asyncio.run(limited())


async def something_asked(pipe: Gated, sent: int) -> None:
    """Wait until more than so many bytes were sent."""
    while pipe.bytes_out <= sent:  # noqa: ASYNC110 - the pipe counts what another task writes
        await asyncio.sleep(0.01)


def test_the_first_frame_does_not_wait_for_the_helper(tmp_path: Path) -> None:
    async def scenario() -> None:
        client, pipe = await start()
        (tmp_path / "large").write_bytes(secrets.token_bytes(3 << 20))
        other = Become("somebody", "env {{ jet_command }}")
        put = Put(tmp_path / "large", str(tmp_path / "copy"))
        frame = [Request(Run(("echo", "one"))), Request(Run(("echo", "two")), other), Request(put)]
        sent = pipe.bytes_out
        asking = asyncio.create_task(client.execute(frame))
        await something_asked(pipe, sent)
        pipe.asked.set()
        first, second, third = await asking
        assert (first.error, second.error, third.error) == (None, None, None)
        assert client.round_trips == 1
        await client.close()

    run(scenario())
    assert (tmp_path / "copy").read_bytes() == (tmp_path / "large").read_bytes()


def test_who_logged_in_is_waited_for_where_it_matters() -> None:
    async def scenario() -> None:
        client, pipe = await start()
        pipe.asked.set()
        # Nothing needs to be run to become the user that one is; anybody else has to be reached by sudo.
        (reply,) = await client.execute([Request(Run(("echo", "here")), Become(getpass.getuser(), ""))])
        assert reply.error is None
        assert client.user == getpass.getuser()
        await client.close()

    run(scenario())


def test_a_frame_can_be_called_off_before_the_helper_answers() -> None:
    async def scenario() -> None:
        client, pipe = await start()
        sent = pipe.bytes_out
        asking = asyncio.create_task(client.execute([Request(Run(("sleep", "300")))]))
        await something_asked(pipe, sent)
        asking.cancel()
        asyncio.get_running_loop().call_later(0.2, pipe.asked.set)
        with pytest.raises(asyncio.CancelledError):
            await asking
        (reply,) = await client.execute([Request(Run(("echo", "again")))])
        assert reply.error is None
        await client.close()

    run(scenario())


def test_a_helper_that_does_not_answer_has_its_own_sentence() -> None:
    async def scenario() -> None:
        client, pipe = await start(_program("import time;time.sleep(3000)"), patience=1.0)
        pipe.asked.set()
        with pytest.raises(HostUnreachableError, match=r"^it started Python, but the helper did not answer in 1 s$"):
            await client.execute([Request(Run(("true",)))])
        await client.close()

    run(scenario())


def test_what_ends_the_helper_at_its_start_is_told() -> None:
    async def scenario() -> None:
        client, pipe = await start(_program("raise SystemExit('no room for it')"))
        pipe.asked.set()
        with pytest.raises(HostUnreachableError, match=r"^the connection was lost \(no room for it"):
            await client.execute([Request(Run(("true",)))])
        await client.close()

    run(scenario())


def test_what_is_no_greeting_is_told() -> None:
    async def scenario() -> None:
        client, pipe = await start(_program("import os;os.write(1,b'Welcome! '*50);os.read(0,1)"))
        pipe.asked.set()
        with pytest.raises(HostUnreachableError, match=r"the helper's answer makes no sense"):
            await client.execute([Request(Run(("true",)))])
        await client.close()

    run(scenario())


@pytest.mark.parametrize("said", ["{0}", "printf %s {0};for p in python3", "{0}p", "P", "S{0}"])
def test_a_shell_that_only_repeats_what_it_was_told_gets_nothing(said: str) -> None:
    async def scenario() -> None:
        pipe = await ProcessPipe.start(["sh", "-c", 'printf %s "$0"', said.format("nonce")])
        client = FramedClient(pipe)
        with pytest.raises(HostUnreachableError, match="it said: "):
            await client.start(b"nonce")
        await client.close()

    run(scenario())


def _program(text: str) -> bytes:
    """Return a payload that is no helper."""
    return binascii.b2a_base64(zlib.compress(text.encode()))
