# SPDX-License-Identifier: GPL-3.0-or-later
"""Frames of operations over a byte pipe to a shell, for hosts without Python: the same answers, at more cost.

Other users are shells within the shell: the one who is acted as has the channel until another one is.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from jetpack_core.connections import codec, shell_answers, shell_become, shell_looks, shell_script
from jetpack_core.connections.shell_answers import Token, Tokens
from jetpack_core.connections.shell_batches import next_batch, stopped
from jetpack_core.connections.shell_transfer import pieces, receive, send
from jetpack_core.connections.signs import DEAD_AFTER, PING_EVERY, Signs, lost
from jetpack_core.contracts import operations as ops
from jetpack_core.contracts.operations import Reply
from jetpack_core.errors import BecomeError, HostUnreachableError, JetpackError, OperationCode, OperationError

if TYPE_CHECKING:
    from jetpack_core.connections.become import Ladder
    from jetpack_core.connections.pipe import Pipe
    from jetpack_core.connections.shell_become import Climb
    from jetpack_core.contracts.operations import Become, Operation, Request

PATIENCE: Final = 40.0
"""Seconds that a program such as sudo may take."""


class ShellClient:
    """The control side of a shell. One frame is under way at a time."""

    ping_every: float = PING_EVERY
    """Seconds between signs of life, which the SSH server gives: the shell has no ear for it while it works."""
    dead_after: float = DEAD_AFTER
    """Seconds without an answer after which the host counts as lost."""

    def __init__(self, pipe: Pipe) -> None:
        self.pipe = pipe
        self.round_trips = 0
        self.user = ""
        self._nonces: list[str] = []
        self._tokens = Tokens("")
        self._current: Become | None = None
        self._refused: dict[Become, str] = {}
        self._cancelled = False
        self._held = ""
        """The path of the file by which the host is held for the run."""
        self._lock = asyncio.Lock()
        self._writing = asyncio.Lock()
        self._signs: Signs | None = None

    # Starting and ending.

    async def start(self) -> None:
        """Send the shell its program. Raises HostUnreachableError."""
        self.user = await self._install()
        self._signs = Signs(self.pipe, self.pipe.knock, self.ping_every, self.dead_after)

    async def _install(self) -> str:
        nonce = secrets.token_hex(12)
        names = b"J=%s JA=%s\n" % (nonce.encode(), shell_script.quote(self._held))
        program = names + shell_script.program("shell.sh")
        self._tokens = Tokens(nonce)
        await self._send(b"%d\n%s" % (len(program), program))
        ready = await self._token()
        if ready.words != b"0 ":
            raise HostUnreachableError("no place for private files was found")
        self._nonces.append(nonce)
        return codec.text((await self._token()).before.strip())

    async def close(self) -> None:
        """Let the shell end; never raises."""
        if self._signs is not None:
            self._signs.stop()
        await self.pipe.close()

    # Frames.

    async def execute(self, frame: Sequence[Request]) -> list[Reply]:
        """Carry out a frame; see `Connection.execute`."""
        async with self._lock:
            self._cancelled = False
            exchange = asyncio.ensure_future(self._frame(frame))
            try:
                return await asyncio.shield(exchange)
            except asyncio.CancelledError:
                await self._cancel(exchange)
                raise

    async def _cancel(self, exchange: asyncio.Future[list[Reply]]) -> None:
        """Stop the command or the file that is under way; a shell that does not listen is cut off, and tidies up."""
        self._cancelled = True
        try:
            async with asyncio.timeout(5):
                await self._send(b"stop\n")
                await asyncio.shield(exchange)
        except (TimeoutError, ConnectionError, JetpackError, asyncio.CancelledError):
            self.pipe.abort("cancelled")
            exchange.cancel()
            await asyncio.wait([exchange])
        if not exchange.cancelled():
            exchange.exception()

    async def _frame(self, frame: Sequence[Request]) -> list[Reply]:
        replies: list[Reply] = []
        try:
            while len(replies) < len(frame) and not self._cancelled:
                batch = next_batch(frame[len(replies) :])
                after = frame[len(replies) + len(batch) :]
                found = await self._batch(batch, self._other_user(after[0].become if after else None))
                replies += found
                if stopped(batch, found):
                    break
        except ConnectionError as error:
            raise self._lost() from error
        except (ValueError, IndexError, KeyError, StopIteration, UnicodeError) as error:
            self.pipe.abort(f"the shell's answer makes no sense: {error}")
            raise self._lost() from error
        return replies + [Reply(ran=False)] * (len(frame) - len(replies))

    async def _batch(self, batch: list[Request], after: Become | None) -> list[Reply]:
        """Carry out what travels together; `after` is the other user who acts next."""
        if after is not None and isinstance(batch[-1].operation, ops.Hold) and self._current is None:
            return await self._ask(batch, after)
        try:
            await self._act_as(batch[0].become)
        except BecomeError as error:
            count = next((i + 1 for i, one in enumerate(batch) if one.operation.changing), len(batch))
            return [Reply(error=error)] * count
        if codec.streamed(batch[0].operation) is None:
            return await self._ask(batch)
        sent = await self._stream(batch[0])
        if not isinstance(batch[0].operation, ops.RunFile):
            return [sent]
        # Nothing may follow content before its answer comes, so the program that was sent is run in another exchange.
        if sent.error is None and not self._cancelled:
            return await self._ask(batch)
        await self._send_script(shell_script.AWAY)
        await self._end()
        return [sent]

    async def _ask(self, batch: list[Request], after: Become | None = None) -> list[Reply]:
        """Carry out requests in one exchange, and in the same become the user who acts next."""
        # It may have been called off while another user was reached.
        if self._cancelled:
            return []
        self.round_trips += 1
        calls = list(shell_looks.calls(batch))
        climb = self._climb(after) if after is not None else None
        await self._send_script(shell_looks.scripts(batch, calls) + (b"; " + climb.script if climb else b""))
        replies: dict[int, Reply] = {}
        for call in calls:
            requests = [batch[index] for index in call.indexes]
            found = await (self._looked(requests) if call.together else self._replies(requests))
            replies.update(zip(call.indexes, found, strict=False))
            if len(found) < len(requests):
                return [replies[index] for index in sorted(replies)]
        if climb is None or any(reply.error is not None for reply in replies.values()):
            await self._end()
        else:
            # A refusal is kept for whoever asks for something as that user.
            with contextlib.suppress(BecomeError):
                await self._arrive(climb)
        return [replies[index] for index in range(len(batch))]

    async def _end(self) -> None:
        while (await self._token()).tag != b"==":
            continue

    async def _send_script(self, script: bytes) -> None:
        await self._order(b"R%s\n" % script if shell_script.is_line(script) else b"N%d\n%s" % (len(script), script))

    # Answers.

    async def _replies(self, requests: Sequence[Request], *, ends: bool = False) -> list[Reply]:
        """Return the answers to requests, as far as the frame came; with `ends`, read past its end."""
        replies: list[Reply] = []
        for request in requests:
            reply = await self._reply(request)
            if reply is None:
                return replies
            replies.append(reply)
        if ends:
            await self._end()
        return replies

    async def _looked(self, requests: Sequence[Request]) -> list[Reply]:
        """Return the answers to looks that were made together, or one by one after all."""
        parts: list[bytes] = []
        while (token := await self._token()).tag != b"==":
            if token.tag == b"~=":
                return await self._replies(requests)
            if token.tag == b"--":
                return shell_looks.replies([request.operation for request in requests], parts, token.before)
            parts.append(token.before)
        return []

    async def _reply(self, request: Request) -> Reply | None:
        """Return the answer to a request, or None when the frame stopped before it."""
        operation = request.operation
        if isinstance(operation, ops.Get):
            return await receive(operation, self._tokens, self._more)
        extra = b""
        shown: dict[bytes, bytes] = {b"~o": b"stdout", b"~x": b"stderr"}
        stream = ""
        while True:
            token = await self._token()
            if token.tag == b"==":
                return None
            if token.tag == b"--":
                return self._value(operation, token, extra)
            if token.tag in shown:
                stream = shown[token.tag].decode()
            elif token.tag == b"~." and request.on_output is not None:
                request.on_output(stream, token.before)
            elif token.tag == b"~,":
                extra = token.before

    def _value(self, operation: Operation[object], token: Token, extra: bytes) -> Reply:
        number, _, failed = codec.text(token.words).partition(" ")
        if failed:
            return Reply(error=shell_answers.failed(operation, number, failed))
        if isinstance(operation, ops.Hold) and extra:
            self._held = codec.text(extra).strip()
        try:
            if isinstance(operation, ops.List | ops.Walk):
                return Reply(shell_answers.listing(operation.path, token.before, self._nonces[-1]))
            return Reply(shell_answers.value(operation, token.before, extra, number))
        except OperationError as error:
            return Reply(error=error)

    async def _stream(self, request: Request) -> Reply:
        """Write a file that is too large for a script, piece by piece; the last piece puts it in place."""
        script = shell_script.opening(request.operation)
        await self._send_script(script)
        opened = not shell_script.is_line(script)
        # Nothing may follow a script that is read by its size before its answer comes: busybox reads on ahead.
        if opened:
            self.round_trips += 1
        failed = await self._answer(request) if opened else None
        return failed or await self._stream_pieces(request, opened=opened)

    async def _stream_pieces(self, request: Request, *, opened: bool) -> Reply:
        """Send the content of a file that is being written; `opened` tells that its opening was answered already."""
        try:
            async for piece in pieces(codec.streamed(request.operation) or b""):
                self.round_trips += 1
                if self._cancelled:
                    subject = shell_script.subject(request.operation, "0")
                    cancelled = OperationError(OperationCode.OTHER, subject, "cancelled")
                    return await self._give_up(request, opened, cancelled)
                # Nothing may follow a piece before its answer comes, for the same reason.
                async with self._writing:
                    await send(self.pipe, self._tokens.nonce.encode("ascii"), piece)
                failed = None if opened else await self._answer(request)
                if failed is not None:
                    await self._end()
                    return failed
                opened = True
                if piece.last:
                    break
                failed = await self._answer(request)
                if failed is not None:
                    return failed
        except ConnectionError:
            raise
        except (OSError, OperationError) as error:
            return await self._give_up(request, opened, codec.failure(*codec.told(error)))
        return (await self._replies([request], ends=True))[0]

    async def _give_up(self, request: Request, opened: bool, error: JetpackError) -> Reply:
        """Remove the file that was being written."""
        await self._send_script(shell_script.GIVE_UP)
        for _ in range(1 if opened else 2):
            await self._end()
        return Reply(error=error)

    async def _answer(self, request: Request) -> Reply | None:
        """Return the failure of one step, or None."""
        token = await self._token()
        await self._end()
        number, _, failed = codec.text(token.words).partition(" ")
        return Reply(error=shell_answers.failed(request.operation, number, failed)) if failed else None

    # Other users.

    def _other_user(self, become: Become | None) -> Become | None:
        """Return the user where it is not the one who logged in."""
        own = become is not None and not become.template.strip() and become.user == self.user
        return None if own else become

    async def _act_as(self, become: Become | None) -> None:
        """Make the channel that of a user. Raises BecomeError."""
        become = self._other_user(become)
        if become == self._current:
            return
        if self._current is not None:
            await self._order(b"Q\n")
            self._nonces.pop()
            self._tokens = Tokens(self._nonces[-1])
            self._current = None
            self.round_trips += 1
            while (await self._token()).tag != b"==":
                continue
        if become is None:
            return
        climb = self._climb(become)
        if climb is None:
            raise BecomeError(self._refused[become])
        self.round_trips += 1
        await self._send_script(climb.script)
        await self._arrive(climb)

    def _climb(self, become: Become) -> Climb | None:
        """Return the way to another user, or None where it is known to be closed."""
        if become in self._refused:
            return None
        try:
            return shell_become.climb(become)
        except BecomeError as error:
            self._refuse(become, error)
            return None

    def _refuse(self, become: Become, error: BecomeError) -> JetpackError:
        # Asking again with the same password could lock the account.
        refused = codec.failure("BECOME", become.user, error.message)
        self._refused[become] = refused.message
        return refused

    async def _arrive(self, climb: Climb) -> None:
        """See another user's shell begin. Raises BecomeError."""
        try:
            try:
                async with asyncio.timeout(PATIENCE):
                    await self._log_in(climb.way, climb.mark)
            except TimeoutError:
                self.pipe.abort("becoming another user took too long")
                raise BecomeError(f"no answer for {PATIENCE:g} s") from None
            self._current = climb.become
            await self._install()
        except BecomeError as error:
            raise self._refuse(climb.become, error) from error

    async def _log_in(self, way: Ladder, mark: bytes) -> None:
        """See a program such as sudo through its question. Raises BecomeError."""
        heard, given = b"", False
        while mark not in heard:
            token = self._tokens.next()
            if token is not None:
                raise BecomeError(shell_become.complaint(token.before, way, given=given))
            heard = bytes(self._tokens.peek())
            asked = shell_become.asks(way, heard)
            if asked and given:
                self.pipe.abort("sudo asks again")
                raise BecomeError("the password was not accepted")
            if asked and way.password is None:
                self.pipe.abort("a password is needed")
                raise BecomeError("a password is needed")
            if asked and way.password is not None:
                given = True
                self._tokens.clear()
                await self._send(way.password.encode("utf-8", "surrogateescape") + b"\n")
            elif mark not in heard:
                await self._more()

    # Bytes.

    async def _token(self) -> Token:
        while (token := self._tokens.next()) is None:
            await self._more()
        return token

    async def _more(self) -> None:
        try:
            data = await self.pipe.read()
        except ConnectionError as error:
            raise self._lost() from error
        if not data:
            raise self._lost()
        self._tokens.feed(data)
        if self._nonces and self._nonces[0] != self._tokens.nonce and self._tokens.ends(self._nonces[0], len(data)):
            # The login's shell goes on, and whatever we wait for will never come.
            self.pipe.abort("the other user's shell ended unexpectedly")
            raise self._lost()

    async def _order(self, command: bytes) -> None:
        """Send a command for the shell that has the channel, which no other one will take for its own."""
        await self._send(self._tokens.nonce.encode("ascii") + command)

    async def _send(self, data: bytes) -> None:
        async with self._writing:
            await self.pipe.write(data)

    def _lost(self) -> HostUnreachableError:
        return self._signs.lost() if self._signs is not None else lost(self.pipe)
