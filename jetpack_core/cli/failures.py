# SPDX-License-Identifier: GPL-3.0-or-later
"""How a verb that fails ends: what is said on standard error, and with which exit code."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import TYPE_CHECKING, Final

import click

from jetpack_core.errors import ContentError, JetpackError

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TextIO

FINE: Final = 0
WRONG_INPUT: Final = 1
HOSTS_FAILED: Final = 2
CHANGES_PENDING: Final = 3
HOSTS_UNREACHABLE: Final = 4
INTERRUPTED: Final = 130


def exit_code_of(
    run: Callable[[], object], *, traceback_wanted: Callable[[], bool], redact: Callable[[str], str] = str
) -> int:
    """Run the command line and return its exit code; whatever it raises is told on standard error.

    A command says how it went by returning a whole number; anything else counts as success.

    :param redact: takes secrets out of what is told.
    """
    try:
        returned = run()
    except click.ClickException as error:
        error.show()
    except click.Abort as error:
        return _tell_abort(error)
    except Exception as error:  # noqa: BLE001 - the one place where every failure becomes a sentence
        tell(error, redact)
        if traceback_wanted():
            _tell_traceback(error, redact)
    else:
        return returned if isinstance(returned, int) else FINE
    return WRONG_INPUT


def tell(error: Exception, redact: Callable[[str], str] = str) -> None:
    """Print an error on standard error, without the secrets in it."""
    if isinstance(error, ContentError):
        click.echo(f"{redact(str(error))}\n\n{_count(len(error.problems))}; nothing ran", err=True)
    elif isinstance(error, JetpackError):
        click.echo(f"{click.style('error:', fg='red', bold=True)} {redact(str(error))}", err=True)
    elif isinstance(error, OSError):
        click.echo(redact(f"error: {error.filename or 'writing output'}: {error.strerror or error}"), err=True)
    else:
        _tell_internal(error, redact)


def _count(problems: int) -> str:
    return "1 problem" if problems == 1 else f"{problems} problems"


def _tell_internal(error: Exception, redact: Callable[[str], str]) -> None:
    what = redact(f"{type(error).__name__}: {error}".strip().rstrip(":"))
    click.echo(
        f"internal error: {what}; this is a bug in Jetpack or a plugin: run again with --traceback,"
        " and report what that prints together with the command",
        err=True,
    )


def _tell_traceback(error: Exception, redact: Callable[[str], str]) -> None:
    import traceback

    click.echo(redact("".join(traceback.format_exception(error))), err=True, nl=False)


def _tell_abort(error: click.Abort) -> int:
    # Click hides what it was, an interrupt or the end of the input, but Python remembers.
    if isinstance(error.__context__, EOFError):
        click.echo("error: a question was asked, and standard input has ended", err=True)
        return WRONG_INPUT
    click.echo("interrupted", err=True)
    return INTERRUPTED


def ensure_streams() -> None:
    """Put nowhere in the place of standard output or standard error where the caller has closed them."""
    if sys.stdout is None:
        sys.stdout = _nowhere()
    if sys.stderr is None:
        sys.stderr = _nowhere()


def _nowhere() -> TextIO:
    from pathlib import Path

    return Path(os.devnull).open("w", encoding="utf-8")


def flushed(code: int) -> int:
    """Write out standard output and return the exit code; a reader that went away (`head`) is no error."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        _drop_output()
    except OSError as error:
        _drop_output()
        click.echo(f"error: cannot write to standard output: {error.strerror}", err=True)
        return code or WRONG_INPUT
    return code


def _drop_output() -> None:
    """Send what is left to nowhere: Python flushes once more when it ends, and would complain there."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
