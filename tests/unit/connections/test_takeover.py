# SPDX-License-Identifier: GPL-3.0-or-later
"""A host that is held by one run and taken by another, over every kind of connection: helper, shells, this machine."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from jetpack_core.contracts.operations import Become, Hold, Request, Run, Stat, Write
from tests.unit.connections.held import (
    EXPIRY,
    NOT_RUN,
    OWNER,
    SHELLS,
    children,
    place_of_its_own,
    refused,
    until,
    ways,
    words,
)

# What runs as "the other user" needs no privileges here: it is only another process.
OTHER = Become("somebody", "env {{ jet_command }}")
NOBODY = Become("nobody-here", "sh -c 'echo you may not; exit 1; {{ jet_command }}'")


def is_there(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


@pytest.fixture
def lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A place for locks of the test's own, where a few seconds of silence are long."""
    return place_of_its_own(tmp_path, tmp_path, monkeypatch)


PAIRS = [
    pair
    for pair in (("local", "python"), ("python", "dash"), ("dash", "busybox"))
    if {*pair} <= {"local", "python", *SHELLS}
]
OTHER_SHELLS = [kind for kind in SHELLS if kind != "bash"] or SHELLS


@pytest.mark.slow
@pytest.mark.parametrize(("holder", "waiter"), PAIRS)
def test_a_run_that_hangs_is_succeeded_and_then_does_nothing(lock: Path, holder: str, waiter: str) -> None:
    forbidden = lock.parent / "forbidden"

    async def scenario() -> None:
        async with ways(lock, holder, waiter) as (first, second):
            assert await first.ask(Hold("aaaa", OWNER)) == ""
            assert await first.ask(Run(("true",)), OTHER) == ""
            # As long as it is well, idle or busy with a command, it keeps the host.
            busy = asyncio.create_task(first.ask(Run(("sleep", str(EXPIRY)))))
            assert await refused(second, "bbbb", 1.5 * EXPIRY)
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


@pytest.mark.slow
@pytest.mark.parametrize("kind", OTHER_SHELLS)
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


@pytest.mark.slow
@pytest.mark.parametrize("killed", [True, False])
@pytest.mark.parametrize("kind", ["local", "python", *SHELLS])
def test_a_second_way_holds_by_itself_when_the_first_is_gone_and_sees_when_another_run_was_faster(
    lock: Path, kind: str, killed: bool
) -> None:
    async def scenario() -> None:
        async with ways(lock, "python", kind, "python", "python") as (first, second, third, other):
            for way in (first, second, third):
                assert await way.ask(Hold("aaaa", OWNER)) == ""
            assert words(lock)[1] == str(first.pid)
            if killed:
                os.kill(first.pid, signal.SIGKILL)
                await until(lambda: not is_there(first.pid))
            else:
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
