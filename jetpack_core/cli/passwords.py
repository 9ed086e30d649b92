# SPDX-License-Identifier: GPL-3.0-or-later
"""Ask for passwords on the terminal, once and before anything runs."""

from __future__ import annotations

from getpass import getpass
from pathlib import Path

from jetpack_core.errors import UsageError


def ask_password(prompt: str, flag: str) -> str:
    """Return what was typed at the terminal, unseen. Raises UsageError where there is no terminal."""
    try:
        with Path("/dev/tty").open("rb"):
            pass
    except OSError:
        raise UsageError(f"{flag} needs a terminal to ask on", hint="run it from a terminal") from None
    return getpass(f"{prompt}: ")
