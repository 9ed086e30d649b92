# SPDX-License-Identifier: GPL-3.0-or-later
"""How questions of coroutines travel together."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator, Sequence
from functools import partial
from typing import Any

import pytest

from jetpack_core.contracts.operations import Gather, InThread, Read, Reply, Request, Run, Sleep, Stat, Write
from jetpack_core.engine.asking import Address, addressed
from jetpack_core.engine.stepper import drive, guarded, in_order, with_followers
from jetpack_core.errors import HostUnreachableError, OperationCode, OperationError
from jetpack_core.records import CommandResult, FileStat
from jetpack_core.testing.host import TestHost
from jetpack_core.testing.scripted import ScriptedConnection


class Target:
    """Answers every Stat, fails Reads of `/missing`, and stops a frame at a failed write to `/full`."""

    def __init__(self) -> None:
        self.frames: list[list[str]] = []
        self.lost = False

    async def execute(self, frame: Sequence[Request]) -> Sequence[Reply]:
        if self.lost:
            raise HostUnreachableError("gone")
        self.frames.append([request.operation.path for request in frame])  # type: ignore[attr-defined]
        replies: list[Reply] = []
        for request in frame:
            operation = request.operation
            if isinstance(operation, Write) and operation.path == "/full":
                replies.append(Reply(error=OperationError(OperationCode.NO_SPACE, "/full")))
                return [*replies, *[Reply(ran=False)] * (len(frame) - len(replies))]
            if isinstance(operation, Read) and operation.path == "/missing":
                replies.append(Reply(error=OperationError(OperationCode.NOT_FOUND, "/missing")))
            else:
                replies.append(Reply(FileStat(operation.path)))  # type: ignore[attr-defined]
        return replies

    async def barrier(self, timeout: float) -> tuple[str, ...]:
        raise AssertionError

    async def reconnect(self, timeout: float, delay: float) -> None:
        self.lost = False


@pytest.fixture
def target() -> Target:
    return Target()


async def ask(*paths: str) -> list[str]:
    return [(await Stat(path)).path for path in paths]


def run(coroutine: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(drive(coroutine))


def test_a_coroutine_gets_its_answers_in_order(target: Target) -> None:
    assert run(addressed(ask("/a", "/b"), Address(target))) == ["/a", "/b"]
    assert target.frames == [["/a"], ["/b"]]


def test_gathered_operations_are_one_frame_and_the_first_error_is_raised(target: Target) -> None:
    async def gather() -> str:
        try:
            await Gather((Read("/missing"), Stat("/b")))
        except OperationError as error:
            return error.code.value
        return "no error"

    assert run(addressed(gather(), Address(target))) == "not found"
    assert target.frames == [["/missing", "/b"]]


def test_what_a_stopped_frame_left_out_is_asked_again(target: Target) -> None:
    async def fill() -> None:
        with pytest.raises(OperationError, match="no space left"):
            await Write("/full", b"")

    address = Address(target)
    assert run(guarded(addressed(fill(), address), lambda: addressed(ask("/b"), address))) == (None, ["/b"])
    assert target.frames == [["/full", "/b"], ["/b"]]


def test_two_targets_get_a_frame_each() -> None:
    async def guard() -> None:
        await ask("/a")

    one, two = Target(), Target()
    result = run(guarded(addressed(guard(), Address(one)), lambda: addressed(ask("/b"), Address(two))))
    assert result == (None, ["/b"])
    assert (one.frames, two.frames) == ([["/a"]], [["/b"]])


def test_awaiting_anything_else_is_an_error(target: Target) -> None:
    async def wrong() -> None:
        await asyncio.sleep(0)

    with pytest.raises(TypeError, match="may only await the methods of its host"):
        run(addressed(wrong(), Address(target)))


def test_a_lost_host_is_told_to_the_coroutine(target: Target) -> None:
    target.lost = True

    async def survive() -> str:
        try:
            await Stat("/a")
        except HostUnreachableError:
            return "heard"
        return "answered"

    assert run(addressed(survive(), Address(target))) == "heard"


def test_threads_and_pauses_are_steps_too(target: Target) -> None:
    async def both() -> int:
        await Sleep(0)
        return await InThread(lambda: 42)

    assert run(addressed(both(), Address(target))) == 42


def test_an_error_in_a_thread_reaches_the_coroutine(target: Target) -> None:
    def fail() -> None:
        raise ZeroDivisionError

    async def thread() -> None:
        await InThread(fail)

    with pytest.raises(ZeroDivisionError):
        run(addressed(thread(), Address(target)))


class Followers:
    """Counts how often followers were started, and keeps what they found."""

    def __init__(self, target: Target, *paths: str) -> None:
        self.started = 0
        self.found: list[str] = []
        self._target = target
        self._paths = paths

    def __call__(self) -> Iterator[Coroutine[Any, Any, None]]:
        self.started += 1
        self.found.clear()
        yield addressed(self._look(), Address(self._target))

    async def _look(self) -> None:
        self.found.extend(await ask(*self._paths))


def test_a_follower_rides_in_the_frames_of_a_reader(target: Target) -> None:
    followers = Followers(target, "/f", "/g")
    run(with_followers(addressed(ask("/a", "/b"), Address(target)), followers, changing=False))
    assert target.frames == [["/a", "/f"], ["/b", "/g"]]
    assert followers.found == ["/f", "/g"]
    assert followers.started == 1


def test_a_follower_starts_anew_with_every_frame_of_a_change(target: Target) -> None:
    async def change() -> None:
        await Write("/a", b"")
        await Write("/b", b"")

    followers = Followers(target, "/f")
    run(with_followers(addressed(change(), Address(target)), followers, changing=True))
    assert target.frames == [["/a", "/f"], ["/b", "/f"]]
    assert followers.started == 2
    assert followers.found == ["/f"]


def test_a_follower_that_needs_more_round_trips_is_dropped(target: Target) -> None:
    followers = Followers(target, "/f", "/g")
    run(with_followers(addressed(ask("/a"), Address(target)), followers, changing=False))
    assert target.frames == [["/a", "/f"]]
    assert followers.found == []


def test_a_follower_never_writes_or_waits(target: Target) -> None:
    async def write() -> None:
        await Write("/f", b"")

    def followers() -> Iterator[Coroutine[Any, Any, None]]:
        yield addressed(write(), Address(target))

    run(with_followers(addressed(ask("/a"), Address(target)), followers, changing=False))
    assert target.frames == [["/a"]]


def test_a_follower_of_a_change_is_not_asked_beside_a_pause_or_another_host(target: Target) -> None:
    other = Target()

    async def change() -> None:
        await Sleep(0)
        await Write("/a", b"")

    followers = Followers(other, "/f")
    run(with_followers(addressed(change(), Address(target)), followers, changing=True))
    assert (target.frames, other.frames, followers.found) == ([["/a"]], [], [])
    followers = Followers(target, "/f")
    run(with_followers(addressed(change(), Address(target)), followers, changing=True))
    assert target.frames[1:] == [["/a", "/f"]]


def test_a_guard_and_what_it_guards_share_a_frame(target: Target) -> None:
    async def guard() -> None:
        await ask("/g")

    address = Address(target)
    assert run(guarded(addressed(guard(), address), lambda: addressed(ask("/a", "/b"), address))) == (
        None,
        ["/a", "/b"],
    )
    assert target.frames == [["/g", "/a"], ["/b"]]


def test_a_guard_that_skips_hides_the_errors_of_what_it_guards(target: Target) -> None:
    async def guard() -> str:
        await ask("/g")
        return "because"

    async def fail() -> None:
        raise ValueError

    address = Address(target)
    assert run(guarded(addressed(guard(), address), lambda: addressed(fail(), address))) == ("because", None)


def test_a_guard_that_asks_nothing_is_settled_before_anything_is_asked(target: Target) -> None:
    async def guard() -> str:
        return "because"

    address = Address(target)
    assert run(guarded(addressed(guard(), address), lambda: addressed(ask("/a"), address))) == ("because", None)
    assert target.frames == []


def test_coroutines_in_order_use_threads_before_and_after_their_one_frame(target: Target) -> None:
    done: list[str] = []

    async def fetch(path: str) -> str:
        await InThread(partial(done.append, f"before {path}"))
        await Read(path)
        await InThread(partial(done.append, f"after {path}"))
        return path

    address = Address(target)
    results = run(in_order([addressed(fetch(path), address) for path in ("/a", "/missing", "/b")]))
    assert target.frames == [["/a", "/missing", "/b"]]
    assert [value for value, _ in results] == ["/a", None]
    assert isinstance(results[1][1], OperationError)
    assert done == ["before /a", "before /missing", "before /b", "after /a"]


def test_a_thread_that_fails_before_the_frame_leaves_out_what_comes_after(target: Target) -> None:
    def fail() -> None:
        message = "no room"
        raise OSError(message)

    async def broken() -> list[str]:
        await InThread(fail)
        return await ask("/never")

    address = Address(target)
    asking = [ask("/a"), broken(), ask("/b")]
    results = run(in_order([addressed(one, address) for one in asking]))
    assert target.frames == [["/a"]]
    assert results[0] == (["/a"], None)
    assert [type(error) for _, error in results] == [type(None), OSError]


def test_what_comes_behind_a_command_that_ended_badly_is_not_done() -> None:
    script = ScriptedConnection().command(["true"]).command(["false"], rc=1).on(Write, FileStat("/a"))

    async def act(command: str) -> tuple[object, ...]:
        return await Gather((Run((command,), good=(0,)), Write("/a", b"")))

    with TestHost(script) as host:
        ended, written = host.drive(act("false"))
        assert isinstance(ended, CommandResult)
        assert (ended.rc, written) == (1, None)
        assert len(host.frames) == 1
        ended, written = host.drive(act("true"))
        assert written == FileStat("/a")
