# SPDX-License-Identifier: GPL-3.0-or-later
"""Several commands in one round trip, each run only if those before it succeeded."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from jetpack_core.records import CommandResult

NO_SUCH_PROGRAM: Final = 127
"""How a shell ends when a program is not there (POSIX)."""


_LINES: Final = 6
_DONE: Final = re.compile(r"^jetpack: done (\d+)\n?\Z", re.MULTILINE)


def chain(commands: Sequence[Sequence[str]]) -> tuple[str, ...]:
    """Return one command that runs commands in order until one fails, and ends as that one did.

    The words travel as the shell's arguments, so the script itself holds nothing but their numbers. If one fails, the
    last line of the output says how many were done; see `done`.
    """
    if len(commands) == 1:
        return tuple(commands[0])
    steps = []
    count = 0
    for number, command in enumerate(commands):
        words = " ".join(f'"${{{count + place}}}"' for place in range(1, len(command) + 1))
        steps.append(f"n={number} && {words}")
        count += len(command)
    script = f'{" && ".join(steps)}; c=$?; [ "$c" = 0 ] || echo "jetpack: done $n"; exit "$c"'
    return ("sh", "-c", script, "sh", *(word for command in commands for word in command))


def done(ended: CommandResult) -> int:
    """Return how many commands of a chain had done their part before one failed."""
    found = None if ended.ok else _DONE.search(ended.stdout)
    return int(found[1]) if found is not None else 0


def before_that(ended: CommandResult, parts: Sequence[str]) -> str:
    """Return the end of a sentence about a chain that failed: which of its parts stay done, if any.

    :param parts: What each command does, as it is told once it is done.
    """
    told = [part for part in parts[: done(ended)] if part]
    return f" (before that, {', '.join(told)})" if told else ""


def last_words(ended: CommandResult) -> str:
    """Return what a command said at its end, on one line."""
    said = ended.stderr if ended.stderr.strip() else _DONE.sub("", ended.stdout)
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    return "; ".join(lines[-_LINES:]) or f"exit code {ended.rc}"
