# SPDX-License-Identifier: GPL-3.0-or-later
"""Steps the coroutines of modules: while they wait, their questions leave together as one frame.

A module's coroutine yields the steps it awaits. `addressed` (in `asking.py`) says where they go, `guarded`,
`with_followers` and `in_order` merge several coroutines into one, and `drive` is the only place that really waits.
Below `drive` everything is plain generator stepping, so the order of operations is the same in every run.
"""

from __future__ import annotations

import asyncio
import types
from collections.abc import Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar, cast

from jetpack_core.contracts.operations import (
    Barrier,
    InThread,
    Operation,
    OutputCallback,
    Reconnect,
    Reply,
    Request,
    Run,
    Sleep,
)
from jetpack_core.engine.asking import Ask, Asks, Replies, Stepping, Target
from jetpack_core.errors import HostUnreachableError

T = TypeVar("T")


@dataclass(slots=True)
class _Strand:
    """One of several coroutines that are stepped together."""

    coroutine: Coroutine[Asks, Replies, object]
    asks: Asks = ()
    done: bool = False
    value: object = None
    error: Exception | None = None

    @property
    def passed(self) -> bool:
        """Tell whether a guard ended without a reason to skip."""
        return self.done and self.error is None and self.value is None

    def step(self, replies: Replies | None) -> None:
        """Hand over the replies and go on to the next questions, or to the end."""
        try:
            self.asks = self.coroutine.send(cast("Replies", replies))
        except StopIteration as stop:
            self.done, self.value, self.asks = True, stop.value, ()
        except Exception as error:  # noqa: BLE001 - kept, and raised or reported by whoever asked
            self.done, self.error, self.asks = True, error, ()

    def give(self, replies: Replies) -> Replies:
        """Take this strand's share off the front of the replies and return the rest."""
        if self.done:
            return replies
        number = len(self.asks)
        self.step(replies[:number])
        return replies[number:]


Result = tuple[T | None, Exception | None]


@types.coroutine
def in_order(coroutines: Sequence[Coroutine[Asks, Replies, T]]) -> Stepping[list[Result[T]]]:
    """Run coroutines of one step each as one frame, in order; before and after it they may use threads.

    Returns the results of those that are done, up to the first that failed or was not reached. Modules promise by
    `applies_at_once` that the rest did nothing then.
    """
    strands = [_Strand(coroutine) for coroutine in coroutines]
    try:
        for strand in strands:
            strand.step(None)
        ready: list[_Strand] = []
        for strand in strands:
            yield from _in_threads(strand)
            ready.append(strand)
            if strand.error is not None:
                break
        asks = [ask for strand in ready for ask in strand.asks]
        replies = (yield asks) if asks else ()
        results: list[Result[T]] = []
        for strand in ready:
            share, replies = replies[: len(strand.asks)], replies[len(strand.asks) :]
            if not all(reply.ran for reply in share):
                break
            if not strand.done:
                strand.step(share)
                yield from _in_threads(strand)
            if strand.done:
                results.append((cast("T | None", strand.value), strand.error))
            if not strand.done or strand.error is not None:
                break
    finally:
        _close(strands)
    return results


def _in_threads(strand: _Strand) -> Stepping[None]:
    """Take the steps of a strand that ask no host."""
    while strand.asks and all(isinstance(ask.step, InThread) for ask in strand.asks):
        strand.step((yield strand.asks))


@types.coroutine
def guarded(
    guard: Coroutine[Asks, Replies, str | None], proceed: Callable[[], Coroutine[Asks, Replies, T]]
) -> Stepping[tuple[str | None, T | None]]:
    """Run a guard and what it guards with their questions merged.

    Returns (the guard's reason, None) or (None, the result); what the guarded coroutine did counts only in the latter
    case, its errors included. A guard that asks nothing is settled first.
    """
    gate = _Strand(guard)
    inner: _Strand | None = None
    try:
        gate.step(None)
        while not gate.done or (inner is None and gate.passed):
            if inner is None:
                inner = _Strand(proceed())
                inner.step(None)
            if asks := [*gate.asks, *inner.asks]:
                inner.give(gate.give((yield asks)))
        while inner is not None and gate.passed and not inner.done:
            inner.give((yield inner.asks))
    finally:
        guard.close()
        if inner is not None:
            inner.coroutine.close()
    if gate.error is not None:
        raise gate.error
    if inner is None or not gate.passed:
        return cast("str", gate.value), None
    if inner.error is not None:
        raise inner.error
    return None, cast("T", inner.value)


@types.coroutine
def with_followers(
    main: Coroutine[Asks, Replies, T],
    followers: Callable[[], Iterator[Coroutine[Asks, Replies, None]]],
    *,
    changing: bool,
) -> Stepping[T]:
    """Run `main`, and let the questions of followers ride behind its own.

    Followers only read, and keep what they find themselves. Where `main` is changing, only what is read behind its
    *last* operation counts, so with every frame `followers` is called anew. Then they ride only where they come after:
    in one frame to one host, not beside a pause, a thread or what another host does. A follower that is not done when
    `main` is, or that needs more than reading, is dropped.
    """
    leader = _Strand(main)
    strands: list[_Strand] = []
    try:
        leader.step(None)
        started = False
        while not leader.done:
            if changing or not started:
                started = True
                _close(strands)
                strands = _start(followers(), leader.asks if changing else ())
            asks = [*leader.asks, *(ask for strand in strands for ask in strand.asks)]
            replies = leader.give((yield asks))
            for strand in strands:
                replies = strand.give(replies)
                _drop_unless_reading(strand)
    finally:
        main.close()
        _close(strands)
    if leader.error is not None:
        raise leader.error
    return cast("T", leader.value)


def _start(coroutines: Iterator[Coroutine[Asks, Replies, None]], behind: Asks) -> list[_Strand]:
    """Take the first step of followers; those that could not come after what they are to be behind are dropped."""
    strands: list[_Strand] = []
    if not all(_in_one_frame(ask, behind[0]) for ask in behind):
        return strands
    for coroutine in coroutines:
        strand = _Strand(coroutine)
        strand.step(None)
        _drop_unless_reading(strand)
        if behind and not all(_in_one_frame(ask, behind[0]) for ask in strand.asks):
            _drop(strand)
        strands.append(strand)
    return strands


def _in_one_frame(ask: Ask, other: Ask) -> bool:
    return isinstance(ask.step, Operation) and ask.address.target is other.address.target


def _drop_unless_reading(strand: _Strand) -> None:
    for ask in strand.asks:
        if not isinstance(ask.step, Operation) or _changes(ask.step):
            _drop(strand)
            break


def _drop(strand: _Strand) -> None:
    strand.coroutine.close()
    strand.asks, strand.done = (), True


def _changes(operation: Operation[object]) -> bool:
    return operation.changing and not getattr(operation, "read_only", False)


def _close(strands: Sequence[_Strand]) -> None:
    for strand in strands:
        strand.coroutine.close()


async def drive(coroutine: Coroutine[Asks, Replies, T]) -> T:
    """Step a coroutine to its end, sending its questions to their targets.

    Raises what the coroutine raises, HostUnreachableError included.
    """
    replies: Replies | None = None
    try:
        while True:
            try:
                asks = coroutine.send(cast("Replies", replies))
            except StopIteration as stop:
                return cast("T", stop.value)
            replies = await _dispatch(asks)
    finally:
        coroutine.close()


async def _dispatch(asks: Asks) -> Replies:
    first = asks[0].address.target
    if all(ask.address.target is first and isinstance(ask.step, Operation) for ask in asks):
        return await _send(first, asks)
    replies: dict[int, Reply] = {}
    await asyncio.gather(*(_dispatch_part(part, asks, replies) for part in _parts(asks)))
    return [replies[index] for index in range(len(asks))]


def _parts(asks: Asks) -> list[list[int]]:
    """Group the operations by target, keeping their order; every other step stands alone."""
    frames: dict[int, list[int]] = {}
    alone: list[list[int]] = []
    for index, ask in enumerate(asks):
        if isinstance(ask.step, Operation):
            frames.setdefault(id(ask.address.target), []).append(index)
        else:
            alone.append([index])
    return [*frames.values(), *alone]


async def _dispatch_part(part: Sequence[int], asks: Asks, replies: dict[int, Reply]) -> None:
    chosen = [asks[index] for index in part]
    if isinstance(chosen[0].step, Operation):
        answers = await _send(chosen[0].address.target, chosen)
    else:
        answers = [await _perform(chosen[0])]
    replies.update(zip(part, answers, strict=True))


def _listener(ask: Ask) -> OutputCallback | None:
    """Return what is handed the output of a command: the module, the views, both or nobody."""
    show = ask.address.on_output
    listen = ask.step.listen if isinstance(ask.step, Run) else None
    if show is None or listen is None:
        return show or listen

    def both(stream: str, data: bytes) -> None:
        listen(stream, data)
        show(stream, data)

    return both


async def _send(target: Target, asks: Asks) -> Replies:
    frame = [Request(cast("Operation[object]", ask.step), ask.address.become, _listener(ask)) for ask in asks]
    try:
        return await target.execute(frame)
    except HostUnreachableError as error:
        # A module such as reboot expects this, so the coroutine hears of it rather than being cut off.
        return [Reply(error=error) for _ in frame]


async def _perform(ask: Ask) -> Reply:
    """Carry out a step that is the engine's own."""
    step, target = ask.step, ask.address.target
    try:
        match step:
            case InThread():
                return Reply(await asyncio.to_thread(step.function))
            case Sleep():
                await asyncio.sleep(step.seconds)
            case Barrier():
                return Reply(await target.barrier(step.timeout))
            case Reconnect():
                await target.reconnect(step.timeout, step.delay)
            case _:
                return Reply(error=TypeError(f"unknown step {step!r}"))
    except Exception as error:  # noqa: BLE001 - the module that asked decides what its function's errors mean
        return Reply(error=error)
    return Reply()
