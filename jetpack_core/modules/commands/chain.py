# SPDX-License-Identifier: GPL-3.0-or-later
"""Several commands in one round trip, each run only if those before it succeeded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from jetpack_core.records import CommandResult

NO_SUCH_PROGRAM: Final = 127
"""How a shell ends when a program is not there (POSIX)."""


_LINES: Final = 6


def chain(commands: Sequence[Sequence[str]]) -> tuple[str, ...]:
    """Return one command that runs commands in order until one fails, and ends as that one did.

    The words travel as the shell's arguments, so the script itself holds nothing but their numbers.
    """
    if len(commands) == 1:
        return tuple(commands[0])
    steps = []
    count = 0
    for command in commands:
        steps.append(" ".join(f'"${{{count + number}}}"' for number in range(1, len(command) + 1)))
        count += len(command)
    return ("sh", "-c", " && ".join(steps), "sh", *(word for command in commands for word in command))


def last_words(ended: CommandResult) -> str:
    """Return what a command said at its end, on one line."""
    lines = [line.strip() for line in (ended.stderr or ended.stdout).splitlines() if line.strip()]
    return "; ".join(lines[-_LINES:]) or f"exit code {ended.rc}"
