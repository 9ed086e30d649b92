# SPDX-License-Identifier: GPL-3.0-or-later
"""paramiko's transport, without the round trips that a client of SSH need not wait for."""

from __future__ import annotations

import contextlib
import threading
import time
from typing import TYPE_CHECKING, Any, Final

from paramiko import Channel, Message, SSHException
from paramiko.auth_handler import AuthOnlyHandler
from paramiko.common import cMSG_CHANNEL_OPEN, cMSG_SERVICE_REQUEST, cMSG_USERAUTH_REQUEST
from paramiko.transport import ServiceRequestingTransport

if TYPE_CHECKING:
    from collections.abc import Callable


OPENSSH: Final = "SSH-2.0-OpenSSH_"
"""How OpenSSH introduces itself."""
ONE_STEP: Final = frozenset({"publickey", "password"})
"""Ways to log in that one answer ends."""


class EagerTransport(ServiceRequestingTransport):
    """A client that asks for the login service and to be let in by it in one go, and for the service only once.

    A server takes messages in their order, and one that does not offer the service hangs up (RFC 4253, 10).
    """

    auth_handler: EagerHandler | None
    server_extensions: dict[str, bytes]

    def __init__(self, sock: Any, default_window_size: int, *, for_session: bool = False) -> None:
        super().__init__(sock, default_window_size=default_window_size)
        self._accepted = threading.Event()
        self._for_session = for_session
        self._early: Channel | None = None
        """The channel that was asked for with the last login."""
        self._opened = threading.Event()

    @classmethod
    def greeting(cls) -> bytes:
        """Return what it says first: the version it speaks."""
        return f"SSH-{cls._PROTO_ID}-{cls._CLIENT_ID}\r\n".encode("ascii")  # type: ignore[attr-defined]

    def ensure_session(self) -> None:
        """Ask for the login service, the first time. Raises SSHException."""
        if not self.is_active():
            raise self.get_exception() or SSHException("the connection was closed")
        if self.auth_handler is None:
            self.auth_handler = EagerHandler(self)
            message = Message()
            message.add_byte(cMSG_SERVICE_REQUEST)
            message.add_string("ssh-userauth")
            self.tell(message)

    def tell(self, message: Message) -> None:
        """Send a message. A server that has hung up tells why to whoever waits for its answer."""
        with self.lock, contextlib.suppress(OSError, EOFError):
            self._send_message(message)  # type: ignore[attr-defined]

    def await_service(self) -> None:
        """Wait until the login service is there, or nobody is."""
        end = time.monotonic() + self.auth_timeout
        while not self._accepted.wait(0.1) and self.is_active() and time.monotonic() < end:
            continue

    def ask_for_session(self, method: str) -> None:
        """Ask for a channel right behind a login, which a server passes on once it has let us in (RFC 4252, 5.3).

        OpenSSH alone is asked: when it refuses the login, it says that it does not know what a channel is, and goes on.
        Others hang up then, or already while they think about the login.
        """
        self._forget_session()
        if not self._for_session or method not in ONE_STEP or not self.remote_version.startswith(OPENSSH):
            return
        with self.lock:
            number = self._next_channel()  # type: ignore[attr-defined]
            self._early = channel = Channel(number)
            self._channels.put(number, channel)  # type: ignore[attr-defined]
            self.channel_events[number] = self._opened = threading.Event()
            self.channels_seen[number] = True
            channel._set_transport(self)  # type: ignore[attr-defined]  # noqa: SLF001 - as open_channel does
            channel._set_window(self.default_window_size, self.default_max_packet_size)  # type: ignore[attr-defined]  # noqa: SLF001
        message = Message()
        message.add_byte(cMSG_CHANNEL_OPEN)
        message.add_string("session")
        for value in (number, self.default_window_size, self.default_max_packet_size):
            message.add_int(value)
        self.tell(message)

    def _forget_session(self) -> None:
        early, self._early = self._early, None
        if early is not None:
            self.channel_events.pop(early.get_id(), None)
            self._channels.delete(early.get_id())  # type: ignore[attr-defined]

    def open_session(
        self, window_size: int | None = None, max_packet_size: int | None = None, timeout: float | None = None
    ) -> Channel:
        """Return a channel, where one was asked for with the login that one. Raises SSHException."""
        limit = self.channel_timeout if timeout is None else timeout
        early = self._early
        if early is not None:
            if self._opened_within(limit / 2):
                self._early = None
                if self._channels.get(early.get_id()) is None:  # type: ignore[attr-defined]
                    raise self.get_exception() or SSHException("the channel was closed")
                return early
            # It only called itself OpenSSH, or is very slow.
            self._forget_session()
        return super().open_session(window_size, max_packet_size, limit)

    def _opened_within(self, limit: float) -> bool:
        end = time.monotonic() + limit
        while not self._opened.wait(0.1) and self.is_active() and time.monotonic() < end:
            continue
        return self._opened.is_set()

    def _parse_service_accept(self, message: Message) -> None:
        super()._parse_service_accept(message)  # type: ignore[misc]
        self._accepted.set()

    def _parse_disconnect(self, message: Message) -> None:
        # paramiko only logs why the server hangs up, such as too many keys that it does not know.
        message.get_int()
        text = message.get_string().decode("utf-8", "replace")
        said = " ".join("".join(char if char.isprintable() else " " for char in text).split())
        if said:
            self.saved_exception = SSHException(said)


class EagerHandler(AuthOnlyHandler):
    """The client's side of logging in."""

    transport: EagerTransport
    auth_event: threading.Event | None

    def send_auth_request(
        self, username: str, method: str, finish_message: Callable[[Message], None] | None = None
    ) -> list[str]:
        """Ask to be let in and wait for the answer; return what is asked for in addition. Raises SSHException."""
        self.auth_method, self.username = method, username
        message = Message()
        message.add_byte(cMSG_USERAUTH_REQUEST)
        for word in (username, "ssh-connection", method):
            message.add_string(word)
        if finish_message is not None:
            finish_message(message)
        # paramiko makes the event after sending, and would wait in vain for an answer that is there by then.
        self.auth_event = answered = threading.Event()
        self.transport.tell(message)
        self.transport.ask_for_session(method)
        return self.wait_for_response(answered)

    def _finalize_pubkey_algorithm(self, key_type: str) -> str:
        # An RSA key signs by what the server says that it takes, which it tells before it grants the service.
        if "rsa" in key_type and not self.transport.server_extensions:
            self.transport.await_service()
        return super()._finalize_pubkey_algorithm(key_type)  # type: ignore[misc, no-any-return]
