# SPDX-License-Identifier: GPL-3.0-or-later
"""A host that is held by one run and taken by another, over every kind of connection: helper, shells, this machine."""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
import json
import os
import pickle
import secrets
import shutil
import signal
import sys
import time
import zlib
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from jetpack_core.connections import payload, shell_script
from jetpack_core.connections.framed import FramedClient
from jetpack_core.connections.payload import SHELL_BOOT, helper_payload
from jetpack_core.connections.pipe import ProcessPipe
from jetpack_core.connections.remote.helper import boot
from jetpack_core.connections.shell import ShellClient
from jetpack_core.contracts.operations import Become, Hold, Operation, Reply, Request, Run, Stat, Write

# What runs as "the other user" needs no privileges here: it is only another process.
OTHER = Become("somebody", "env {{ jet_command }}")
NOBODY = Become("nobody-here", "sh -c 'echo you may not; exit 1; {{ jet_command }}'")
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


@pytest.fixture
def lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A place for locks of the test's own, where a few seconds of silence are long."""
    program = zlib.decompress(binascii.a2b_base64(helper_payload()))
    for old, new in (
        (b"EXPIRY = 90.0", b"EXPIRY = %d" % EXPIRY),
        (b"RENEW_EVERY = 5.0", b"RENEW_EVERY = 0.1"),
        (b'def shared_place() -> "bytes | None":\\n', b'def shared_place():\\n    return b"%s"\\n' % bytes(tmp_path)),
    ):
        assert program.count(old) == 1, old
        program = program.replace(old, new)
    short = binascii.b2a_base64(zlib.compress(program, 9))
    (tmp_path / "payload").write_bytes(short)
    monkeypatch.setattr(payload, "helper_payload", lambda: short)
    monkeypatch.setattr(FramedClient, "ping_every", 0.3)
    hold = shell_script.program("hold.sh")
    for mark, word in ((b"-gt 90 ]", b"-gt %d ]" % EXPIRY), (b"sleep 15 &", b"sleep 1 &")):
        assert hold.count(mark) == 1, mark
        hold = hold.replace(mark, word)
    hold += b"\njplace_of_lock() { JL=%s/jetpack.lock; }" % bytes(tmp_path)
    rest = shell_script.program("shell.sh")
    monkeypatch.setattr(shell_script, "program", lambda name: hold if name == "hold.sh" else rest)
    return tmp_path / "jetpack.lock"


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


PAIRS = [
    pair
    for pair in (("local", "python"), ("python", "dash"), ("dash", "busybox"), ("busybox", "local"), ("bash", "bash"))
    if {*pair} <= {"local", "python", *SHELLS}
]


@pytest.mark.parametrize(("holder", "waiter"), PAIRS)
def test_a_run_that_hangs_is_succeeded_and_then_does_nothing(lock: Path, holder: str, waiter: str) -> None:
    forbidden = lock.parent / "forbidden"

    async def scenario() -> None:
        async with ways(lock, holder, waiter) as (first, second):
            assert await first.ask(Hold("aaaa", OWNER)) == ""
            assert await first.ask(Run(("true",)), OTHER) == ""
            # As long as it is well, idle or busy with a command, it keeps the host.
            busy = asyncio.create_task(first.ask(Run(("sleep", str(EXPIRY)))))
            assert await refused(second, "bbbb", 2 * EXPIRY)
            assert await busy == ""
            os.kill(first.pid, signal.SIGSTOP)
            assert not await refused(second, "bbbb", 60)
            os.kill(first.pid, signal.SIGCONT)
            for become in (None, OTHER):
                for operation in (Write(str(forbidden), b"x"), Run(("touch", str(forbidden))), Stat(str(forbidden))):
                    assert "was taken from this run" in await first.ask(operation, become)
            assert not forbidden.exists()
            assert await second.ask(Run(("true",)), OTHER) == ""
            assert words(lock)[0] == "bbbb"
            await first.end()
            assert words(lock)[0] == "bbbb"
        await until(lambda: not words(lock))

    asyncio.run(scenario())


@pytest.mark.parametrize("kind", SHELLS)
def test_a_shell_whose_own_program_hangs_is_succeeded(lock: Path, kind: str) -> None:
    large = lock.parent / "large"
    with large.open("wb") as file:
        file.truncate(1 << 36)

    async def scenario() -> None:
        async with ways(lock, kind, "python") as (first, second):
            assert await first.ask(Hold("aaaa", OWNER)) == ""
            before = children(first.pid)
            stuck = asyncio.create_task(first.ask(Stat(str(large), checksum=True)))
            await until(lambda: children(first.pid) - before)
            (reading,) = children(first.pid) - before
            os.kill(reading, signal.SIGSTOP)
            assert not await refused(second, "bbbb", 60)
            os.kill(reading, signal.SIGKILL)
            await stuck
            assert "was taken from this run" in await first.ask(Run(("true",)))

    asyncio.run(scenario())


@pytest.mark.parametrize("kind", ["local", "python", *SHELLS])
def test_a_takeover_is_seen_between_two_steps_as_another_user(lock: Path, kind: str) -> None:
    forbidden = lock.parent / "forbidden"
    take = Run(("sh", "-c", f"rm {lock} && echo bbbb 1 >{lock}"))

    async def scenario() -> None:
        async with ways(lock, kind) as (first,):
            requests = [Request(Run(("true",)), OTHER), Request(take, OTHER)]
            last = Request(Write(str(forbidden), b"x"), OTHER)
            assert await first.ask(Hold("aaaa", OWNER)) == ""
            said = await first.frame(*requests, last, last)
            assert said[:2] == ["", ""]
            assert "was taken from this run" in said[2]
            assert said[3] != ""
            assert not forbidden.exists()

    asyncio.run(scenario())


@pytest.mark.parametrize("kind", ["local", "python", *SHELLS])
def test_a_second_way_holds_by_itself_when_the_first_is_gone_and_sees_when_another_run_was_faster(
    lock: Path, kind: str
) -> None:
    async def scenario() -> None:
        async with ways(lock, "python", kind, "python", "python") as (first, second, third, other):
            for way in (first, second, third):
                assert await way.ask(Hold("aaaa", OWNER)) == ""
            assert words(lock)[1] == str(first.pid)
            await first.end()
            assert words(lock) == []
            assert await second.ask(Run(("true",)), OTHER) == ""
            assert words(lock)[1] == str(second.pid)
            assert await third.ask(Run(("true",))) == ""
            assert await refused(other, "bbbb", 0.5)
            lock.unlink()  # noqa: ASYNC240
            assert not await refused(other, "bbbb", 10)
            for way in (second, third):
                assert "was taken from this run" in await way.ask(Run(("true",)))
        await until(lambda: not words(lock))

    asyncio.run(scenario())


@pytest.mark.parametrize("kind", SHELLS)
def test_a_shell_holds_and_becomes_another_user_in_one_exchange(lock: Path, kind: str) -> None:
    async def scenario() -> None:
        async with ways(lock, kind, kind) as (first, second):
            hold, look = Request(Hold("aaaa", OWNER)), Request(Stat("/"), OTHER)
            assert await first.frame(hold, look) == ["", ""]
            assert first.client.round_trips == 2
            assert await first.frame(look, Request(Stat("/"))) == ["", ""]
            other = Request(Hold("bbbb", OWNER))
            (held, rest) = await second.frame(other, look)
            assert (held[:10], rest) == ("HeldError:", NOT_RUN)
            assert second.client.round_trips == 1
            assert await second.ask(Run(("true",))) == ""
            await first.end()
            assert words(lock) == []
            (held, rest) = await second.frame(other, Request(Stat("/"), NOBODY))
            assert (held, "you may not" in rest) == ("", True)
            assert words(lock)[0] == "bbbb"
            assert await second.frame(other, look) == ["", ""]

    asyncio.run(scenario())


def processes(group: int) -> list[str]:
    """Return the processes of a session that are not dead."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            pid, _, rest = stat.read_text().partition(" ")
            state, _, _, session = rest.rpartition(") ")[2].split()[:4]
            if int(session) == group and state != "Z":
                found.append(pid)
    return found


@pytest.mark.parametrize("kind", SHELLS)
@pytest.mark.parametrize("killed", [True, False])
def test_nothing_goes_on_when_the_shell_is_gone(lock: Path, kind: str, killed: bool) -> None:
    async def scenario() -> None:
        async with ways(lock, kind) as (first,):
            assert await first.ask(Hold("aaaa", OWNER)) == ""
            assert len(processes(first.pid)) > 1
            if killed:
                os.kill(first.pid, signal.SIGKILL)
            else:
                await first.end()
            await until(lambda: not processes(first.pid))

    asyncio.run(scenario())


@pytest.fixture(autouse=True)
def nothing_left(lock: Path) -> Iterator[None]:
    """See that no private name of a lock file stays behind."""
    yield
    assert list(lock.parent.glob("jetpack.lock.*")) == []
