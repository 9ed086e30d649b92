# SPDX-License-Identifier: GPL-3.0-or-later
"""Commands on this machine: own process group, killed as a whole, output bounded; as the helper runs them on hosts."""

from __future__ import annotations

import asyncio
import contextlib
import os
from typing import TYPE_CHECKING

from jetpack_core.connections import codec
from jetpack_core.connections.remote.helper.commands import LINGER, LINGER_AT_MOST, OUTPUT_LIMIT, environment, kill
from jetpack_core.connections.remote.helper.failures import Fail, from_os_error
from jetpack_core.connections.remote.helper.files import to_bytes
from jetpack_core.contracts.operations import Reply
from jetpack_core.records import CommandResult

if TYPE_CHECKING:
    from jetpack_core.contracts.operations import OutputCallback, Run


async def run(operation: Run, show: OutputCallback | None) -> Reply:
    """Run a command on this machine; a failure is the reply's error."""
    try:
        return Reply(await _run(operation, show))
    except Fail as fail:
        return Reply(error=codec.failure(fail.code, fail.subject, fail.detail))


async def _run(operation: Run, show: OutputCallback | None) -> CommandResult:
    process, ends = await _start(operation)
    outputs = [Output("stdout", ends[1], show), Output("stderr", ends[2], show)]
    tasks = [asyncio.create_task(output.collect()) for output in outputs]
    feeder = asyncio.create_task(_feed(ends[0], operation.stdin))
    try:
        async with asyncio.timeout(operation.timeout):
            await process.wait()
    except BaseException as error:
        kill(process.pid)
        await process.wait()
        if isinstance(error, TimeoutError):
            detail = f"still running after {operation.timeout:g} s"
            raise Fail("TIMEOUT", operation.argv[0], detail) from error
        raise
    else:
        await _linger(tasks, outputs)
    finally:
        for task in (*tasks, feeder):
            task.cancel()
        await asyncio.wait([*tasks, feeder])
    out, err = (output.text(operation.argv[0]) for output in outputs)
    code = process.returncode or 0
    return CommandResult(operation.argv, code if code >= 0 else 128 - code, out, err)


async def _start(operation: Run) -> tuple[asyncio.subprocess.Process, tuple[int, int, int]]:
    """Start a command; return it with our ends of its pipes.

    The pipes are ours, because asyncio counts a process as running while one of its children holds one of its own.
    """
    if not operation.argv:
        raise Fail("OTHER", "command", "there is no command to run")
    argv = [to_bytes(word) for word in operation.argv]
    cwd = None if operation.cwd is None else to_bytes(operation.cwd)
    env = environment(dict(os.environb), dict(operation.env))
    (give, ours), (out, theirs_out), (err, theirs_err) = os.pipe(), os.pipe(), os.pipe()
    try:
        process = await asyncio.create_subprocess_exec(
            *argv, stdin=give, stdout=theirs_out, stderr=theirs_err, env=env, cwd=cwd, start_new_session=True
        )
    except BaseException as error:
        for fd in (ours, out, err):
            os.close(fd)
        if not isinstance(error, OSError):
            raise
        at_fault = operation.cwd if cwd is not None and error.filename == cwd else None
        raise from_os_error(error, at_fault or operation.argv[0]) from error
    finally:
        for fd in (give, theirs_out, theirs_err):
            os.close(fd)
    return process, (ours, out, err)


async def _feed(fd: int, data: bytes) -> None:
    loop = asyncio.get_running_loop()
    pipe = os.fdopen(fd, "wb", buffering=0)
    transport, protocol = await loop.connect_write_pipe(asyncio.streams.FlowControlMixin, pipe)
    stream = asyncio.StreamWriter(transport, protocol, None, loop)
    # A command need not read its input to the end.
    with contextlib.suppress(ConnectionError):
        stream.write(data)
        await stream.drain()
    stream.close()


async def _linger(tasks: list[asyncio.Task[None]], outputs: list[Output]) -> None:
    """Take what is still in the pipes, without waiting for children that hold them open."""
    loop = asyncio.get_running_loop()
    end = loop.time() + LINGER_AT_MOST
    while loop.time() < end:
        before = sum(output.size for output in outputs)
        _, pending = await asyncio.wait(tasks, timeout=LINGER)
        if not pending or sum(output.size for output in outputs) == before:
            return


class Output:
    """One of a command's output streams."""

    def __init__(self, name: str, fd: int, show: OutputCallback | None) -> None:
        self.size = 0
        self._name = name
        self._fd = fd
        self._show = show
        self._parts: list[bytes] = []

    async def collect(self) -> None:
        """Read until the end, keeping what is within the limit."""
        loop = asyncio.get_running_loop()
        stream = asyncio.StreamReader(limit=1 << 17)
        pipe = os.fdopen(self._fd, "rb", buffering=0)
        transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(stream), pipe)
        try:
            while data := await stream.read(1 << 16):
                self.size += len(data)
                if self.size <= OUTPUT_LIMIT:
                    self._parts.append(data)
                if self._show is not None:
                    self._show(self._name, data)
        finally:
            transport.close()

    def text(self, command: str) -> str:
        """Return what was read; raises Fail TOO_LARGE when it was over the limit."""
        if self.size > OUTPUT_LIMIT:
            raise Fail("TOO_LARGE", command, f"wrote more than {OUTPUT_LIMIT >> 20} MiB to {self._name}")
        return codec.text(b"".join(self._parts))
