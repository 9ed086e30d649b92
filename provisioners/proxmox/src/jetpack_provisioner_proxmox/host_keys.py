# SPDX-License-Identifier: GPL-3.0-or-later
"""Look at the key that an SSH server shows, without logging in."""

from __future__ import annotations

import contextlib
import socket
from typing import Final

_TIMEOUT: Final = 5.0
"""Seconds for one look."""


def shown_key(address: str, port: int) -> str | None:
    """Return the key that a server shows, as `ssh-ed25519 AAAA...`; None where none answers."""
    from paramiko import SSHException, Transport

    try:
        opened = socket.create_connection((address, port), timeout=_TIMEOUT)
    except OSError:
        return None
    with contextlib.closing(opened), contextlib.suppress(OSError, SSHException, EOFError):
        transport = Transport(opened)
        try:
            transport.start_client(timeout=_TIMEOUT)
            key = transport.get_remote_server_key()
            return f"{key.get_name()} {key.get_base64()}"
        finally:
            transport.close()
    return None
