# SPDX-License-Identifier: GPL-3.0-or-later
"""Reach a host over SSH: one connection, one channel, and behind it the helper or a shell."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from jetpack_core.connections.framed import FramedClient
from jetpack_core.connections.lean import without_invoke
from jetpack_core.connections.limits import ConnectLimiter
from jetpack_core.connections.payload import helper_payload, login_command
from jetpack_core.connections.remote.helper import boot
from jetpack_core.connections.ssh_pipe import ChannelPipe
from jetpack_core.contracts.connection import Connection, Endpoint
from jetpack_core.errors import HostUnreachableError

if TYPE_CHECKING:
    from paramiko import Channel

    from jetpack_core.connections.shell import ShellClient
    from jetpack_core.connections.ssh_session import SshSession
    from jetpack_core.connections.ssh_settings import SshSettings
    from jetpack_core.contracts.operations import Reply, Request


class SshConnection(Connection):
    """A host over SSH, by paramiko.

    `round_trips`, `channels`, `bytes_in` and `bytes_out` count what was needed since the last `connect`.
    """

    summary: ClassVar[str] = "reach a host over SSH"
    holds: ClassVar[bool] = True

    def __init__(self, endpoint: Endpoint, limiter: ConnectLimiter | None = None) -> None:
        super().__init__(endpoint)
        self._limiter = limiter
        self._session: SshSession | None = None
        self._client: FramedClient | ShellClient | None = None
        self._pipe: ChannelPipe | None = None
        self.channels = 0

    @property
    def round_trips(self) -> int:
        """Exchanges with the host after connecting."""
        return 0 if self._client is None else self._client.round_trips

    @property
    def bytes_in(self) -> int:
        """Bytes that came over the channel."""
        return 0 if self._pipe is None else self._pipe.bytes_in

    @property
    def bytes_out(self) -> int:
        """Bytes that went over the channel."""
        return 0 if self._pipe is None else self._pipe.bytes_out

    @property
    def uses_python(self) -> bool:
        """Whether the helper serves the host, not a shell."""
        return isinstance(self._client, FramedClient)

    async def connect(self) -> None:
        """Reach the host, log in and start the helper; see `Connection.connect`."""
        with without_invoke():
            from jetpack_core.connections.ssh_opening import open_session

        await self.close()
        limiter = self._limiter or ConnectLimiter.of_loop()
        nonce = secrets.token_hex(12)
        session, channel, timeout = await open_session(
            self.endpoint, limiter, lambda session, target: _start_program(session, target, nonce)
        )
        self._session = session
        self.channels = 1
        self._pipe = ChannelPipe(channel, channel.get_transport(), limiter)
        self._pipe.bytes_out += len(helper_payload())
        try:
            await self._start(nonce, timeout)
        except BaseException:
            await self.close()
            raise

    async def _start(self, nonce: str, timeout: float) -> None:
        if self._pipe is None:
            raise HostUnreachableError("it is not connected")
        client = FramedClient(self._pipe, patience=timeout)
        self._client = client
        try:
            async with asyncio.timeout(timeout):
                mark = await client.start(nonce.encode("ascii"))
                if mark == boot.SHELL_MARK:
                    from jetpack_core.connections.shell import ShellClient

                    self._client = ShellClient(self._pipe)
                    await self._client.start()
        except TimeoutError as error:
            hint = "does its login shell wait for something, or did the network go?"
            message = f"it lets us in, but did not start the helper in {timeout:g} s"
            raise HostUnreachableError(message, hint=hint) from error

    async def execute(self, frame: Sequence[Request]) -> Sequence[Reply]:
        """Carry out the requests in order; see `Connection.execute`."""
        if self._client is None:
            raise HostUnreachableError("it is not connected")
        replies = await self._client.execute(frame)
        if self._session is not None:
            # Not before: the helper's greeting must be acknowledged for a jump host to pass on what follows it.
            self._session.relax()
        return replies

    async def close(self) -> None:
        """End what runs on the host and hang up."""
        client, self._client = self._client, None
        session, self._session = self._session, None
        if client is not None:
            await client.close()
        if session is not None:
            limiter = self._limiter or ConnectLimiter.of_loop()
            with contextlib.suppress(OSError, EOFError):
                await limiter.connecting(session.close)


def _start_program(session: SshSession, target: SshSettings, nonce: str) -> tuple[SshSession, Channel, float]:
    """Return the session with its channel, and the seconds that what answers there may take."""
    from paramiko import SSHException

    try:
        return session, _open_channel(session, target, nonce), max(target.timeout, 15.0)
    except (SSHException, OSError, EOFError) as error:
        raise HostUnreachableError(f"{target.where} does not let us start a program: {error}") from error


def _open_channel(session: SshSession, target: SshSettings, nonce: str) -> Channel:
    """Open the one channel and send the command with all it reads, without waiting for an answer in between."""
    from paramiko import Message
    from paramiko.agent import AgentRequestHandler
    from paramiko.common import cMSG_CHANNEL_REQUEST

    transport = session.transport
    channel = transport.open_session(timeout=target.timeout)
    if target.credentials.forward_agent:
        # Kept with the channel, for it ends the forwarding when it is collected.
        channel.jetpack_agent = AgentRequestHandler(channel)  # type: ignore[attr-defined]
    message = Message()
    message.add_byte(cMSG_CHANNEL_REQUEST)
    message.add_int(channel.remote_chanid)
    message.add_string("exec")
    message.add_boolean(True)
    message.add_string(login_command(nonce))
    channel._event_pending()  # type: ignore[attr-defined]  # noqa: SLF001 - exec_command would wait for the answer
    transport._send_user_message(message)  # type: ignore[attr-defined]  # noqa: SLF001
    channel.settimeout(target.timeout)
    # A login shell that refuses may be gone by now; what it said is read and shown by whoever waits for the helper.
    with contextlib.suppress(OSError):
        channel.sendall(helper_payload())
    return channel
