# SPDX-License-Identifier: GPL-3.0-or-later
"""Turns what a module awaits into questions with an address; in plan mode, answers those that need no host."""

from __future__ import annotations

import types
from collections.abc import Coroutine, Generator, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, Protocol, TypeVar, cast

from jetpack_core.contracts.operations import (
    Become,
    Gather,
    Operation,
    OutputCallback,
    Reply,
    Request,
    Step,
    ends_frame,
)
from jetpack_core.errors import UnknownValueError

T = TypeVar("T")


class Target(Protocol):
    """A host that can be asked; the engine's live hosts and the test kit's are targets."""

    async def execute(self, frame: Sequence[Request]) -> Sequence[Reply]:
        """Carry out a frame; see `Connection.execute`."""

    async def barrier(self, timeout: float) -> tuple[str, ...]:
        """Wait for the other hosts of the batch; returns those of the play that have left the run."""

    async def reconnect(self, timeout: float, delay: float) -> None:
        """Drop the connection and open it again."""


class Foresight(Protocol):
    """Plan mode: answers questions from what earlier tasks would have made of a host."""

    def answer(self, operation: Operation[object]) -> Reply | None:
        """Return what is known already; None where the host is to be asked."""

    def questions(self, operations: Iterable[Operation[object]]) -> Sequence[Operation[object]]:
        """Return what the host is to be asked as well, in the same frame and before the operations."""

    def learn(self, operation: Operation[object], reply: Reply) -> None:
        """Take note of an answer of the host."""

    def settle(self, operation: Operation[object], reply: Reply) -> Reply:
        """Return the host's answer, or what it would be by then; all answers of the frame are learnt by now."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where a coroutine's steps go, and as whom."""

    target: Target
    become: Become | None = None
    on_output: OutputCallback | None = None
    foresight: Foresight | None = None
    """Plan mode: what earlier tasks would have made."""

    def heard_by(self, listener: OutputCallback | None) -> Address:
        """Return the same address for steps whose output somebody wants."""
        return self if listener is None else replace(self, on_output=listener)


class Ask(NamedTuple):
    """One step on its way to its target."""

    step: Step[object]
    address: Address


Asks = Sequence[Ask]
Replies = Sequence[Reply]
Stepping = Generator[Asks, Replies, T]


@types.coroutine
def addressed(coroutine: Coroutine[object, object, T], address: Address) -> Stepping[T]:
    """Run a coroutine whose steps all go to one address."""
    value: object = None
    error: Exception | None = None
    try:
        while True:
            try:
                step = coroutine.send(value) if error is None else coroutine.throw(error)
            except StopIteration as stop:
                return cast("T", stop.value)
            if isinstance(step, Gather):
                value, error = yield from _gather(step.operations, address)
            elif not isinstance(step, Step):
                message = f"a module may only await the methods of its host, not {type(step).__name__}"
                value, error = None, TypeError(message)
            else:
                reply = yield from _ask(step, address)
                value, error = reply.value, reply.error
    finally:
        coroutine.close()


def without_asking(coroutine: Coroutine[object, object, T], why: str) -> T:
    """Return what a coroutine returns that awaits nothing. Raises UnknownValueError, with the reason, where it does."""
    try:
        coroutine.send(None)
    except StopIteration as stop:
        return cast("T", stop.value)
    finally:
        coroutine.close()
    raise UnknownValueError(why)


def _ask(step: Step[object], address: Address) -> Stepping[Reply]:
    if address.foresight is not None and isinstance(step, Operation):
        return (yield from _foreseen((step,), address, address.foresight))[0]
    ask = (Ask(step, address),)
    while True:
        (reply,) = yield ask
        if reply.ran:
            return reply


def _gather(operations: Sequence[Operation[object]], address: Address) -> Stepping[tuple[object, Exception | None]]:
    if address.foresight is None:
        replies = yield from _ask_all(operations, address)
    else:
        replies = yield from _foreseen(operations, address, address.foresight)
    failed = next((reply for reply in replies if reply.error is not None), None)
    if failed is not None:
        return None, failed.error
    return tuple(reply.value for reply in replies), None


def _foreseen(
    operations: Sequence[Operation[object]], address: Address, foresight: Foresight
) -> Stepping[Sequence[Reply]]:
    """Plan mode: answer what is known, and ask the host for the rest."""
    known = [foresight.answer(operation) for operation in operations]
    asked = [operation for operation, reply in zip(operations, known, strict=True) if reply is None]
    if not asked:
        return [reply for reply in known if reply is not None]
    beside = foresight.questions(asked)
    answers = yield from _ask_all(asked, address, beside)
    for operation, answer in zip((*beside, *asked), answers, strict=True):
        foresight.learn(operation, answer)
    settled = iter([foresight.settle(*pair) for pair in zip(asked, answers[len(beside) :], strict=True)])
    return [next(settled) if reply is None else reply for reply in known]


def _is_the_last(operation: Operation[object], reply: Reply) -> bool:
    """Tell whether a command ended the frame by how it ended."""
    return reply.ran and reply.error is None and ends_frame(operation, reply)


def _ask_all(
    operations: Sequence[Operation[object]], address: Address, beside: Sequence[Operation[object]] = ()
) -> Stepping[Sequence[Reply]]:
    """Ask until everything was answered, or one of the operations failed; what is asked beside them may fail."""
    asking = (*beside, *operations)
    replies = [Reply(ran=False)] * len(asking)
    while missing := [index for index, reply in enumerate(replies) if not reply.ran]:
        answers = yield [Ask(asking[index], address) for index in missing]
        for index, answer in zip(missing, answers, strict=True):
            replies[index] = answer
        if any(map(_is_the_last, asking, replies)) or any(reply.error is not None for reply in replies[len(beside) :]):
            break
    return replies
