# SPDX-License-Identifier: GPL-3.0-or-later
"""An authenticated SSH transport to one host, by way of jump hosts where there are any; all of it blocks."""

from __future__ import annotations

import logging
import random
import socket
import subprocess
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import paramiko

from jetpack_core.connections.host_keys import HostKeyPolicy
from jetpack_core.connections.ssh_login import Login
from jetpack_core.connections.ssh_pipe import cut
from jetpack_core.connections.ssh_settings import SshSettings, jump_endpoint, settings
from jetpack_core.connections.ssh_transport import EagerTransport
from jetpack_core.errors import HostUnreachableError

if TYPE_CHECKING:
    from collections.abc import Sequence

ATTEMPTS: Final = 8
WINDOW: Final = 4 << 20
"""Bytes that a host may send before they are read here."""
IDLE_POLL: Final = 30.0
"""Seconds between looks of an idle transport's thread; paramiko's own 0.1 s add up over many hosts."""
LOG_CHANNEL: Final = "jetpack.paramiko"


class DroppedError(Exception):
    """The host closed the connection before anybody logged in, as sshd does when it is busy."""


@dataclass(slots=True)
class Attempt:
    """A way to call off what goes on in another thread."""

    called_off: threading.Event = field(default_factory=threading.Event)
    transports: list[paramiko.Transport] = field(default_factory=list)

    def call_off(self) -> None:
        """Give up and cut what is open."""
        self.called_off.set()
        for transport in list(self.transports):
            cut(transport)


class EagerSocket(socket.socket):
    """A socket that acknowledges at once while a connection is set up.

    sshd holds the answer to our first request back until what it told us unasked is acknowledged (Nagle's algorithm),
    which takes the kernel 40 ms (tcp(7), TCP_QUICKACK).
    """

    eager = hasattr(socket, "TCP_QUICKACK")

    def recv(self, size: int, flags: int = 0, /) -> bytes:
        """Receive, as any socket."""
        data = super().recv(size, flags)
        if self.eager and self.family in {socket.AF_INET, socket.AF_INET6}:
            self.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        return data


class SshSession:
    """The transports to a host: the last one is its own, those before are the hops on the way."""

    def __init__(self, transports: Sequence[paramiko.Transport]) -> None:
        self.transports = list(transports)

    @property
    def transport(self) -> paramiko.Transport:
        """The host's own transport."""
        return self.transports[-1]

    def relax(self) -> None:
        """Let the kernel choose when to acknowledge, now that everything is set up."""
        for transport in self.transports:
            sock: object = transport.sock
            if isinstance(sock, EagerSocket):
                sock.eager = False

    def close(self) -> None:
        """Hang up; blocks for a moment."""
        for transport in reversed(self.transports):
            cut(transport)
            transport.close()


def open_session(target: SshSettings, config: paramiko.SSHConfig, attempt: Attempt) -> SshSession:
    """Reach a host and log in. Raises HostUnreachableError, AuthenticationError, HostKeyError."""
    quiet = logging.getLogger(LOG_CHANNEL)
    if not quiet.handlers:
        # paramiko logs what it raises as well; without a handler that would end up on the terminal.
        quiet.addHandler(logging.NullHandler())
    try:
        for hop in target.jumps:
            inner = settings(jump_endpoint(hop, target), config)
            _reach(inner, attempt, through=attempt.transports[-1] if attempt.transports else None)
        _reach(target, attempt, attempt.transports[-1] if attempt.transports else None, last=True)
    except BaseException:
        SshSession(attempt.transports).close()
        raise
    return SshSession(attempt.transports)


def _reach(target: SshSettings, attempt: Attempt, through: paramiko.Transport | None, *, last: bool = False) -> None:
    """Add an authenticated transport; a host that hangs up early is tried again for a while."""
    end = time.monotonic() + target.timeout
    for number in range(ATTEMPTS):
        try:
            transport = _shake_hands(target, attempt, through, end, last=last)
            transport.auth_timeout = max(end - time.monotonic(), 5.0)
            Login(transport, target).run()
        except DroppedError as error:
            delay = min(0.2 * 2**number, 3.0) * random.uniform(0.5, 1.5)  # noqa: S311 - spreads retries, no secret
            if number == ATTEMPTS - 1 or time.monotonic() + delay > end or attempt.called_off.wait(delay):
                hint = "sshd may be busy (MaxStartups), or refuse this address"
                raise HostUnreachableError(
                    f"{target.where} closed the connection at once ({error})", hint=hint
                ) from error
        else:
            _settle(transport)
            return


def _shake_hands(
    target: SshSettings, attempt: Attempt, through: paramiko.Transport | None, end: float, *, last: bool
) -> paramiko.Transport:
    sock = _connect(target, through, end)
    transport = EagerTransport(sock, default_window_size=WINDOW, for_session=last)
    transport.set_log_channel(LOG_CHANNEL)
    attempt.transports.append(transport)
    left = max(end - time.monotonic(), 0.1)
    transport.banner_timeout = transport.handshake_timeout = left
    policy = HostKeyPolicy(target)
    _prefer(transport, policy.preferred_types())
    try:
        transport.start_client(timeout=left)
        if attempt.called_off.is_set():
            raise HostUnreachableError(f"{target.where}: called off")
        if time.monotonic() >= end:
            raise _silent(target)
        key = transport.get_remote_server_key()
        policy.verify(key.get_name(), key.get_base64())
    except (paramiko.SSHException, EOFError, OSError) as error:
        _drop(attempt, transport)
        raise _handshake_error(target, transport, error, end) from error
    except BaseException:
        _drop(attempt, transport)
        raise
    return transport


def _drop(attempt: Attempt, transport: paramiko.Transport) -> None:
    attempt.transports.remove(transport)
    cut(transport)
    transport.close()


def _handshake_error(target: SshSettings, transport: Any, error: Exception, end: float) -> Exception:
    if isinstance(error, paramiko.ssh_exception.IncompatiblePeer):
        hint = "its SSH server offers only methods that are not safe any more, or are too new"
        return HostUnreachableError(f"{target.where} and we have no common method: {error}", hint=hint)
    if time.monotonic() >= end - 0.05:
        return _silent(target)
    if transport.remote_version and not isinstance(error, EOFError | ConnectionError):
        return HostUnreachableError(f"{target.where}: the SSH handshake failed: {error}")
    return DroppedError(str(error) or "end of input")


def _silent(target: SshSettings) -> HostUnreachableError:
    hint = "something answers at the port, but not (in time) as an SSH server"
    return HostUnreachableError(f"{target.where} did not answer as an SSH server in {target.timeout:g} s", hint=hint)


def _prefer(transport: paramiko.Transport, kinds: list[str]) -> None:
    """Ask for the key types first that we know the host by."""
    signed = {"ssh-rsa": ("rsa-sha2-512", "rsa-sha2-256", "ssh-rsa")}
    wanted = [name for kind in kinds for name in signed.get(kind, (kind,))]
    options = transport.get_security_options()
    offered = list(options.key_types)
    first = [name for name in dict.fromkeys(wanted) if name in offered]
    options.key_types = tuple(first + [name for name in offered if name not in first])


def _connect(target: SshSettings, through: paramiko.Transport | None, end: float) -> Any:
    if through is not None:
        return _through(target, through, end)
    if target.proxy_command:
        return _by_command(target, target.proxy_command)
    try:
        address = _name(target.address), target.port
        sock = socket.create_connection(address, timeout=max(end - time.monotonic(), 0.1))  # type: ignore[arg-type]
    except socket.gaierror as error:
        hint = "check the name, or set jet_ssh_hostname"
        raise HostUnreachableError(
            f"{target.where}: the name cannot be resolved ({error.strerror})", hint=hint
        ) from error
    except TimeoutError as error:
        hint = "check the address and firewalls"
        raise HostUnreachableError(f"{target.where} did not answer in {target.timeout:g} s", hint=hint) from error
    except ConnectionRefusedError as error:
        hint = "is sshd running, and is the port right?"
        raise HostUnreachableError(f"{target.where} refused the connection", hint=hint) from error
    except OSError as error:
        raise HostUnreachableError(f"{target.where} cannot be reached: {error.strerror or error}") from error
    _tune(sock)
    timeout = sock.gettimeout()
    eager = EagerSocket(sock.family, sock.type, sock.proto, sock.detach())
    eager.settimeout(timeout)
    return eager


def _name(address: str) -> str | bytes:
    """Return a name as the resolver takes it at once; for text, Python loads its tables of all the world's letters."""
    return address.encode("ascii") if address.isascii() else address


def _tune(sock: socket.socket) -> None:
    # Without TCP_NODELAY every request waits for the delayed acknowledgement of the one before.
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (("TCP_KEEPIDLE", 15), ("TCP_KEEPINTVL", 15), ("TCP_KEEPCNT", 3), ("TCP_USER_TIMEOUT", 60000)):
        option = getattr(socket, name, None)
        if option is not None:
            sock.setsockopt(socket.IPPROTO_TCP, option, value)


def _through(target: SshSettings, transport: paramiko.Transport, end: float) -> paramiko.Channel:
    try:
        return transport.open_channel(
            "direct-tcpip",
            (target.address, target.port),
            ("127.0.0.1", 0),
            timeout=max(end - time.monotonic(), 0.1),
        )
    except (paramiko.SSHException, EOFError, OSError) as error:
        raise HostUnreachableError(f"{target.where} cannot be reached through its jump host: {error}") from error


def _by_command(target: SshSettings, command: str) -> socket.socket:
    """Start a ProxyCommand; like ssh, by a shell, since it comes from the user's own configuration."""
    ours, theirs = socket.socketpair()
    with theirs:
        try:
            subprocess.Popen(
                ["/bin/sh", "-c", f"exec {command}"],
                stdin=theirs.fileno(),
                stdout=theirs.fileno(),
                start_new_session=True,
            )
        except OSError as error:
            ours.close()
            raise HostUnreachableError(f"{target.where}: the ProxyCommand cannot be started: {error}") from error
    return ours


def _settle(transport: Any) -> None:
    """Let the thread of a transport that is logged in sleep; `cut` wakes it."""
    if isinstance(transport.sock, socket.socket):
        transport.sock.settimeout(IDLE_POLL)
