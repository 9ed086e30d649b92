# SPDX-License-Identifier: GPL-3.0-or-later
"""Read what ansible-vault has encrypted: format 1.1 and 1.2, AES256."""

from __future__ import annotations

import binascii
import hashlib
import hmac
from dataclasses import dataclass, field
from typing import Final

from jetpack_core.errors import SecretError

MARK: Final = b"$ANSIBLE_VAULT;"
TAG: Final = "!vault"
TAGS: Final = frozenset({TAG, "!vault-encrypted"})
_VERSIONS: Final = ("1.1", "1.2")
_CIPHER: Final = "AES256"
_ROUNDS: Final = 10_000
_KEY: Final = 32
_IV: Final = 16
_PARTS: Final = 3


class WrongPasswordError(SecretError):
    """None of the passwords at hand opens it, or it was altered."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """An encrypted text, taken apart."""

    label: str
    """The vault id it names; empty for none."""
    salt: bytes
    digest: bytes
    ciphertext: bytes = field(repr=False)


def is_vault(data: bytes) -> bool:
    """Tell whether data begins as a file of ansible-vault does."""
    return data.lstrip().startswith(MARK)


def parse(data: bytes) -> Envelope:
    """Take an encrypted text apart. Raises SecretError."""
    header, *lines = data.decode("ascii", "replace").split()
    fields = header.split(";")
    if not is_vault(data) or len(fields) < _PARTS:
        raise SecretError("this is not encrypted with ansible-vault")
    if fields[1] not in _VERSIONS or fields[2] != _CIPHER:
        hint = "`ansible-vault rekey` writes the current format"
        raise SecretError(f"ansible-vault {fields[1]} with {fields[2]} cannot be read", hint=hint)
    try:
        parts = binascii.unhexlify("".join(lines)).split(b"\n", 2)
        salt, digest, ciphertext = (binascii.unhexlify(part) for part in parts)
    except (binascii.Error, ValueError):
        raise SecretError("it is damaged: this is no text of ansible-vault", hint="fetch it again") from None
    return Envelope(fields[3] if len(fields) > _PARTS else "", salt, digest, ciphertext)


def decrypt(data: bytes, password: bytes) -> bytes:
    """Return the plaintext. Raises WrongPasswordError, and SecretError where it is damaged."""
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    envelope = parse(data)
    keys = hashlib.pbkdf2_hmac("sha256", password, envelope.salt, _ROUNDS, 2 * _KEY + _IV)
    key, mac_key, counter = keys[:_KEY], keys[_KEY : 2 * _KEY], keys[2 * _KEY :]
    if not hmac.compare_digest(hmac.digest(mac_key, envelope.ciphertext, "sha256"), envelope.digest):
        label = f" (its vault id is {envelope.label})" if envelope.label else ""
        hint = "name the file of its password with --vault-password-file"
        raise WrongPasswordError(f"the vault password is wrong, or the text was altered{label}", hint=hint)
    decryptor = Cipher(algorithms.AES(key), modes.CTR(counter)).decryptor()
    padded = decryptor.update(envelope.ciphertext) + decryptor.finalize()
    return padded[: -padded[-1]] if padded else padded


def decrypt_any(data: bytes, passwords: dict[str, bytes]) -> bytes:
    """Return the plaintext by the first password that fits, the one of its own vault id first.

    Raises WrongPasswordError, and SecretError where it is damaged.
    """
    label = parse(data).label
    ordered = sorted(passwords, key=lambda name: name != label)
    for name in ordered[:-1]:
        try:
            return decrypt(data, passwords[name])
        except WrongPasswordError:
            continue
    return decrypt(data, passwords[ordered[-1]])
