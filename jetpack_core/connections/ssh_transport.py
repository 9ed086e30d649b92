# SPDX-License-Identifier: GPL-3.0-or-later
"""paramiko's transport, without the round trips that a client of SSH need not wait for."""

from __future__ import annotations

import contextlib
import threading
import time
from typing import TYPE_CHECKING, Any

from paramiko import Message, SSHException
from paramiko.auth_handler import AuthOnlyHandler
from paramiko.common import cMSG_SERVICE_REQUEST, cMSG_USERAUTH_REQUEST
from paramiko.transport import ServiceRequestingTransport

if TYPE_CHECKING:
    from collections.abc import Callable


class EagerTransport(ServiceRequestingTransport):
    """A client that asks for the login service and to be let in by it in one go, and for the service only once.

    A server takes messages in their order, and one that does not offer the service hangs up (RFC 4253, 10).
    """

    auth_handler: EagerHandler | None
    server_extensions: dict[str, bytes]

    def __init__(self, sock: Any, default_window_size: int) -> None:
        super().__init__(sock, default_window_size=default_window_size)
        self._accepted = threading.Event()

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
        return self.wait_for_response(answered)

    def _finalize_pubkey_algorithm(self, key_type: str) -> str:
        # An RSA key signs by what the server says that it takes, which it tells before it grants the service.
        if "rsa" in key_type and not self.transport.server_extensions:
            self.transport.await_service()
        return super()._finalize_pubkey_algorithm(key_type)  # type: ignore[misc, no-any-return]
