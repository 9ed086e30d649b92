# SPDX-License-Identifier: GPL-3.0-or-later
"""Drives a connection from ordinary tests."""

from __future__ import annotations

from collections.abc import Coroutine, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from jetpack_core.contracts import operations as ops
from jetpack_core.records import CommandResult
from jetpack_core.testing.loop import Loop

if TYPE_CHECKING:
    from jetpack_core.contracts.connection import Connection

T = TypeVar("T")


class Driver:
    """Drive a connection from ordinary tests."""

    def __init__(self, connection: Connection, become: ops.Become | None = None) -> None:
        self.connection = connection
        self.become = become
        self._loop = Loop()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine to its end in the connection's event loop."""
        return self._loop.run(work)

    def connect(self) -> Driver:
        """Connect, and return itself."""
        self.run(self.connection.connect())
        return self

    def frame(self, *operations: ops.Operation[Any], show: ops.OutputCallback | None = None) -> list[ops.Reply]:
        """Carry out operations as one frame."""
        return list(self.run(self.execute(*operations, show=show)))

    async def execute(
        self, *operations: ops.Operation[Any], show: ops.OutputCallback | None = None
    ) -> Sequence[ops.Reply]:
        """Carry out operations as one frame, from within the event loop."""
        return await self.connection.execute([ops.Request(one, self.become, show) for one in operations])

    def do(self, operation: ops.Operation[T]) -> T:
        """Carry out one operation and return its value, or raise its error."""
        (reply,) = self.frame(operation)
        if reply.error is not None:
            raise reply.error
        value: T = reply.value  # type: ignore[assignment]
        return value

    def sh(self, script: str, *words: str) -> CommandResult:
        """Run a shell script on the host."""
        return self.do(ops.Run(("sh", "-c", script, "sh", *words)))

    def close(self) -> None:
        """Close the connection and the event loop."""
        self.run(self.connection.close())
        self._loop.close()
