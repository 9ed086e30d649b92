# SPDX-License-Identifier: GPL-3.0-or-later
"""Client keys of a test session."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class ClientKeys:
    """Two key pairs that every host of the fleet lets in, one of them behind a passphrase."""

    plain: Path
    locked: Path
    passphrase: str

    def authorized_lines(self) -> str:
        """Return both public keys as lines of an authorized_keys file."""
        return "\n".join(key.with_suffix(".pub").read_text().strip() for key in (self.plain, self.locked))


def generate_keys(directory: Path) -> ClientKeys:
    """Make a session's key pairs in a private directory."""
    keys = ClientKeys(directory / "id_plain", directory / "id_locked", "correct horse")
    _generate_key(keys.plain, "")
    _generate_key(keys.locked, keys.passphrase)
    return keys


def _generate_key(path: Path, passphrase: str) -> None:
    argv = ["ssh-keygen", "-q", "-t", "ed25519", "-C", path.name, "-N", passphrase, "-f", str(path)]
    subprocess.run(argv, check=True, stdin=subprocess.DEVNULL)
