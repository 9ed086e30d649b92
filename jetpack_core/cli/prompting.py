# SPDX-License-Identifier: GPL-3.0-or-later
"""Put the questions of a run to whoever sits at the terminal, while the run goes on."""

from __future__ import annotations

import asyncio
import os
import sys
from typing import TYPE_CHECKING, Final

import click

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from jetpack_core.engine.questions import Answer, Ask

_LONGEST: Final = 4096


def asker(redact: Callable[[str], str]) -> Ask | None:
    """Return what asks at the terminal; None where the input is none.

    :param redact: Takes secrets out of what is shown.
    """
    # Python has no standard input where it was closed.
    if sys.stdin is None or not sys.stdin.isatty():
        return None

    from jetpack_core.views.text import visible

    async def ask(question: str, choices: Sequence[Answer]) -> Answer:
        shown = f"{visible(redact(question))} [{'/'.join(choices)}] "
        while True:
            click.echo(shown, nl=False, err=True)
            line = await _line(sys.stdin.fileno())
            if not line:
                # The end of the input: nobody is there any more.
                click.echo(err=True)
                return choices[-1]
            typed = line.strip().lower()
            meant = [choice for choice in choices if typed and choice.startswith(typed)]
            if len(meant) == 1:
                return meant[0]
            click.echo(f"Please answer {_listed(choices)}; the first letter will do.", err=True)

    return ask


def _listed(choices: Sequence[Answer]) -> str:
    *first, last = choices
    return f"{', '.join(first)} or {last}"


async def _line(descriptor: int) -> str:
    """Return the next line of a terminal without holding anything up; empty at the end of the input."""
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    loop.add_reader(descriptor, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(descriptor)
    return os.read(descriptor, _LONGEST).decode("utf-8", "replace")
