# SPDX-License-Identifier: GPL-3.0-or-later
"""A connection that says what the test told it to say, for what cannot happen on a real host at will."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Self

from jetpack_core.contracts.connection import Connection, Endpoint
from jetpack_core.contracts.operations import Operation, Reply, Request, Run, ends_frame
from jetpack_core.records import CommandResult

Matcher = Operation[object] | type[Operation[object]] | Callable[[Operation[object]], bool]
Answer = object
"""A value, an exception to fail with, or a function of the operation that returns either."""


class UnexpectedOperationError(AssertionError):
    """A module asked for something that the script has no answer to."""


class ScriptedConnection(Connection):
    """Answers operations from a script and keeps a log of them.

    Example::

        connection = ScriptedConnection()
        connection.command(["systemctl", "is-active", "nginx"], rc=3, stdout="inactive")
        connection.on(Stat("/etc/nginx"), FileStat("/etc/nginx"))
        with TestHost(connection) as host:
            plan = host.plan(SdService(service="nginx", started=True))
        assert connection.commands == [("systemctl", "is-active", "nginx")]

    Rules are tried from the last to the first. A rule with several answers gives them in turn, then the last again.
    """

    def __init__(self) -> None:
        super().__init__(Endpoint("scripted"))
        self.frames: list[tuple[Request, ...]] = []
        self._rules: list[tuple[Matcher, list[Answer]]] = []

    @property
    def operations(self) -> list[Operation[object]]:
        """Return all operations that were carried out or refused, in order."""
        return [request.operation for frame in self.frames for request in frame]

    @property
    def commands(self) -> list[tuple[str, ...]]:
        """Return the commands among them."""
        return [operation.argv for operation in self.operations if isinstance(operation, Run)]

    def on(self, what: Matcher, *answers: Answer) -> Self:
        """Say how an operation is answered.

        :param what: The operation itself, its type, or a function that tells whether it is meant.
        """
        self._rules.append((what, list(answers) or [None]))
        return self

    def command(self, argv: Sequence[str], *, rc: int = 0, stdout: str = "", stderr: str = "") -> Self:
        """Say how a command ends, whatever its environment and standard input."""
        words = tuple(argv)
        return self.on(_runs(words), CommandResult(words, rc, stdout, stderr))

    async def connect(self) -> None:
        """Nothing is to be reached."""

    async def execute(self, frame: Sequence[Request]) -> Sequence[Reply]:
        """Answer from the script, stopping where a changing operation fails. Raises UnexpectedOperationError."""
        self.frames.append(tuple(frame))
        replies: list[Reply] = []
        stopped = False
        for request in frame:
            reply = Reply(ran=False) if stopped else self._answer(request.operation)
            stopped = stopped or ends_frame(request.operation, reply)
            replies.append(reply)
        return replies

    def _answer(self, operation: Operation[object]) -> Reply:
        for what, answers in reversed(self._rules):
            if _means(what, operation):
                answer = answers.pop(0) if len(answers) > 1 else answers[0]
                if callable(answer) and not isinstance(answer, type):
                    answer = answer(operation)
                return Reply(error=answer) if isinstance(answer, Exception) else Reply(answer)
        raise UnexpectedOperationError(f"the script has no answer to {operation!r}")

    async def close(self) -> None:
        """Nothing is to be given back."""


def _runs(argv: tuple[str, ...]) -> Callable[[Operation[object]], bool]:
    return lambda operation: isinstance(operation, Run) and operation.argv == argv


def _means(what: Matcher, operation: Operation[object]) -> bool:
    if isinstance(what, Operation):
        return what == operation
    if isinstance(what, type):
        return isinstance(operation, what)
    return what(operation)
