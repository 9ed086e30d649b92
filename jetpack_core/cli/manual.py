# SPDX-License-Identifier: GPL-3.0-or-later
"""Write the man page from the verbs: `python -m jetpack_core.cli.manual` renews the file that wheels bring."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from jetpack_core import __version__
from jetpack_core.cli.main import ALIASES, main
from jetpack_core.registry import Kind, Registry

if TYPE_CHECKING:
    from collections.abc import Iterator

FILE: Final = Path(__file__).parent / "man" / "jetpack.1"
"""Where the page is kept."""

_EXIT: Final = (
    ("0", "All is well."),
    ("1", "A mistake in what was given: flags, playbooks, inventory. Nothing ran."),
    ("2", "A host failed, whether or not others could be reached."),
    ("3", "Something would change (with --exit-on-change)."),
    ("4", "A host could not be reached."),
    ("130", "It was interrupted."),
)
_ENVIRONMENT: Final = (
    ("JET_SSH_USER, JET_SSH_PORT", "Whom to log in as and at which port, where neither flags nor the inventory tell."),
    (
        "JET_SSH_PRIVATE_KEY_PASSPHRASE, JET_SSH_KEY_COMMENT",
        "What opens a private key; which key of the agent to take.",
    ),
    ("JET_THREADS", "How many hosts are worked on at once."),
    ("JET_LOCK_TIMEOUT", "Seconds to wait for another run on a host, or off."),
    ("JET_ROLES_PATH, JET_MODULES_PATH", "Folders of roles and of external modules, with colons between."),
    ("JET_LOG", "The file for the events of a run, as JSON lines, instead of the one in the run's folder."),
    ("JET_PLAIN, NO_COLOR", "Plain sentences for screen readers; no colours."),
    (
        "JETPACK_AGE_IDENTITY, JETPACK_AGE_IDENTITY_FILE, JETPACK_AGE_IDENTITY_CMD",
        "The private key that opens secrets, the file it is in, or a command that prints it.",
    ),
    ("JETPACK_AGE_PLUGINS", "Names of age plugins that may run, such as yubikey."),
)
_FILES: Final = (
    (".jetpack.yml", "The settings of a project, so that its verbs need no flags."),
    (".jetpack-secrets.yml", "Who can read which secrets of a project."),
    ("~/.config/jetpack/identity.txt", "Your private key for secrets."),
    ("~/.local/state/jetpack/runs", "A folder for each of the last fifty runs, with its events."),
)


def page() -> str:
    """Return the page in the macros of man(7); it tells of what is built in, whatever plugins are installed."""
    context = main.make_context("jetpack", [], resilient_parsing=True)
    return "\n".join([*_head(context), *_verbs(context), *_tail()]) + "\n"


def _head(context: click.Context) -> Iterator[str]:
    yield '.\\" Written by python -m jetpack_core.cli.manual; edit the code.'
    yield f'.TH JETPACK 1 "" "Jetpack {escaped(__version__)}" "Jetpack"'
    yield from (".SH NAME", "jetpack, jetp \\- make hosts what playbooks, roles and inventories say they are")
    yield from (".SH SYNOPSIS", ".B jetpack", "[\\fIOPTIONS\\fR] \\fIVERB\\fR [\\fIARGUMENTS\\fR]")
    yield ".SH DESCRIPTION"
    yield from _prose(context.command)
    yield from (".SH OPTIONS", *_options(context))


def _verbs(context: click.Context) -> Iterator[str]:
    yield ".SH VERBS"
    older = ", ".join(f"{old} for {new}" for old, new in ALIASES.items())
    yield from _paragraph(f"Older names work as well: {older}.")
    for name in sorted(Registry().entries(Kind.COMMAND)):
        yield from _verb(name, main.get_command(context, name), context)


def _verb(name: str, command: click.Command | None, parent: click.Context) -> Iterator[str]:
    if command is None:
        return
    context = click.Context(command, parent, info_name=name)
    usage = " ".join([context.command_path, *command.collect_usage_pieces(context)])
    yield f'.SS "{escaped(usage)}"'
    yield from _prose(command)
    yield from _options(context)
    if isinstance(command, click.Group):
        for sub in sorted(command.list_commands(context)):
            yield from _verb(sub, command.get_command(context, sub), context)


def _options(context: click.Context) -> Iterator[str]:
    left_out = set() if context.parent is None else {"help", "traceback"}
    for param in context.command.get_params(context):
        record = param.get_help_record(context)
        # Arguments stand in the usage; few have a text of their own.
        if record is not None and record[1] and param.name not in left_out:
            yield from _item(*record)


def _prose(command: click.Command) -> Iterator[str]:
    for part in re.split(r"\n\s*\n", inspect.cleandoc(command.help or "")):
        # A line with this mark keeps the lines of its paragraph as they are.
        if part.startswith("\b\n"):
            yield from (".PP", ".nf", *map(_line, part.splitlines()[1:]), ".fi")
        else:
            yield from _paragraph(part)


def _paragraph(text: str) -> Iterator[str]:
    yield from (".PP", _line(" ".join(text.split())))


def _item(term: str, text: str) -> Iterator[str]:
    yield from (".TP", f"\\fB{escaped(term)}\\fR", _line(" ".join(text.split())))


def _tail() -> Iterator[str]:
    for title, rows in (("EXIT STATUS", _EXIT), ("ENVIRONMENT", _ENVIRONMENT), ("FILES", _FILES)):
        yield f".SH {title}"
        for term, text in rows:
            yield from _item(term, text)
    yield ".SH SEE ALSO"
    yield from _paragraph(
        "`jetpack VERB --help` explains a verb, `jetpack doc NAME` a module. ssh(1), ssh_config(5), ssh-agent(1)"
    )


def escaped(text: str) -> str:
    """Return a text that roff prints as it is."""
    for character, name in (
        ("\\", "\\e"),
        ("-", "\\-"),
        ('"', "\\(dq"),
        ("^", "\\(ha"),
        ("~", "\\(ti"),
        ("`", "\\(ga"),
    ):
        text = text.replace(character, name)
    return text


def _line(text: str) -> str:
    """Return a line of text; one that begins as a request would is told apart."""
    made = escaped(text)
    return f"\\&{made}" if made.startswith((".", "'")) else made


def write_manual() -> None:
    """Write the page where wheels take it from."""
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    write_manual()
