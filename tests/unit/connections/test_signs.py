# SPDX-License-Identifier: GPL-3.0-or-later
"""Silence counts as loss only where a sign of life was asked for."""

from __future__ import annotations

import asyncio
import binascii
import re
import signal
import subprocess
import sys
import time
import zlib
from pathlib import Path

from jetpack_core.connections.payload import helper_payload
from jetpack_core.connections.pipe import Pipe
from jetpack_core.connections.remote.helper import boot
from jetpack_core.connections.signs import Signs

EVERY = 0.05
DEAD_AFTER = 0.5


class Knocked(Pipe):
    """A pipe that answers each knock, or none."""

    def __init__(self, *, answers: bool) -> None:
        super().__init__()
        self.answers = answers
        self.knocked = asyncio.Event()
        self.why = ""
        self.heard = asyncio.get_running_loop().time()

    async def read(self) -> bytes:
        return b""

    async def write(self, data: bytes) -> None:
        raise AssertionError(data)

    def abort(self, why: str) -> None:
        self.why = why

    async def close(self) -> None:
        return

    @property
    def diagnosis(self) -> str:
        return self.why

    @property
    def last_heard(self) -> float | None:
        return self.heard

    async def knock(self) -> None:
        self.knocked.set()
        if self.answers:
            self.heard = asyncio.get_running_loop().time()


async def watched(*, answers: bool) -> tuple[Knocked, asyncio.Task[None]]:
    """Begin to watch a pipe, and wait until it was knocked at."""
    pipe = Knocked(answers=answers)
    watcher = Signs(pipe, pipe.knock, EVERY, DEAD_AFTER).watcher
    async with asyncio.timeout(30):
        await pipe.knocked.wait()
    return pipe, watcher


def test_a_pipe_that_gives_no_sign_is_ended() -> None:
    async def scenario() -> str:
        pipe, watcher = await watched(answers=False)
        async with asyncio.timeout(30):
            await watcher
        return pipe.why

    assert asyncio.run(scenario()) == "no answer for 0.5 s"


def test_a_run_that_stood_still_itself_asks_again_before_it_gives_up() -> None:
    async def scenario() -> str:
        pipe, watcher = await watched(answers=True)
        pipe.knocked.clear()
        time.sleep(3 * DEAD_AFTER)  # noqa: ASYNC251 - as a job that was stopped does
        again = asyncio.create_task(pipe.knocked.wait())
        await asyncio.wait({watcher, again}, timeout=30, return_when=asyncio.FIRST_COMPLETED)
        for task in (watcher, again):
            task.cancel()
        return pipe.why or ("" if pipe.knocked.is_set() else "it was not asked again")

    assert asyncio.run(scenario()) == ""


RUN = """
import asyncio, secrets, sys
from jetpack_core.connections.framed import FramedClient
from jetpack_core.connections.pipe import ProcessPipe
from jetpack_core.contracts.operations import Request, Run
from jetpack_core.errors import HostUnreachableError

async def main():
    payload = open(sys.argv[2], "rb").read()
    pipe = await ProcessPipe.start([sys.executable, "-ISc", sys.argv[1], "nonceP", str(len(payload))])
    client = FramedClient(pipe)
    client.ping_every, client.dead_after = 0.2, float(sys.argv[3])
    await pipe.write(payload)
    await client.start(b"nonce")
    await client.execute([Request(Run(("true",)))])
    print(pipe._process.pid, flush=True)
    try:
        await client.execute([Request(Run(("sleep", "300")))])
    except HostUnreachableError as error:
        print(error, flush=True)

asyncio.run(main())
"""


def test_a_run_that_stood_still_for_too_long_says_that_its_host_gave_up(tmp_path: Path) -> None:
    """As when the lid of a laptop is closed; the clocks show a stopped job in the same way."""
    limit = 2.0
    program = zlib.decompress(binascii.a2b_base64(helper_payload()))
    assert program.count(b"SILENCE = 60.0") == 1
    short = program.replace(b"SILENCE = 60.0", b"SILENCE = %.1f" % limit)
    (tmp_path / "payload").write_bytes(binascii.b2a_base64(zlib.compress(short)))
    argv = [sys.executable, "-c", RUN, boot.CODE, str(tmp_path / "payload"), str(limit)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            helper = Path(f"/proc/{int(process.stdout.readline())}/stat")
            process.send_signal(signal.SIGSTOP)
            deadline = time.monotonic() + 60
            # Its parent, which would hear of its end, is stopped.
            while helper.read_text().rpartition(") ")[2][0] != "Z":
                assert time.monotonic() < deadline, "the helper did not end by itself"
                time.sleep(0.1)
            process.send_signal(signal.SIGCONT)
            said, _ = process.communicate(timeout=60)
        finally:
            process.kill()
    assert re.match(
        r"the connection was lost: nothing was heard from here for \d+ s, as this machine was suspended", said
    )
    assert "`jetpack apply --resume` goes on" in said
