# SPDX-License-Identifier: GPL-3.0-or-later
"""An authenticated SSH transport to one host, by way of jump hosts where there are any; all of it blocks."""

from __future__ import annotations

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
from jetpack_core.connections.ssh_reach import DroppedError, EagerSocket, silent
from jetpack_core.connections.ssh_transport import EagerTransport
from jetpack_core.errors import HostUnreachableError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jetpack_core.connections.ssh_settings import SshSettings

ATTEMPTS: Final = 8
WINDOW: Final = 4 << 20
"""Bytes that a host may send before they are read here."""
IDLE_POLL: Final = 30.0
"""Seconds between looks of an idle transport's thread; paramiko's own 0.1 s add up over many hosts."""
LOG_CHANNEL: Final = "jetpack.paramiko"


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


def log_in(target: SshSettings, sock: Any, attempt: Attempt, end: float, *, last: bool) -> None:
    """Add an authenticated transport over a socket or channel.

    Raises DroppedError, HostUnreachableError, HostKeyError, AuthenticationError.
    """
    transport = _shake_hands(target, sock, attempt, end, last=last)
    transport.auth_timeout = max(end - time.monotonic(), 5.0)
    Login(transport, target).run()
    _settle(transport)


def go_on(target: SshSettings, attempt: Attempt, *, last: bool) -> None:
    """Add an authenticated transport by way of the last one, or of a ProxyCommand.

    A host that hangs up early is tried again for a while. Raises as `log_in` does, DroppedError aside.
    """
    end = time.monotonic() + target.timeout
    for number in range(ATTEMPTS):
        try:
            sock = _through(target, attempt.transports[-1], end) if attempt.transports else _by_command(target)
            log_in(target, sock, attempt, end, last=last)
        except DroppedError as error:
            if attempt.called_off.wait(pause(target, number, end - time.monotonic(), error)):
                raise called_off(target) from error
        else:
            return


def pause(target: SshSettings, number: int, left: float, error: DroppedError) -> float:
    """Return the seconds until a host that hung up early is tried again. Raises HostUnreachableError."""
    delay: float = min(0.2 * 2**number, 3.0) * random.uniform(0.5, 1.5)  # noqa: S311 - spreads retries, no secret
    if number == ATTEMPTS - 1 or delay > left:
        hint = "sshd may be busy (MaxStartups), or refuse this address"
        raise HostUnreachableError(f"{target.where} closed the connection at once ({error})", hint=hint) from error
    return delay


def called_off(target: SshSettings) -> HostUnreachableError:
    """Return what ends an attempt that nobody waits for any more."""
    return HostUnreachableError(f"{target.where}: called off")


def _shake_hands(target: SshSettings, sock: Any, attempt: Attempt, end: float, *, last: bool) -> paramiko.Transport:
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
            raise called_off(target)
        if time.monotonic() >= end:
            raise silent(target)
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
        return silent(target)
    if transport.remote_version and not isinstance(error, EOFError | ConnectionError):
        return HostUnreachableError(f"{target.where}: the SSH handshake failed: {error}")
    return DroppedError(str(error) or "end of input")


def _prefer(transport: paramiko.Transport, kinds: list[str]) -> None:
    """Ask for the key types first that we know the host by."""
    signed = {"ssh-rsa": ("rsa-sha2-512", "rsa-sha2-256", "ssh-rsa")}
    wanted = [name for kind in kinds for name in signed.get(kind, (kind,))]
    options = transport.get_security_options()
    offered = list(options.key_types)
    first = [name for name in dict.fromkeys(wanted) if name in offered]
    options.key_types = tuple(first + [name for name in offered if name not in first])


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


def _by_command(target: SshSettings) -> socket.socket:
    """Start a ProxyCommand; like ssh, by a shell, since it comes from the user's own configuration."""
    ours, theirs = socket.socketpair()
    with theirs:
        try:
            subprocess.Popen(
                ["/bin/sh", "-c", f"exec {target.proxy_command}"],
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
