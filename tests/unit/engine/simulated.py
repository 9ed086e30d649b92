# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts in memory with users, late effects and a clock that only waiting turns, so that every run is repeatable."""

from __future__ import annotations

import asyncio
import hashlib
import selectors
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from jetpack_core.contracts.connection import Endpoint
from jetpack_core.contracts.host import Host
from jetpack_core.contracts.module import Module
from jetpack_core.contracts.operations import Get, Operation, Reply, Request, Run, Write
from jetpack_core.errors import HostUnreachableError, OperationCode, OperationError
from jetpack_core.hookspecs import Reference, hookimpl
from jetpack_core.records import CommandResult, FileKind, FileStat, Outcome, Plan, PlanKind
from tests.unit.engine.memory import MemoryConnection, MemoryHost

LOGIN = "login"
_THREADS_TURN = 0.01


class WaitingTurns(selectors.DefaultSelector):
    """A selector that lets time pass at once where nothing else is to be done."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.threads = 0
        """How many are at work; meanwhile, no time passes."""

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Look for what is ready, and otherwise turn the clock to the next timer."""
        if self.threads or timeout is None:
            return super().select(_THREADS_TURN)
        ready = super().select(0)
        if not ready:
            self.now += timeout
        return ready


class TurnedLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock stands still while anything is done."""

    def __init__(self) -> None:
        self._turns = WaitingTurns()
        super().__init__(self._turns)

    def time(self) -> float:
        """Return the seconds that were waited."""
        return self._turns.now

    def run_in_executor(self, executor: Any, func: Any, *args: Any) -> asyncio.Future[Any]:  # type: ignore[override]
        """Run in a thread, in no time."""
        self._turns.threads += 1
        done = super().run_in_executor(executor, func, *args)
        done.add_done_callback(self._thread_ended)
        return done

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:
        """End the threads, in no time: what was still to come later does not."""
        del timeout
        self._turns.threads += 1
        await super().shutdown_default_executor()

    def _thread_ended(self, _: asyncio.Future[Any]) -> None:
        self._turns.threads -= 1


@contextmanager
def turned_clock() -> Iterator[None]:
    """Let runs within wait for nothing."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(asyncio.events, "new_event_loop", TurnedLoop)
        yield


class Machine(MemoryHost):
    """A host in memory; several names may lead to it."""

    def __init__(self, pace: Sequence[int] = (1,)) -> None:
        super().__init__()
        self.pace = pace
        """How often others have a turn before each of its frames."""
        self.owners: dict[str, str] = {}
        self.round_trips = 0

    def state(self, path: str) -> FileStat:
        """Describe a file or the only directory."""
        if path == "/":
            return FileStat(path, FileKind.DIRECTORY, 0o755, owner="root")
        return replace(super().state(path), owner=self.owners.get(path, LOGIN))


class SimulatedConnection(MemoryConnection):
    """Acts on a machine by the rules of the contract, as the user it is told."""

    def __init__(self, endpoint: Endpoint) -> None:
        super().__init__(endpoint)
        self.machine = cast("Machine", self.host)

    async def execute(self, frame: Sequence[Request]) -> Sequence[Reply]:
        """Carry out a frame; a changing operation that fails stops it."""
        for _ in range(self.machine.pace[self.machine.round_trips % len(self.machine.pace)]):
            await asyncio.sleep(0)
        self.machine.round_trips += 1
        replies: list[Reply] = []
        for request in frame:
            user = request.become.user if request.become is not None else LOGIN
            try:
                replies.append(Reply(self._as_user(request.operation, user)))
            except OperationError as error:
                replies.append(Reply(error=error))
                if request.operation.changing and not getattr(request.operation, "read_only", False):
                    break
        return [*replies, *[Reply(ran=False)] * (len(frame) - len(replies))]

    def _as_user(self, operation: Operation[object], user: str) -> object:
        match operation:
            case Run(argv=argv, read_only=read_only):
                if not read_only:
                    self.machine.ran.append((user, *argv))
                return self._command(argv, user)
            case Get(path=path, destination=destination):
                return self._get(path, destination)
            case Write(path=path):
                found = self._perform(operation)
                self.machine.owners[path] = user
                return found
            case _:
                return self._perform(operation)

    def _get(self, path: str, destination: Path) -> FileStat:
        if path not in self.machine.files:
            raise OperationError(OperationCode.NOT_FOUND, path)
        destination.write_bytes(self.machine.files[path])
        return replace(self.machine.state(path), content=None)

    def _command(self, argv: tuple[str, ...], user: str) -> CommandResult:
        files = self.machine.files
        out, rc = " ".join(argv), 0
        match argv:
            case ("append", path, text):
                files[path] = files.get(path, b"") + text.encode()
            case ("sign", path):
                files[path] = files.get(path, b"") + f"{user}\n".encode()
            case ("later", delay, path, text):
                # Timers of one moment are in no order, so that what was begun first also comes first.
                moment = float(delay) + len(self.machine.ran) * 1e-6
                asyncio.get_running_loop().call_later(moment, files.update, {path: text.encode()})
            case ("cat", path):
                out = hashlib.sha256(files.get(path, b"none")).hexdigest()[:8]
            case ("flaky", path):
                files[path] = files.get(path, b"") + b"!"
                rc = 0 if files[path].count(b"!") % 3 == 0 else 1
            case ("first",):
                pass
            case ("fail",):
                rc = 1
            case ("unless", path):
                rc = 1 if path in files else 0
            case _:
                raise OperationError(OperationCode.OTHER, out)
        return CommandResult(argv, rc, out)

    async def connect(self) -> None:
        """Reach the machine, unless it is down."""
        if self.machine.down:
            message = "connection refused"
            raise HostUnreachableError(message)


class Learn(Module):
    """Know a text of the host from here on, as facts are known."""

    sets_variables = True
    path: str
    fact: str

    async def plan(self, host: Host) -> Plan:
        """Read it."""
        now = await host.stat(self.path, content=1 << 20)
        found = (now.content or b"").decode() if now.exists else "nothing"
        return Plan(PlanKind.PASSIVE, outcome=Outcome({self.fact: found}))


class SimulatedPlugin:
    """Registers a connection to machines, and a module."""

    @hookimpl
    def jetpack_register_connections(self) -> list[Reference]:
        """Name the connection."""
        return [Reference("simulated", f"{__name__}:SimulatedConnection", "machines in memory")]

    @hookimpl
    def jetpack_register_modules(self) -> list[Reference]:
        """Name the module."""
        return [Reference("learn", f"{__name__}:Learn", "test")]
