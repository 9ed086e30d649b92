# SPDX-License-Identifier: GPL-3.0-or-later
"""Act on this machine, by the same code that runs on hosts."""

from __future__ import annotations

import asyncio
import secrets
import sys
import threading
from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby
from typing import TYPE_CHECKING, Any, ClassVar

from jetpack_core.connections import codec
from jetpack_core.connections.commands import run
from jetpack_core.connections.framed import FramedClient
from jetpack_core.connections.payload import helper_payload
from jetpack_core.connections.pipe import ProcessPipe
from jetpack_core.connections.remote.helper import boot
from jetpack_core.connections.remote.helper.failures import Cancelled, Fail
from jetpack_core.connections.remote.helper.files import BLOCK
from jetpack_core.connections.remote.helper.holding import RENEW_EVERY, TAKEN, RunLock
from jetpack_core.connections.remote.helper.requests import Work, carry_out
from jetpack_core.connections.remote.helper.temporary import TemporaryDirectories
from jetpack_core.connections.transfer import Receiver, SourceError
from jetpack_core.contracts.connection import Connection, Endpoint
from jetpack_core.contracts.operations import (
    Get,
    Hold,
    Put,
    Remove,
    Reply,
    Request,
    Run,
    RunFile,
    TempDirectory,
    ends_frame,
)
from jetpack_core.contracts.sources import SourceFile
from jetpack_core.errors import HostUnreachableError, OperationError
from jetpack_core.records import CommandResult

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jetpack_core.contracts.operations import OutputCallback


class LocalConnection(Connection):
    """This machine, without a way through the network; other users by the same helper that hosts get."""

    summary: ClassVar[str] = "act on this machine, without SSH"
    holds: ClassVar[bool] = True

    def __init__(self, endpoint: Endpoint) -> None:
        super().__init__(endpoint)
        self.round_trips = 0
        self.channels = 0
        self._directories = TemporaryDirectories()
        self._run_lock = RunLock()
        self._hold: Request | None = None
        self._signs: asyncio.Task[None] | None = None
        self._working = 0
        """How many threads are at work, which show by themselves that they are not stuck."""
        self._helper: FramedClient | None = None
        self._joined = False
        """Whether the helper has taken part in holding the machine."""

    async def connect(self) -> None:
        """Nothing is to be reached."""

    async def execute(self, frame: Sequence[Request]) -> Sequence[Reply]:
        """Carry out the requests in order; see `Connection.execute`."""
        replies: list[Reply] = []
        stopped = False
        for become, group in groupby(frame, key=lambda request: request.become):
            requests = list(group)
            if stopped:
                replies += [Reply(ran=False)] * len(requests)
                continue
            found = await (self._here(requests) if become is None else self._as_user(requests))
            stopped = any(
                not reply.ran or ends_frame(request.operation, reply)
                for request, reply in zip(requests, found, strict=True)
            )
            replies += found
        return replies

    async def _here(self, requests: list[Request]) -> list[Reply]:
        replies: list[Reply] = []
        pending = list(requests)
        while pending:
            if isinstance(pending[0].operation, Hold):
                self._hold = pending[0]
            if isinstance(pending[0].operation, Run):
                reply = _taken(self._run_lock) or await self._run(pending[0].operation, pending[0].on_output)
                replies.append(reply)
                count = 1
                stopped = ends_frame(pending[0].operation, reply)
            else:
                batch = pending[: next((i for i, one in enumerate(pending) if isinstance(one.operation, Run)), None)]
                found, stopped = await self._in_thread(batch)
                replies += found
                count = len(batch)
            del pending[:count]
            if stopped:
                break
        return replies + [Reply(ran=False)] * len(pending)

    async def _run(self, operation: Run, show: OutputCallback | None) -> Reply:
        if not isinstance(operation, RunFile):
            return await run(operation, show)
        (made,), _ = await self._in_thread([Request(TempDirectory("script"))])
        if made.error is not None:
            return made
        directory = str(made.value)
        path = f"{directory}/{operation.source.name}"
        try:
            (sent,), _ = await self._in_thread([Request(Put(operation.source, path, mode=0o700))])
            if sent.error is not None:
                return sent
            ended = await run(replace(operation, argv=operation.words(path)), show)
        finally:
            # What cannot be removed now is tried again when the connection closes, and by the next run.
            await self._in_thread([Request(Remove(directory, recursive=True))])
        if isinstance(ended.value, CommandResult):
            return Reply(replace(ended.value, argv=operation.argv))
        return ended

    async def _in_thread(self, batch: list[Request]) -> tuple[list[Reply], bool]:
        work = LocalWork(batch, self._directories, self._run_lock)
        self._working += 1
        task = asyncio.ensure_future(asyncio.to_thread(work.carry_out_all))
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            work.cancelled.set()
            await asyncio.wait([task])
            task.exception()
            raise
        finally:
            self._working -= 1
            if self._hold is not None and self._signs is None:
                self._signs = asyncio.create_task(self._give_signs())

    async def _give_signs(self) -> None:
        """Show other runs that this one is alive, as long as no thread of it is stuck."""
        while True:
            await asyncio.sleep(RENEW_EVERY)
            if not self._working:
                self._run_lock.renew()

    async def _as_user(self, requests: list[Request]) -> list[Reply]:
        if (taken := _taken(self._run_lock)) is not None:
            return [taken, *[Reply(ran=False)] * (len(requests) - 1)]
        if self._helper is None:
            self._helper, self._joined = await self._start_helper(), False
        # It joins this run, and so sees by itself when the machine is not held for it any more.
        first = [self._hold] if self._hold is not None and not self._joined else []
        self.round_trips += 1
        try:
            replies = await self._helper.execute([*first, *requests])
        except HostUnreachableError:
            helper, self._helper = self._helper, None
            await helper.close()
            raise
        refused = next((reply for reply in replies[: len(first)] if reply.error is not None), None)
        if refused is not None:
            return [refused, *replies[len(first) + 1 :]]
        self._joined = self._hold is not None
        return replies[len(first) :]

    async def _start_helper(self) -> FramedClient:
        payload = helper_payload()
        nonce = secrets.token_hex(12)
        argv = [sys.executable, "-ISc", boot.CODE, nonce + boot.PYTHON_MARK, str(len(payload))]
        try:
            pipe = await ProcessPipe.start(argv)
        except OSError as error:
            raise HostUnreachableError(f"{sys.executable} cannot be started: {error}") from error
        client = FramedClient(pipe, packing=False)
        try:
            await pipe.write(payload)
            await client.start(nonce.encode("ascii"))
        except (ConnectionError, HostUnreachableError) as error:
            # Only at its end is all there that it says of why.
            await client.close()
            message = f"the helper for other users does not start: {pipe.diagnosis or error}"
            raise HostUnreachableError(message) from error
        except BaseException:
            await client.close()
            raise
        return client

    async def close(self) -> None:
        """Remove temporary directories, end the helper and give the machine free."""
        if self._helper is not None:
            await self._helper.close()
            self._helper = None
        if self._signs is not None:
            self._signs.cancel()
            self._signs = None
        await asyncio.to_thread(self._directories.close)
        self._run_lock.release()
        self._run_lock, self._hold = RunLock(), None


def _taken(run_lock: RunLock) -> Reply | None:
    """Return the reply to whatever is asked once another run has the machine, or None."""
    path = run_lock.lost()
    return Reply(error=codec.failure("OTHER", path, TAKEN)) if path else None


class LocalWork(Work):
    """A batch of requests that runs in one thread."""

    def __init__(self, batch: list[Request], directories: TemporaryDirectories, run_lock: RunLock) -> None:
        super().__init__()
        self.cancelled = threading.Event()
        self._batch = batch
        self._directories = directories
        self._run_lock = run_lock
        self._given = codec.Bytes()
        self._answers = bytearray()
        self._receivers: dict[int, Receiver] = {}

    def carry_out_all(self) -> tuple[list[Reply], bool]:
        """Carry out the requests; return the replies of those that ran, and whether a failure stopped them."""
        replies: list[Reply] = []
        goes_on = True
        for index, request in enumerate(self._batch):
            if goes_on:
                reply, goes_on = self._carry_out(index, request)
                replies.append(reply)
            else:
                replies.append(Reply(ran=False))
        return replies, not goes_on

    def _carry_out(self, index: int, request: Request) -> tuple[Reply, bool]:
        operation = request.operation
        if (taken := _taken(self._run_lock)) is not None:
            return taken, False
        try:
            answer, goes_on = carry_out(self, index, codec.encode(operation, self._given))
            if isinstance(operation, Get):
                answer = self._finish_get(index, operation, answer)
        finally:
            receiver = self._receivers.pop(index, None)
            if receiver is not None:
                receiver.discard()
        if not answer[0]:
            return Reply(error=codec.failure(*(str(word) for word in answer[1:4]))), goes_on
        value = codec.decode(operation, answer[1], bytes(self._answers))
        self._answers.clear()
        return Reply(value), goes_on

    def _finish_get(self, index: int, operation: Get, answer: list[Any]) -> list[Any]:
        if not answer[0]:
            return answer
        try:
            (self._receivers.pop(index, None) or Receiver(operation.destination)).finish()
        except SourceError as error:
            return [0, "OTHER", str(operation.destination), str(error)]
        return answer

    def tick(self) -> None:
        """Stop when the frame was cancelled; else show that it goes on."""
        self._run_lock.renew()
        if self.cancelled.is_set():
            raise Cancelled

    def part(self, reference: list[int]) -> bytes:
        """Return bytes of a request."""
        return self._given.parts[-1]

    def incoming(self, index: int) -> Iterator[bytes]:
        """Yield the content for a request from its file; raises Fail."""
        source = codec.streamed(self._batch[index].operation)
        if isinstance(source, bytes):
            yield source
            return
        if source is None:
            return
        try:
            with SourceFile(*source) as file:
                while data := file.read(BLOCK):
                    yield data
                file.check()
        except (OSError, OperationError) as error:
            raise Fail(*codec.told(error)) from error

    def outgoing(self, index: int, data: bytes) -> None:
        """Write bytes of a file that is fetched."""
        operation = self._batch[index].operation
        if isinstance(operation, Get):
            self._receivers.setdefault(index, Receiver(operation.destination)).write(data)

    def attach(self, data: bytes) -> list[int]:
        """Keep bytes for the reply."""
        offset = len(self._answers)
        self._answers += data
        return [offset, len(data)]

    def temporary(self, prefix: str) -> str:
        """Make a temporary directory."""
        return self._directories.make(prefix)

    def hold(self, run: str, owner: str) -> str:
        """Hold this machine for a run; raises Fail."""
        return self._run_lock.take(run, owner)
