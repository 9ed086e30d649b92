# SPDX-License-Identifier: GPL-3.0-or-later
"""What the verbs of `jetpack secrets` share: flags, the keys at hand, and reading a value that is secret."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from jetpack_core.cli.invocation import invocation
from jetpack_core.errors import UsageError

if TYPE_CHECKING:
    from jetpack_core.secret_files.keeper import Keeper

F = TypeVar("F", bound=Callable[..., object])

PATH = click.Path(path_type=Path)


def recipient_options() -> Callable[[F], F]:
    """Add `--recipient` and `--passphrase`."""

    def decorate(function: F) -> F:
        function = click.option(
            "--passphrase", is_flag=True, help="Encrypt with a passphrase, asked for, instead of for recipients."
        )(function)
        return click.option(
            "-r",
            "--recipient",
            "recipients",
            multiple=True,
            metavar="WHO",
            help="Encrypt for this name, group, age1... or ssh-... key, whatever the rules say; repeatable.",
        )(function)

    return decorate


def make_keeper(
    near: Path, *, identity: Iterable[Path] = (), recipients: Iterable[str] = (), passphrase: bool = False
) -> Keeper:
    """Return what opens and seals; what it opens does not show in errors from then on.

    :param near: a file or folder of the project, for the rules' list of plugins.
    """
    from jetpack_core.cli.secret_keys import user_identities
    from jetpack_core.secret_files.keeper import Keeper

    recipients = tuple(recipients)
    if passphrase and recipients:
        raise UsageError("--passphrase and --recipient exclude each other: age encrypts with one or the other")
    chosen = _new_passphrase() if passphrase else ""
    learned = invocation(click.get_current_context()).redactor.register
    keys = user_identities(tuple(identity), learned, near=near)
    return Keeper(keys, recipients=recipients, passphrase=chosen, learned=learned)


def _new_passphrase() -> str:
    from jetpack_core.cli.passwords import ask_password

    first = ask_password("New passphrase", "--passphrase")
    if ask_password("The same again", "--passphrase") != first:
        raise UsageError("the two passphrases differ", hint="nothing was written; try again")
    return first


def read_value(prompt: str) -> str:
    """Return a secret value, typed twice at the terminal or read from standard input.

    The line end of a single line does not count; of several lines every character does. Raises UsageError.
    """
    if sys.stdin is None:
        raise UsageError("standard input is closed, so there is no value")
    if sys.stdin.isatty():
        from getpass import getpass

        first = getpass(f"{prompt}: ")
        if getpass("The same again: ") != first:
            raise UsageError("the two values differ", hint="nothing was written; try again")
        return first
    try:
        text = sys.stdin.buffer.read().decode()
    except UnicodeDecodeError:
        raise UsageError("the value is not UTF-8 text", hint="keep binary data in a file of its own") from None
    single = text.removesuffix("\n").removesuffix("\r")
    return text if "\n" in single else single


def echo_exactly(content: bytes) -> None:
    """Print secret content as it is; on a terminal, where a prompt comes next, its last line is ended."""
    stream = sys.stdout.buffer
    # A reader that has seen enough, such as `head`, is no error.
    with contextlib.suppress(BrokenPipeError):
        stream.write(content)
        if sys.stdout.isatty() and not content.endswith(b"\n"):
            stream.write(b"\n")
        stream.flush()


def check_no_json(file: Path) -> None:
    """Raise UsageError for a file that cannot have single encrypted values."""
    if file.suffix == ".json":
        raise UsageError(
            f"{file} is JSON, which has no tags for encrypted values",
            hint="encrypt it as a whole, or make it YAML: .yml",
        )


def project_root(start: Path) -> Path:
    """Return the folder of the nearest rules, or the current one."""
    from jetpack_core.secret_files.rules import find_rules

    rules = find_rules(start)
    return rules.file.parent if rules.file else start


def count(number: int, noun: str) -> str:
    """Return a number with its noun."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
