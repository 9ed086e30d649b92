# SPDX-License-Identifier: GPL-3.0-or-later
"""A connection that reaches nothing and answers at once: what is left is the cost of the engine."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import ClassVar, Final

from jetpack_core.contracts.connection import Connection
from jetpack_core.contracts.operations import Operation, Reply, Request, Run, Stat
from jetpack_core.contracts.view import View
from jetpack_core.events import Event, HostResult, RunFinished
from jetpack_core.hookspecs import Reference, hookimpl
from jetpack_core.records import CommandResult, FileKind, FileStat

PAGE: Final = b"one on 80\n"
"""What every file of these hosts holds."""
_CHECKSUM: Final = hashlib.sha256(PAGE).hexdigest()


class NullConnection(Connection):
    """A host on which every file is as it should be and every command ends well."""

    frames: ClassVar[int] = 0
    """How many frames all hosts were sent: the benchmark sets it to zero before a run."""

    async def connect(self) -> None:
        """Reach nothing."""

    async def execute(self, frame: Sequence[Request]) -> Sequence[Reply]:
        """Answer at once."""
        NullConnection.frames += 1
        return [Reply(_answer(request.operation)) for request in frame]

    async def close(self) -> None:
        """Leave nothing."""


def _answer(operation: Operation[object]) -> object:
    match operation:
        case Stat(path=path, checksum=checksum):
            digest = _CHECKSUM if checksum else None
            return FileStat(path, FileKind.FILE, 0o644, 0, 0, "root", "root", len(PAGE), checksum=digest)
        case Run(argv=argv):
            return CommandResult(argv, 0, "done\n")
        case _:
            raise NotImplementedError(type(operation).__name__)


class Ending(View):
    """Looks at memory when a run ends, while the engine still holds all it holds."""

    def __init__(self, memory: Callable[[], int]) -> None:
        self.memory = 0
        self.failure = ""
        self._memory = memory

    def handle(self, event: Event) -> None:
        """Wait for the end; keep the first failure."""
        if isinstance(event, RunFinished):
            self.memory = self._memory()
            self.failure = self.failure or event.error
        elif isinstance(event, HostResult) and event.status.value == "failed":
            self.failure = self.failure or event.msg


class NullPlugin:
    """Registers the connection."""

    @hookimpl
    def jetpack_register_connections(self) -> list[Reference]:
        """Name the connection."""
        return [Reference("null", f"{__name__}:NullConnection", "nothing")]
