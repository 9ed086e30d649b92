# SPDX-License-Identifier: GPL-3.0-or-later
"""Frames of operations over a byte pipe to a helper: what connections with a helper share."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

from jetpack_core.connections import codec
from jetpack_core.connections.become import Ladder, ladder
from jetpack_core.connections.remote.helper import boot, wire
from jetpack_core.connections.signs import DEAD_AFTER, PING_EVERY, Signs, lost
from jetpack_core.connections.transfer import Receiver, Sender, SourceError
from jetpack_core.contracts.operations import Get, Reply
from jetpack_core.errors import BecomeError, HostUnreachableError, JetpackError, OperationCode, OperationError

if TYPE_CHECKING:
    from jetpack_core.connections.pipe import Pipe
    from jetpack_core.contracts.operations import Become, Request

BANNER_LIMIT: Final = 1 << 20
"""Bytes that a login shell may print before the helper answers."""
NONSENSE: Final = (TypeError, ValueError, KeyError, IndexError, AttributeError, wire.ProtocolError)
"""What reading an answer fails with that no helper gives."""
PATIENCE: Final = 10.0
"""Seconds that a host gets to undo what was cancelled."""


@dataclass(slots=True)
class Segment:
    """Requests of a frame that run as one user, and the answers so far."""

    user: int
    requests: list[Request]
    replies: list[Reply] = field(default_factory=list)
    stopped: bool = False


class FramedClient:
    """The control side of a helper. One frame is under way at a time.

    `round_trips` counts the exchanges that had to wait for an answer.

    :param patience: Seconds that the helper may take to start once Python has.
    """

    ping_every: float = PING_EVERY
    """Seconds between signs of life."""
    dead_after: float = DEAD_AFTER
    """Seconds without an answer after which the host counts as lost."""

    def __init__(self, pipe: Pipe, *, packing: bool = True, patience: float = 60.0) -> None:
        self.pipe = pipe
        self.packing = packing
        self._patience = patience
        self.round_trips = 0
        self.user = ""
        """The name of the user that logged in, once the helper has told it."""
        self._parser = wire.Parser()
        self._frame = 0
        self._users: dict[Become, int] = {}
        self._introduced: set[int] = set()
        self._lock = asyncio.Lock()
        self._writing = asyncio.Lock()
        self._signs: Signs | None = None

    # Starting and ending.

    async def start(self, nonce: bytes) -> str:
        """Read past banners up to the nonce; return the mark of what answers (`boot.PYTHON_MARK` or `SHELL_MARK`).

        Behind Python's mark, whatever is sent is the helper's to read. Its greeting is taken with its first answer,
        so that the first frame need not wait for it. Raises HostUnreachableError.
        """
        python, shell = (nonce + mark.encode("ascii") for mark in (boot.PYTHON_MARK, boot.SHELL_MARK))
        seen = b""
        while python not in seen and shell not in seen:
            try:
                seen += await self._receive()
            except HostUnreachableError as error:
                raise await self._never_started(error, seen) from error
            if len(seen) > BANNER_LIMIT:
                raise HostUnreachableError("the login shell prints without end")
        if python not in seen:
            return boot.SHELL_MARK
        self._parser.feed(seen.partition(python)[2])
        self._signs = Signs(self.pipe, self._ping, self.ping_every, self.dead_after)
        return boot.PYTHON_MARK

    async def _never_started(self, error: HostUnreachableError, seen: bytes) -> HostUnreachableError:
        """Return what it means that the login shell went away, with what it said."""
        code = await self.pipe.exit_code()
        message, said = error.message, seen[-2000:].decode("utf-8", "replace")
        hint = "the login shell may not allow commands" if said else ""
        if code is not None:
            message = f"it let us in, but the login shell ended at once (exit code {code})"
            said = f"{said} {self.pipe.diagnosis}"
            hint = (
                "may this user log in? a ForceCommand in sshd_config, or a shell such as nologin, lets no program run"
            )
        said = " ".join(said.split())
        return HostUnreachableError(message + (f", it said: {said}" if said else ""), hint=hint)

    async def _greeting(self) -> None:
        """Take the helper's greeting, which comes before any answer. Raises HostUnreachableError."""
        if self.user:
            return
        try:
            async with asyncio.timeout(self._patience):
                _, _, _, _, body, _ = await self._message()
            self.user = str(_load(body)[0])
        except TimeoutError as error:
            message = f"it started Python, but the helper did not answer in {self._patience:g} s"
            self.pipe.abort(message)
            raise HostUnreachableError(message) from error
        except NONSENSE as error:
            raise self._senseless(error) from error

    async def _ping(self) -> None:
        if not self._writing.locked():
            await self._send(wire.encode(wire.PING, 0))

    async def close(self) -> None:
        """Let the helper end; never raises."""
        if self._signs is not None:
            self._signs.stop()
        await self.pipe.close()

    # Frames.

    async def execute(self, frame: Sequence[Request]) -> list[Reply]:
        """Carry out a frame; see `Connection.execute`."""
        async with self._lock:
            self._frame += 1
            number = self._frame
            exchange = asyncio.ensure_future(self._exchange(number, frame))
            try:
                return await asyncio.shield(exchange)
            except asyncio.CancelledError:
                await self._cancel(number, exchange)
                raise

    async def _cancel(self, number: int, exchange: asyncio.Future[list[Reply]]) -> None:
        """Have the host stop and undo; only a host that does not answer is left to do that by itself."""
        try:
            async with asyncio.timeout(PATIENCE):
                await self._send(wire.encode(wire.CANCEL, number))
                await asyncio.shield(exchange)
        except (TimeoutError, ConnectionError, JetpackError, asyncio.CancelledError):
            if not exchange.done():
                self.pipe.abort("cancelled")
                exchange.cancel()
            await asyncio.wait([exchange])
        if not exchange.cancelled():
            exchange.exception()

    async def _exchange(self, number: int, frame: Sequence[Request]) -> list[Reply]:
        if any(_unless_own(request.become) for request in frame):
            await self._greeting()
        segments = [
            Segment(self._user_number(become), list(group))
            for become, group in groupby(frame, key=lambda request: request.become)
        ]
        message, sender = self._encode(number, segments)
        self.round_trips += 1
        sending = None
        try:
            await self._send(message)
            if sender.pending:
                sending = asyncio.create_task(self._stream(sender))
            await self._greeting()
            for segment in segments:
                await self._collect(segment, sender)
        except ConnectionError as error:
            raise self._lost() from error
        finally:
            if sending is not None:
                sender.stop()
                await asyncio.wait([sending])
        return [reply for segment in segments for reply in segment.replies]

    async def _stream(self, sender: Sender) -> None:
        try:
            with sender.under_way():
                async for message in sender.messages():
                    await self._send(message)
        except ConnectionError:
            # Whoever waits for the answer finds that out as well.
            return
        except Exception as error:  # noqa: BLE001 - whatever it is, the host would wait for the rest for ever
            self.pipe.abort(f"a file could not be sent: {error!r}")

    def _user_number(self, become: Become | None) -> int:
        if become is None:
            return 0
        if become in self._users:
            return self._users[become]
        own = _unless_own(become) and become.user == self.user
        self._users[become] = 0 if own else max(self._users.values(), default=0) + 1
        return self._users[become]

    def _encode(self, number: int, segments: list[Segment]) -> tuple[bytes, Sender]:
        sender = Sender(number, packing=self.packing)
        parts = []
        for segment in segments:
            introduced = self._introduce(segment)
            if introduced is not None:
                parts.append(introduced)
            attached = codec.Bytes()
            body = [codec.encode(request.operation, attached) for request in segment.requests]
            showing = [index for index, request in enumerate(segment.requests) if request.on_output is not None]
            for index, request in enumerate(segment.requests):
                source = codec.streamed(request.operation)
                if source is not None:
                    sender.add(index, segment.user, source)
            parts.append(
                wire.encode(
                    wire.REQUESTS,
                    number,
                    _dump([body, showing]),
                    b"".join(attached.parts),
                    user=segment.user,
                    packing=self.packing,
                )
            )
        return b"".join(parts), sender

    def _introduce(self, segment: Segment) -> bytes | None:
        """Return the message that tells the helper of a user it does not know yet."""
        become = segment.requests[0].become
        if segment.user == 0 or become is None or segment.user in self._introduced:
            return None
        self._introduced.add(segment.user)
        refused = ""
        try:
            way = ladder(become)
        except BecomeError as error:
            way, refused = Ladder(()), error.message
        order = {
            "argv": list(way.argv),
            "user": become.user,
            "prompt": way.prompt,
            "password": way.password,
            "terminal": way.terminal,
            "refused": refused,
        }
        return wire.encode(wire.BECOME, 0, _dump(order), user=segment.user, packing=False)

    # Answers.

    async def _collect(self, segment: Segment, sender: Sender) -> None:
        receivers: dict[int, Receiver] = {}
        try:
            while True:
                kind, flags, _, frame, body, blob = await self._message()
                if frame != self._frame or kind == wire.PONG:
                    continue
                if kind == wire.ACK:
                    sender.acknowledge(int(_load(body)))
                elif kind == wire.OUTPUT:
                    self._show(segment, _load(body), blob)
                elif kind == wire.CONTENT:
                    await self._keep(segment, int(_load(body)), blob, receivers)
                elif kind == wire.REPLIES:
                    await self._note(segment, _load(body), blob, receivers)
                    if flags & wire.LAST:
                        segment.stopped = bool(flags & wire.STOPPED)
                        break
        except NONSENSE as error:
            raise self._senseless(error) from error
        finally:
            for receiver in receivers.values():
                receiver.discard()
        segment.replies += [Reply(ran=False)] * (len(segment.requests) - len(segment.replies))

    def _show(self, segment: Segment, which: list[Any], data: bytes) -> None:
        show = segment.requests[which[0]].on_output
        if show is not None:
            show(str(which[1]), data)

    async def _keep(self, segment: Segment, index: int, data: bytes, receivers: dict[int, Receiver]) -> None:
        receiver = receivers.get(index)
        if receiver is None:
            operation = segment.requests[index].operation
            if not isinstance(operation, Get):
                raise TypeError("content that nobody asked for")
            receiver = receivers[index] = Receiver(operation.destination)
        await asyncio.to_thread(receiver.write, data)

    async def _note(self, segment: Segment, values: list[Any], blob: bytes, receivers: dict[int, Receiver]) -> None:
        for value in values:
            index = len(segment.replies)
            operation = segment.requests[index].operation
            if not value[0]:
                segment.replies.append(Reply(error=codec.failure(*value[1:4])))
                continue
            reply = Reply(codec.decode(operation, value[1], blob))
            if isinstance(operation, Get):
                receiver = receivers.pop(index, None) or Receiver(operation.destination)
                reply = await _finished(receiver, reply)
            segment.replies.append(reply)

    # Bytes.

    async def _message(self) -> Any:
        while (message := self._parser.message()) is None:
            self._parser.feed(await self._receive())
        return message

    async def _receive(self) -> bytes:
        try:
            data = await self.pipe.read()
        except ConnectionError as error:
            raise self._lost() from error
        if not data:
            raise self._lost()
        return data

    async def _send(self, data: bytes) -> None:
        async with self._writing:
            await self.pipe.write(data)

    def _senseless(self, error: Exception) -> HostUnreachableError:
        self.pipe.abort(f"the helper's answer makes no sense: {error}")
        return self._lost()

    def _lost(self) -> HostUnreachableError:
        return self._signs.lost() if self._signs is not None else lost(self.pipe)


async def _finished(receiver: Receiver, reply: Reply) -> Reply:
    try:
        await asyncio.to_thread(receiver.finish)
    except SourceError as error:
        return Reply(error=OperationError(OperationCode.OTHER, str(receiver.destination), str(error)))
    return reply


def _unless_own(become: Become | None) -> bool:
    """Say whether a request needs nobody else when its user is the one that logged in."""
    return become is not None and not become.template.strip()


def _dump(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode("ascii")


def _load(body: bytes) -> Any:
    return json.loads(body)
