# SPDX-License-Identifier: GPL-3.0-or-later
"""SSH private keys that have a passphrase: whose they are can be told without it."""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass, field
from typing import Final

from jetpack_core.errors import SecretError

_OPENSSH: Final = b"-----BEGIN OPENSSH PRIVATE KEY-----"
_END: Final = b"-----END OPENSSH PRIVATE KEY-----"
_MAGIC: Final = b"openssh-key-v1\0"


@dataclass(frozen=True, slots=True)
class LockedKey:
    """An SSH private key that needs a passphrase."""

    name: str
    content: bytes = field(repr=False)
    tag: str
    """What an age header calls the key: the begin of its public key's digest."""


def is_private_key(content: bytes) -> bool:
    """Tell whether content begins as a private key in PEM does."""
    first = content.lstrip().split(b"\n", 1)[0]
    return first.startswith(b"-----BEGIN ") and first.rstrip().endswith(b"PRIVATE KEY-----")


def locked(content: bytes, name: str) -> LockedKey | None:
    """Return the key as one that needs a passphrase; None for one that does not. Raises SecretError."""
    if not content.lstrip().startswith(_OPENSSH):
        if b"ENCRYPTED" in content:
            hint = f"convert it: ssh-keygen -p -f {name}"
            raise SecretError(f"{name}: an encrypted key in the old PEM format cannot be used", hint=hint)
        return None
    try:
        body = content.strip().removeprefix(_OPENSSH).removesuffix(_END)
        data = base64.b64decode(b"".join(body.split()), validate=True)
        cipher, data = _text(data.removeprefix(_MAGIC))
        _, data = _text(data)
        _, data = _text(data)
        public, _ = _text(data[4:])
    except (binascii.Error, ValueError):
        raise SecretError(f"{name}: the SSH key in it is damaged") from None
    if cipher == b"none":
        return None
    tag = base64.b64encode(hashlib.sha256(public).digest()[:4]).rstrip(b"=").decode()
    return LockedKey(name, content, tag)


def _text(data: bytes) -> tuple[bytes, bytes]:
    """Return the first length-prefixed text and what follows it (RFC 4251)."""
    size = int.from_bytes(data[:4], "big")
    if len(data) < 4 + size:
        message = "cut off"
        raise ValueError(message)
    return data[4 : 4 + size], data[4 + size :]


def unlock(key: LockedKey, passphrase: str) -> bytes:
    """Return the key without its passphrase, kept in memory. Raises SecretError."""
    from cryptography.hazmat.primitives import serialization

    try:
        loaded = serialization.load_ssh_private_key(key.content, passphrase.encode())
    except ValueError:
        raise SecretError(f"the passphrase of the SSH key {key.name} is wrong") from None
    except Exception as error:  # noqa: BLE001 - whatever the library makes of a foreign file
        raise SecretError(f"the SSH key {key.name} cannot be used: {error}") from None
    return loaded.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
    )
