# SPDX-License-Identifier: GPL-3.0-or-later
"""What a helper passes on to the one that runs as another user, however the bytes come in."""

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
from jetpack_core.contracts.operations import Become, Put, Request, Run, Write

# What runs as "the other user" needs no privileges here: it is only another process.
OTHER = Become("somebody", "env {{ jet_command }}")
DEAF = """
import pathlib, struct, subprocess, sys
child = subprocess.Popen(sys.argv[2:], stdin=subprocess.PIPE)
child.stdin.write(sys.stdin.buffer.readline())
while head := sys.stdin.buffer.read(16):
    kind, _, _, _, body, blob = struct.unpack("!BBHIII", head)
    message = head + sys.stdin.buffer.read(body + blob)
    if kind == 3:
        pathlib.Path(sys.argv[1]).touch()
    else:
        child.stdin.write(message)
        child.stdin.flush()
child.stdin.close()
child.wait()
"""
"""Start a helper that is not told when a frame is cancelled, as if it were done with it; make a file instead."""


class Gathering(ProcessPipe):
    """A pipe that sends together what is written within a moment, as networks do."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        super().__init__(process)
        self._held = b""

    async def write(self, data: bytes) -> None:
        """Keep the bytes for a moment."""
        if not self._held:
            asyncio.get_running_loop().call_later(0.2, self._let_go)
        self._held += data

    def _let_go(self) -> None:
        held, self._held = self._held, b""
        self._stdin.write(held)


@pytest.mark.parametrize("size", [0, 5, 20_000])
def test_content_that_comes_with_its_request_reaches_the_other_user(size: int, tmp_path: Path) -> None:
    (tmp_path / "source").write_bytes(os.urandom(size))

    async def scenario() -> None:
        payload = helper_payload()
        argv = [sys.executable, "-ISc", boot.CODE, "nonce" + boot.PYTHON_MARK, str(len(payload))]
        pipe = await Gathering.start(argv)
        client = FramedClient(pipe)
        # Signs of life would wake the helper sooner or later.
        client.ping_every = 1000
        await pipe.write(payload)
        await client.start(b"nonce")
        async with asyncio.timeout(60):
            for number in range(3):
                put = Put(tmp_path / "source", f"{tmp_path}/{number}")
                (reply,) = await client.execute([Request(put, OTHER)])
                assert reply.error is None
        await client.close()

    asyncio.run(scenario())
    for number in range(3):
        assert (tmp_path / str(number)).read_bytes() == (tmp_path / "source").read_bytes()


def test_signs_of_life_wait_until_the_other_user_is_logged_in() -> None:
    slow = Become("somebody", 'sh -c \'sleep 1; exec "$0" "$@"\' {{ jet_command }}')

    async def scenario() -> None:
        payload = helper_payload()
        pipe = await ProcessPipe.start(
            [sys.executable, "-ISc", boot.CODE, "nonce" + boot.PYTHON_MARK, str(len(payload))]
        )
        client = FramedClient(pipe)
        client.ping_every = 0.02
        await pipe.write(payload)
        await client.start(b"nonce")
        async with asyncio.timeout(60):
            (reply,) = await client.execute([Request(Run(("echo", "there")), slow)])
        assert reply.error is None
        assert reply.value is not None
        await client.close()

    asyncio.run(scenario())


def test_content_reaches_the_user_it_is_for(tmp_path: Path) -> None:
    sources = [tmp_path / f"source{number}" for number in range(5)]
    for number, source in enumerate(sources):
        source.write_bytes(bytes([65 + number]) * (600_000 + number))
    requests = [
        Request(Put(source, f"{tmp_path}/{number}"), OTHER if number % 2 == 0 else None)
        for number, source in enumerate(sources)
    ]

    async def scenario() -> None:
        payload = helper_payload()
        argv = [sys.executable, "-ISc", boot.CODE, "nonce" + boot.PYTHON_MARK, str(len(payload))]
        pipe = await ProcessPipe.start(argv)
        client = FramedClient(pipe)
        await pipe.write(payload)
        await client.start(b"nonce")
        async with asyncio.timeout(60):
            replies = await client.execute(requests)
        assert [reply.error for reply in replies] == [None] * len(sources)
        await client.close()

    asyncio.run(scenario())
    for number, source in enumerate(sources):
        assert (tmp_path / str(number)).read_bytes() == source.read_bytes()


def test_signs_of_life_during_long_uploads_disturb_nothing(tmp_path: Path) -> None:
    """As over a slow line, where an upload lasts longer than the time between two of them."""
    content = bytes(range(256)) * 4 * 24_000
    (tmp_path / "source").write_bytes(content)

    async def scenario() -> None:
        payload = helper_payload()
        argv = [sys.executable, "-ISc", boot.CODE, "nonce" + boot.PYTHON_MARK, str(len(payload))]
        client = FramedClient(await ProcessPipe.start(argv), packing=False)
        client.ping_every = 0.002
        await client.pipe.write(payload)
        await client.start(b"nonce")
        async with asyncio.timeout(100):
            for number in range(4):
                (reply,) = await client.execute([Request(Put(tmp_path / "source", f"{tmp_path}/{number}"), OTHER)])
                assert reply.error is None
        await client.close()

    asyncio.run(scenario())
    for number in range(4):
        assert (tmp_path / str(number)).read_bytes() == content


def test_nothing_follows_what_ended_just_when_its_frame_was_cancelled(tmp_path: Path) -> None:
    (tmp_path / "deaf.py").write_text(DEAF)
    deaf = Become("somebody", f"{sys.executable} {tmp_path}/deaf.py {tmp_path}/cancelled {{{{ jet_command }}}}")
    wait = f"echo started; while [ ! -e {tmp_path}/cancelled ]; do sleep 0.05; done"

    async def scenario() -> None:
        payload = helper_payload()
        argv = [sys.executable, "-ISc", boot.CODE, "nonce" + boot.PYTHON_MARK, str(len(payload))]
        client = FramedClient(await ProcessPipe.start(argv))
        await client.pipe.write(payload)
        await client.start(b"nonce")
        async with asyncio.timeout(60):
            last = Request(Write(f"{tmp_path}/forbidden", b"x"))
            started = asyncio.Event()
            first = Request(Run(("sh", "-c", wait)), deaf, on_output=lambda *_: started.set())
            frame = asyncio.create_task(client.execute([first, last]))
            await started.wait()
            frame.cancel()
            await asyncio.wait([frame])
            (reply,) = await client.execute([Request(Run(("true",)), deaf)])
        assert frame.cancelled()
        assert reply.error is None
        await client.close()

    asyncio.run(scenario())
    assert (tmp_path / "cancelled").exists()
    assert not (tmp_path / "forbidden").exists()


def test_a_program_that_shows_the_command_is_not_taken_for_the_other_user(tmp_path: Path) -> None:
    """It then asks for a password, or for whatever comes first: that is neither the helper nor what it is to do."""
    asks = 'echo "running: $*"; read -r answer; printf %s "$answer" >' + str(tmp_path / "answer") + "; exit 1"
    (tmp_path / "shows").write_text(f"#!/bin/sh\n{asks}\n")
    (tmp_path / "shows").chmod(0o755)
    (tmp_path / "goes-on").write_text('#!/bin/sh\necho "running: $*"; exec "$@"\n')
    (tmp_path / "goes-on").chmod(0o755)

    async def scenario() -> None:
        payload = helper_payload()
        argv = [sys.executable, "-ISc", boot.CODE, "nonce" + boot.PYTHON_MARK, str(len(payload))]
        client = FramedClient(await ProcessPipe.start(argv))
        await client.pipe.write(payload)
        await client.start(b"nonce")
        async with asyncio.timeout(60):
            good = Become("somebody", f"{tmp_path}/goes-on {{{{ jet_command }}}}")
            (reply,) = await client.execute([Request(Run(("true",)), good)])
            assert reply.error is None
            bad = Become("somebody", f"{tmp_path}/shows {{{{ jet_command }}}}")
            frame = asyncio.create_task(client.execute([Request(Run(("true",)), bad)]))
            await asyncio.wait([frame], timeout=1)
            frame.cancel()
            await asyncio.wait([frame])
        await client.close()

    asyncio.run(scenario())
    assert not (tmp_path / "answer").exists() or (tmp_path / "answer").read_bytes() == b""
