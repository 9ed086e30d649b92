# SPDX-License-Identifier: GPL-3.0-or-later
"""A connection to hosts that live in memory, and modules to act on them.

The engine's rules (order, batching, who sees what) are tested here without any system below; what real hosts do is
tested over real connections.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from typing import ClassVar

from jetpack_core.contracts.connection import Connection, Endpoint
from jetpack_core.contracts.host import Host
from jetpack_core.contracts.module import Module
from jetpack_core.contracts.operations import Operation, Read, Remove, Reply, Request, Run, Stat, Write, ends_frame
from jetpack_core.errors import HostUnreachableError, OperationCode, OperationError, StaleError, TaskError
from jetpack_core.hookspecs import Reference, hookimpl
from jetpack_core.records import Change, CommandResult, FileKind, FileStat, Outcome, PathEffect, Plan, PlanKind


class MemoryHost:
    """Files of one host, and everything that was asked of it."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.frames: list[list[Operation[object]]] = []
        self.ran: list[tuple[str, ...]] = []
        self.down = False
        self.down_after: int | None = None
        self.connected = 0
        self.closed = 0
        self.slowness = 1
        """How often other hosts have a turn before a frame is carried out."""

    def state(self, path: str) -> FileStat:
        """Describe a file."""
        if path not in self.files:
            return FileStat(path)
        content = self.files[path]
        digest = hashlib.sha256(content).hexdigest()
        return FileStat(path, FileKind.FILE, 0o644, size=len(content), checksum=digest, content=content)


class MemoryWorld:
    """All hosts in memory, by name; made when first asked for."""

    hosts: ClassVar[dict[str, MemoryHost]] = {}

    @classmethod
    def host(cls, name: str) -> MemoryHost:
        """Return a host."""
        return cls.hosts.setdefault(name, MemoryHost())


class MemoryConnection(Connection):
    """Acts on a host in memory by the rules of the contract."""

    def __init__(self, endpoint: Endpoint) -> None:
        super().__init__(endpoint)
        self.host = MemoryWorld.host(endpoint.host)

    async def connect(self) -> None:
        """Reach the host, unless it is down."""
        if self.host.down:
            message = "connection refused"
            raise HostUnreachableError(message)
        self.host.connected += 1

    async def execute(self, frame: Sequence[Request]) -> Sequence[Reply]:
        """Carry out a frame; a changing operation that fails stops it."""
        if self.host.down_after is not None and len(self.host.frames) >= self.host.down_after:
            message = "connection lost"
            raise HostUnreachableError(message)
        # Any real connection lets other hosts go on meanwhile.
        for _ in range(self.host.slowness):
            await asyncio.sleep(0)
        self.host.frames.append([request.operation for request in frame])
        replies: list[Reply] = []
        for request in frame:
            try:
                replies.append(Reply(self._perform(request.operation)))
            except OperationError as error:
                replies.append(Reply(error=error))
            if ends_frame(request.operation, replies[-1]):
                break
        return [*replies, *[Reply(ran=False)] * (len(frame) - len(replies))]

    def _perform(self, operation: Operation[object]) -> object:
        files = self.host.files
        match operation:
            case Stat(path=path):
                return self.host.state(path)
            case Read(path=path):
                if path not in files:
                    raise OperationError(OperationCode.NOT_FOUND, path)
                return files[path]
            case Write(path=path, content=content, expect=expect):
                if expect is not None and expect.checksum != self.host.state(path).checksum:
                    raise StaleError(path)
                files[path] = content
                return self.host.state(path)
            case Remove(path=path):
                files.pop(path, None)
                return None
            case Run(argv=argv):
                return self._run(argv)
            case _:
                raise OperationError(OperationCode.OTHER, type(operation).__name__)

    def _run(self, argv: tuple[str, ...]) -> CommandResult:
        self.host.ran.append(argv)
        match argv:
            case ("append", path, text):
                self.host.files[path] = self.host.files.get(path, b"") + text.encode()
            case ("later", path, text):
                asyncio.get_running_loop().call_later(0.05, self.host.files.update, {path: text.encode()})
            case ("half", path, text):
                self.host.files[path] = text.encode()
                return CommandResult(argv, 1)
            case ("fail", *_):
                return CommandResult(argv, 1, "", "it failed")
            case ("count",):
                return CommandResult(argv, 0, str(len(self.host.ran)))
            case _:
                pass
        return CommandResult(argv, 0, " ".join(argv))

    async def close(self) -> None:
        """Hang up."""
        self.host.closed += 1


class Keep(Module):
    """Keep a file with a text."""

    path: str
    text: str = ""
    remove: bool = False

    async def plan(self, host: Host) -> Plan:
        """Compare the text."""
        now = await host.stat(self.path, checksum=True, content=1 << 20)
        if self.remove:
            if not now.exists:
                return Plan(PlanKind.NONE)
            return Plan(PlanKind.REMOVE, effects=(PathEffect(FileStat(self.path)),), data=now)
        if now.content == self.text.encode():
            return Plan(PlanKind.NONE)
        kind = PlanKind.MODIFY if now.exists else PlanKind.CREATE
        state = FileStat(self.path, FileKind.FILE, 0o644, content=self.text.encode(), size=len(self.text))
        before = now.content.decode() if now.content is not None else None
        return Plan(kind, (Change("text", before, self.text),), effects=(PathEffect(state),), data=now)

    def applies_at_once(self, plan: Plan) -> bool:
        """Tell that a write is one step."""
        return plan.kind is not PlanKind.REMOVE

    async def apply(self, host: Host, plan: Plan) -> Outcome:
        """Write the text."""
        now = plan.data if isinstance(plan.data, FileStat) else None
        if self.remove:
            await host.remove(self.path)
        else:
            await host.write(self.path, self.text.encode(), expect=now)
        return Outcome()


class Append(Module):
    """Make sure that a file holds a line."""

    path: str
    line: str

    async def plan(self, host: Host) -> Plan:
        """Look for the line."""
        now = await host.stat(self.path, checksum=True, content=1 << 20)
        lines = (now.content or b"").decode().splitlines()
        if self.line in lines:
            return Plan(PlanKind.NONE)
        text = "".join(f"{line}\n" for line in [*lines, self.line])
        content = text.encode()
        state = FileStat(self.path, FileKind.FILE, 0o644, content=content, size=len(content))
        return Plan(PlanKind.MODIFY, effects=(PathEffect(state),), data=(now, content))

    def applies_at_once(self, plan: Plan) -> bool:
        """Tell that a write is one step."""
        del plan
        return True

    async def apply(self, host: Host, plan: Plan) -> Outcome:
        """Write the file with the line."""
        now, content = plan.data if isinstance(plan.data, tuple) else (None, b"")
        await host.write(self.path, content, expect=now)
        return Outcome()


class Slow(Module):
    """Write a file by a command that comes before, in two round trips."""

    path: str
    text: str

    async def plan(self, host: Host) -> Plan:
        """Always write."""
        del host
        return Plan(PlanKind.EXECUTE)

    async def apply(self, host: Host, plan: Plan) -> Outcome:
        """Run the command, then write."""
        del plan
        await host.run(["first"])
        await host.write(self.path, self.text.encode())
        return Outcome()


class Make(Module):
    """Make a file by a command, which may do its part and fail."""

    repeatable: ClassVar[bool] = False

    path: str
    fails: bool = False

    async def plan(self, host: Host) -> Plan:
        """Look whether it is there."""
        return Plan(PlanKind.NONE if (await host.stat(self.path)).exists else PlanKind.CREATE)

    def applies_at_once(self, plan: Plan) -> bool:
        """Tell that it is one command."""
        del plan
        return True

    async def apply(self, host: Host, plan: Plan) -> Outcome:
        """Make it."""
        del plan
        done = await host.run(["half" if self.fails else "append", self.path, "made"], good=(0,))
        if not done.ok:
            message = "it was made, and that was all"
            raise TaskError(message)
        return Outcome()


class Settle(Module):
    """Run a command, and wait for what it leaves to happen."""

    cmd: list[str]

    async def plan(self, host: Host) -> Plan:
        """Always run."""
        del host
        return Plan(PlanKind.EXECUTE)

    async def apply(self, host: Host, plan: Plan) -> Outcome:
        """Run it and wait."""
        del plan
        await host.run(self.cmd)
        await host.sleep(0.2)
        return Outcome()


class Do(Module):
    """Run a command of the memory host."""

    cmd: list[str]
    save: str | None = None
    quiet: bool = False
    read_only: bool = False

    async def plan(self, host: Host) -> Plan:
        """Always run."""
        del host
        known = Outcome(changed=False if self.quiet else None)
        return Plan(PlanKind.EXECUTE, outcome=known, read_only=self.read_only)

    async def apply(self, host: Host, plan: Plan) -> Outcome:
        """Run it; an exit code other than 0 fails."""
        del plan
        done = await host.run(self.cmd)
        result = {"rc": done.rc, "out": done.stdout}
        return Outcome(
            result, rc=done.rc, stdout=done.stdout, failed=not done.ok, changed=False if self.quiet else None
        )


class Look(Module):
    """Report a file's text, or fail where there is none."""

    path: str
    save: str | None = None

    async def plan(self, host: Host) -> Plan:
        """Read it."""
        now = await host.stat(self.path, content=1 << 20)
        if not now.exists:
            message = f"{self.path} is missing"
            raise TaskError(message)
        return Plan(PlanKind.PASSIVE, outcome=Outcome({"text": (now.content or b"").decode()}))


class Meet(Module):
    """Wait for the other hosts."""

    async def plan(self, host: Host) -> Plan:
        """Wait."""
        await host.barrier(5)
        return Plan(PlanKind.PASSIVE)


class Broken(Module):
    """Raise what no module should."""

    async def plan(self, host: Host) -> Plan:
        """Raise."""
        raise KeyError(host.name)


class MemoryPlugin:
    """Registers everything above."""

    @hookimpl
    def jetpack_register_connections(self) -> list[Reference]:
        """Name the connection."""
        return [Reference("memory", f"{__name__}:MemoryConnection", "hosts in memory")]

    @hookimpl
    def jetpack_register_modules(self) -> list[Reference]:
        """Name the modules."""
        return [
            Reference(cls.__name__.lower(), f"{__name__}:{cls.__name__}", "test")
            for cls in (Keep, Append, Slow, Make, Settle, Do, Look, Meet, Broken)
        ]
