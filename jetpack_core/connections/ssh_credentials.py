# SPDX-License-Identifier: GPL-3.0-or-later
"""What this user could log in to hosts with: key files and the agent's keys, looked at without using them."""

from __future__ import annotations

import os
import socket
import struct
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from jetpack_core.connections.ssh_settings import DEFAULT_KEYS

_PATIENCE: Final = 5.0
# The agent protocol (draft-ietf-sshm-ssh-agent): a request for identities, and the answer with their number.
_REQUEST: Final = struct.pack(">IB", 1, 11)
_ANSWER: Final = struct.Struct(">IBI")
_IDENTITIES: Final = 12


class KeyState(StrEnum):
    """Whether a key file can be used as it is."""

    FINE = "fine"
    LOCKED = "locked"
    """It needs a passphrase."""
    EXPOSED = "exposed"
    """Others may read it, which the OpenSSH client refuses."""
    UNUSABLE = "unusable"


@dataclass(frozen=True, slots=True)
class KeyFile:
    """A private key of this user."""

    path: Path
    state: KeyState
    reason: str = ""


def key_files() -> list[KeyFile]:
    """Return the keys under their usual names that are there."""
    folder = Path("~/.ssh").expanduser()
    return [_looked_at(folder / name) for name in DEFAULT_KEYS if (folder / name).exists()]


def _looked_at(path: Path) -> KeyFile:
    import paramiko
    from cryptography.exceptions import UnsupportedAlgorithm

    from jetpack_core.connections.ssh_login import LockedKeyError, load_key

    try:
        if path.stat().st_mode & 0o077:
            return KeyFile(path, KeyState.EXPOSED, "others may read it")
        load_key(path, None)
    except LockedKeyError as error:
        return KeyFile(path, KeyState.LOCKED, str(error))
    except OSError as error:
        return KeyFile(path, KeyState.UNUSABLE, (error.strerror or str(error)).lower())
    except (paramiko.SSHException, ValueError, TypeError, UnsupportedAlgorithm) as error:
        return KeyFile(path, KeyState.UNUSABLE, f"not a usable private key ({error})")
    return KeyFile(path, KeyState.FINE)


def agent_keys() -> int | None:
    """Return how many keys the agent of the environment has; None where there is no agent. Raises OSError."""
    where = os.environ.get("SSH_AUTH_SOCK")
    if not where:
        return None
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(_PATIENCE)
        connection.connect(where)
        connection.sendall(_REQUEST)
        answer = b""
        while len(answer) < _ANSWER.size:
            piece = connection.recv(_ANSWER.size - len(answer))
            if not piece:
                raise ConnectionResetError(0, "it hung up")
            answer += piece
    _, kind, count = _ANSWER.unpack(answer)
    return int(count) if kind == _IDENTITIES else 0
