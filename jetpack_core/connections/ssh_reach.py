# SPDX-License-Identifier: GPL-3.0-or-later
"""Wait for a host to answer as an SSH server, in the event loop: who only waits holds no thread."""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections.abc import Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

from jetpack_core.errors import HostUnreachableError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from jetpack_core.connections.limits import ConnectLimiter
    from jetpack_core.connections.ssh_settings import SshSettings

Address = tuple[int, int, int, str, tuple[str, int] | tuple[str, int, int, int] | tuple[int, bytes]]
"""One answer of the resolver."""
_LEAST: Final = 0.1


class DroppedError(Exception):
    """The host closed the connection before anybody logged in, as sshd does when it is busy."""


class EagerSocket(socket.socket):
    """A socket that acknowledges at once while a connection is set up.

    sshd holds the answer to our first request back until what it told us unasked is acknowledged (Nagle's algorithm),
    which takes the kernel 40 ms (tcp(7), TCP_QUICKACK).
    """

    eager = hasattr(socket, "TCP_QUICKACK")
    said = b""
    """What was sent already, and will be sent once more by who does not know."""

    def recv(self, size: int, flags: int = 0, /) -> bytes:
        """Receive, as any socket."""
        data = super().recv(size, flags)
        if self.eager and self.family in {socket.AF_INET, socket.AF_INET6}:
            self.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        return data

    def send(self, data: bytes, flags: int = 0, /) -> int:  # type: ignore[override]
        """Send, as any socket, unless that was said."""
        said, self.said = self.said, b""
        return len(said) if said and data == said else super().send(data, flags)


class Limit:
    """The seconds that a host may take in all; those in which it waits for its turn here do not count."""

    def __init__(self, seconds: float) -> None:
        self.left = seconds

    @asynccontextmanager
    async def running(self, parts: int = 1) -> AsyncIterator[None]:
        """Take time, of so many parts that are left one. Raises TimeoutError."""
        started = time.monotonic()
        try:
            async with asyncio.timeout(max(self.left, _LEAST) / parts):
                yield
        finally:
            self.left -= time.monotonic() - started


async def look_up(target: SshSettings, limiter: ConnectLimiter, limit: Limit) -> Sequence[Address]:
    """Return the addresses of a name. Raises HostUnreachableError."""
    hint = "check the name, or set jet_ssh_hostname"
    message = f"{target.where}: the name cannot be resolved"
    try:
        return _addresses(target, socket.AI_NUMERICHOST)
    except (socket.gaierror, UnicodeError):
        looking = await limiter.looking_up(lambda: _addresses(target))
    try:
        async with limit.running():
            return await looking
    except socket.gaierror as error:
        raise HostUnreachableError(f"{message} ({error.strerror})", hint=hint) from error
    except UnicodeError as error:
        raise HostUnreachableError(f"{message} (it cannot be a name)", hint=hint) from error
    except TimeoutError as error:
        hint = "do the name servers answer? jet_ssh_hostname may be an address as well"
        raise HostUnreachableError(f"{message} (no answer in {target.timeout:g} s)", hint=hint) from error


def _addresses(target: SshSettings, flags: int = 0) -> Sequence[Address]:
    # For text, Python loads its tables of all the world's letters.
    name = target.address.encode("ascii") if target.address.isascii() else target.address
    return socket.getaddrinfo(name, target.port, type=socket.SOCK_STREAM, flags=flags)


async def reach(target: SshSettings, addresses: Sequence[Address], limit: Limit, greeting: bytes) -> EagerSocket:
    """Connect, greet, and wait for the first bytes of the server's greeting.

    The socket takes the greeting once more, and does not send it again. Raises HostUnreachableError, DroppedError.
    """
    sock = await _connect(target, addresses, limit)
    try:
        # Before the server's own: it answers ours with the next step at once.
        sock.said = greeting[: socket.socket.send(sock, greeting)]
        async with limit.running():
            await _readable(sock)
        if not sock.recv(1, socket.MSG_PEEK):
            raise DroppedError("end of input")
    except TimeoutError as error:
        sock.close()
        raise silent(target) from error
    except OSError as error:
        sock.close()
        raise DroppedError(error.strerror or str(error)) from error
    except BaseException:
        sock.close()
        raise
    return sock


def silent(target: SshSettings) -> HostUnreachableError:
    """Return what it means that nothing comes."""
    hint = "something answers at the port, but not (in time) as an SSH server"
    return HostUnreachableError(f"{target.where} did not answer as an SSH server in {target.timeout:g} s", hint=hint)


async def _connect(target: SshSettings, addresses: Sequence[Address], limit: Limit) -> EagerSocket:
    failure: OSError = OSError("it has no address")
    for number, address in enumerate(addresses):
        try:
            return await _connect_to(address, limit, len(addresses) - number)
        except OSError as error:
            failure = error
    raise _unreachable(target, failure) from failure


async def _connect_to(address: Address, limit: Limit, parts: int) -> EagerSocket:
    family, kind, protocol, _, place = address
    sock = EagerSocket(family, kind, protocol)
    try:
        sock.setblocking(False)
        async with limit.running(parts):
            await asyncio.get_running_loop().sock_connect(sock, place)
        _tune(sock)
    except BaseException:
        sock.close()
        raise
    return sock


def _unreachable(target: SshSettings, error: OSError) -> HostUnreachableError:
    if isinstance(error, TimeoutError):
        hint = "check the address and firewalls"
        return HostUnreachableError(f"{target.where} did not answer in {target.timeout:g} s", hint=hint)
    if isinstance(error, ConnectionRefusedError):
        hint = "is sshd running, and is the port right?"
        return HostUnreachableError(f"{target.where} refused the connection", hint=hint)
    # The event loop puts words of its own into strerror.
    why = os.strerror(error.errno) if error.errno else str(error)
    return HostUnreachableError(f"{target.where} cannot be reached: {why}")


def _tune(sock: socket.socket) -> None:
    # Without TCP_NODELAY every request waits for the delayed acknowledgement of the one before.
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (("TCP_KEEPIDLE", 15), ("TCP_KEEPINTVL", 15), ("TCP_KEEPCNT", 3), ("TCP_USER_TIMEOUT", 60000)):
        option = getattr(socket, name, None)
        if option is not None:
            sock.setsockopt(socket.IPPROTO_TCP, option, value)


async def _readable(sock: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    ready = loop.create_future()
    loop.add_reader(sock, lambda: None if ready.done() else ready.set_result(None))
    try:
        await ready
    finally:
        loop.remove_reader(sock)
