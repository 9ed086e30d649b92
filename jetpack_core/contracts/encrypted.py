# SPDX-License-Identifier: GPL-3.0-or-later
"""How encrypted data look."""

from __future__ import annotations

from typing import Final

ENCRYPTED: Final = ".age"
"""How the names of encrypted files end."""
BINARY: Final = b"age-encryption.org/v1\n"
ARMOR: Final = b"-----BEGIN AGE ENCRYPTED FILE-----"


def is_age(data: bytes) -> bool:
    """Tell whether data begins as an age file does, armored or not."""
    return data.startswith(BINARY) or is_armored(data)


def is_armored(data: bytes) -> bool:
    """Tell whether data begins as an armored age file does."""
    return data[:1] in _BEFORE_ARMOR and data.lstrip()[: len(ARMOR)] == ARMOR


_BEFORE_ARMOR: Final = frozenset({b"-", b" ", b"\t", b"\r", b"\n"})
