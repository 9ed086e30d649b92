# SPDX-License-Identifier: GPL-3.0-or-later
"""A stream of bytes to and from something that runs on a host; whatever carries it stays behind this."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

READ_SIZE = 1 << 18
"""Bytes that one read returns at most."""
NOTED = 4096
"""Bytes of complaints that are kept for the error message."""


class Pipe(ABC):
    """A duplex byte pipe of one event loop, with back-pressure in both directions."""

    def __init__(self) -> None:
        self.bytes_in = 0
        self.bytes_out = 0

    @abstractmethod
    async def read(self) -> bytes:
        """Return what has come, waiting for at least one byte; empty at the end."""

    @abstractmethod
    async def write(self, data: bytes) -> None:
        """Send all of the bytes, waiting while the other side takes none. Raises ConnectionError."""

    @abstractmethod
    def abort(self, why: str) -> None:
        """End the pipe at once; readers and writers find it at its end, and `diagnosis` says why."""

    @abstractmethod
    async def close(self) -> None:
        """End the pipe in good order; MUST NOT raise."""

    @property
    @abstractmethod
    def diagnosis(self) -> str:
        """What is known of why the pipe ended, or was said on the side, as one line."""

    @property
    def last_heard(self) -> float | None:
        """The loop's time when bytes last came, or None where a dead peer always shows itself."""
        return None

    async def exit_code(self) -> int | None:
        """Return the exit code of what ran on a host, for a pipe that has ended; None where it is not known."""
        return None

    async def knock(self) -> None:
        """Ask what carries the pipe for a sign of life, which `last_heard` tells of. Raises ConnectionError."""
        return


class ProcessPipe(Pipe):
    """The standard streams of a child process on this machine."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        super().__init__()
        if process.stdin is None or process.stdout is None or process.stderr is None:
            raise ValueError("the process must have pipes")
        self._process = process
        self._stdin, self._stdout = process.stdin, process.stdout
        self._said = b""
        self._why = ""
        self._listener = asyncio.create_task(self._listen(process.stderr))

    @classmethod
    async def start(cls, argv: Sequence[str], env: Mapping[str, str] | None = None) -> ProcessPipe:
        """Start a program in a session of its own. Raises OSError."""
        piped = asyncio.subprocess.PIPE
        return cls(
            await asyncio.create_subprocess_exec(
                *argv, stdin=piped, stdout=piped, stderr=piped, env=env, limit=READ_SIZE, start_new_session=True
            )
        )

    async def _listen(self, stream: asyncio.StreamReader) -> None:
        while data := await stream.read(READ_SIZE):
            self._said = (self._said + data)[-NOTED:]

    async def read(self) -> bytes:
        """Return what has come; empty at the end."""
        data = await self._stdout.read(READ_SIZE)
        self.bytes_in += len(data)
        return data

    async def write(self, data: bytes) -> None:
        """Send all of the bytes."""
        self.bytes_out += len(data)
        self._stdin.write(data)
        await self._stdin.drain()

    def abort(self, why: str) -> None:
        """Ask the process to tidy up and end, and kill it when it does not."""
        self._why = self._why or why
        self._signal(signal.SIGTERM)
        asyncio.get_running_loop().call_later(2, self._signal, signal.SIGKILL)

    def _signal(self, number: signal.Signals) -> None:
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)

    async def close(self) -> None:
        """Close its input, and kill it when it does not end by that."""
        self._stdin.close()
        try:
            await asyncio.wait_for(self._process.wait(), 5)
        except TimeoutError:
            self.abort("it did not end by itself")
            await self._process.wait()
        await asyncio.wait([self._listener], timeout=1)
        self._listener.cancel()

    @property
    def diagnosis(self) -> str:
        """What the process said on its standard error, and how it ended."""
        said = " ".join(self._said.decode("utf-8", "replace").split())
        code = self._process.returncode
        ended = f"exit code {code}" if code else ""
        return self._why or ", ".join(part for part in (said, ended) if part)
