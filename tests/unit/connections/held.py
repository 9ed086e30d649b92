# SPDX-License-Identifier: GPL-3.0-or-later
"""Ways by which runs hold this machine, with a place for locks of the test's own: helper, shells, a local run."""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
import json
import pickle
import secrets
import shutil
import signal
import sys
import time
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from jetpack_core.connections import payload, shell_script
from jetpack_core.connections.framed import FramedClient
from jetpack_core.connections.payload import SHELL_BOOT, helper_payload
from jetpack_core.connections.pipe import ProcessPipe
from jetpack_core.connections.remote.helper import boot
from jetpack_core.connections.shell import ShellClient
from jetpack_core.contracts.operations import Become, Hold, Operation, Reply, Request

OWNER = "1700000000 1 ops@control"
EXPIRY = 3
NOT_RUN = "it did not run"
LOCAL = """
import asyncio, base64, json, pickle, sys
from jetpack_core.connections import local
from jetpack_core.connections.remote.helper import holding
from jetpack_core.contracts.connection import Endpoint
holding.shared_place = lambda: sys.argv[1].encode()
holding.EXPIRY = float(sys.argv[2])
holding.RENEW_EVERY = local.RENEW_EVERY = 0.1
local.helper_payload = lambda: open(sys.argv[3], "rb").read()

async def main():
    connection = local.LocalConnection(Endpoint("here"))
    while line := await asyncio.to_thread(sys.stdin.readline):
        replies = await connection.execute(pickle.loads(base64.b64decode(line)))
        said = [f"{type(one.error).__name__}: {one.error}" if one.error else not one.ran for one in replies]
        print(json.dumps(said), flush=True)
    await connection.close()

asyncio.run(main())
"""

SHELLS = [kind for kind in ("dash", "bash", "busybox") if shutil.which(kind)]


def place_of_its_own(place: Path, payloads: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Have locks made in a folder, where a few seconds of silence are long; return the path of the lock there."""
    program = zlib.decompress(binascii.a2b_base64(helper_payload()))
    for old, new in (
        (b"EXPIRY = 90.0", b"EXPIRY = %d" % EXPIRY),
        (b"RENEW_EVERY = 5.0", b"RENEW_EVERY = 0.1"),
        (b'def shared_place() -> "bytes | None":\\n', b'def shared_place():\\n    return b"%s"\\n' % bytes(place)),
    ):
        assert program.count(old) == 1, old
        program = program.replace(old, new)
    short = binascii.b2a_base64(zlib.compress(program, 9))
    (payloads / "payload").write_bytes(short)
    monkeypatch.setattr(payload, "helper_payload", lambda: short)
    monkeypatch.setattr(FramedClient, "ping_every", 0.3)
    hold = shell_script.program("hold.sh")
    for mark, word in ((b"-gt 90 ]", b"-gt %d ]" % EXPIRY), (b"sleep 15 &", b"sleep 1 &")):
        assert hold.count(mark) == 1, mark
        hold = hold.replace(mark, word)
    hold += b"\njplace_of_lock() { JL=%s/jetpack.lock; }" % bytes(place)
    rest = shell_script.program("shell.sh")
    monkeypatch.setattr(shell_script, "program", lambda name: hold if name == "hold.sh" else rest)
    return place / "jetpack.lock"


class Way:
    """A way to this machine, which may be held by it."""

    def __init__(self, client: FramedClient | ShellClient, pid: int) -> None:
        self.client = client
        self.pid = pid

    async def frame(self, *requests: Request) -> list[str]:
        """Return of each request what was wrong with it."""
        return [told(reply) for reply in await self.client.execute(requests)]

    async def ask(self, operation: Operation[object], become: Become | None = None) -> str:
        return (await self.frame(Request(operation, become)))[0]

    async def end(self) -> None:
        await self.client.close()


class LocalWay(Way):
    """The same for a run on this machine, in a process that can be stopped."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.pid = process.pid

    async def frame(self, *requests: Request) -> list[str]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(base64.b64encode(pickle.dumps(requests)) + b"\n")
        line = await self.process.stdout.readline()
        return [one if isinstance(one, str) else NOT_RUN * one for one in json.loads(line)]

    async def end(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGCONT)
        assert self.process.stdin is not None
        self.process.stdin.close()
        await self.process.wait()


def told(reply: Reply) -> str:
    return NOT_RUN * (not reply.ran) if reply.error is None else f"{type(reply.error).__name__}: {reply.error}"


async def start(kind: str, place: Path) -> Way:
    if kind == "local":
        piped = asyncio.subprocess.PIPE
        argv = [sys.executable, "-c", LOCAL, str(place), str(EXPIRY), str(place / "payload")]
        return LocalWay(await asyncio.create_subprocess_exec(*argv, stdin=piped, stdout=piped))
    if kind == "python":
        short, nonce = payload.helper_payload(), secrets.token_hex(12)
        pipe = await ProcessPipe.start([sys.executable, "-ISc", boot.CODE, f"{nonce}P", str(len(short))])
        framed = FramedClient(pipe)
        await pipe.write(short)
        await framed.start(nonce.encode())
        return Way(framed, pipe._process.pid)
    pipe = await ProcessPipe.start([*(["busybox", "sh"] if kind == "busybox" else [kind]), "-c", SHELL_BOOT])
    assert await pipe.read() == b"S"
    shell = ShellClient(pipe)
    await shell.start()
    return Way(shell, pipe._process.pid)


@asynccontextmanager
async def ways(place: Path, *kinds: str) -> AsyncIterator[list[Way]]:
    async with contextlib.AsyncExitStack() as stack:
        found = []
        for kind in kinds:
            found.append(await start(kind, place.parent))
            stack.push_async_callback(found[-1].end)
        yield found


async def refused(way: Way, run: str, seconds: float) -> bool:
    """Tell whether a host is refused all the time; it is taken as soon as it is not."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        said = await way.ask(Hold(run, OWNER))
        if not said:
            return False
        assert said.startswith("HeldError"), said
        await asyncio.sleep(0.2)
    return True


async def until(check: object, seconds: float = 30) -> None:
    assert callable(check)
    end = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < end, "it did not happen in time"
        await asyncio.sleep(0.05)


def words(lock: Path) -> list[str]:
    """Return what the file says: the run, its process, and more; nothing where there is no file."""
    return lock.read_text().split() if lock.exists() else []


def children(pid: int) -> set[int]:
    return set(map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split()))
