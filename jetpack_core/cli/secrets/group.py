# SPDX-License-Identifier: GPL-3.0-or-later
"""`jetpack secrets`: keep secrets in files, encrypted for those who may read them."""

from __future__ import annotations

import importlib
from typing import Final, cast

import click

VERBS: Final = {
    "decrypt": "Write secrets in clear.",
    "diff": "Show which secrets differ from an earlier version.",
    "doctor": "Check keys, rules and files, and say what to do.",
    "edit": "Edit secrets in your editor.",
    "encrypt": "Encrypt a file, or values of it.",
    "git-setup": "Let git show and merge secrets.",
    "import-vault": "Convert what ansible-vault encrypted.",
    "keygen": "Make a key of your own.",
    "merge": "Merge two versions of a file; git calls this.",
    "recipients": "List who can read which secrets.",
    "rekey": "Encrypt secrets anew for whom the rules name.",
    "scan": "Find secrets that stay in clear.",
    "set": "Set one value.",
    "view": "Print secrets in clear.",
}


class LazyVerbs(click.Group):
    """A group whose verbs are each imported when they are used."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Return the names of the verbs."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Return a verb, or None where there is none."""
        if cmd_name not in VERBS:
            return None
        module = importlib.import_module(f"jetpack_core.cli.secrets.{cmd_name.replace('-', '_')}_verb")
        return cast("click.Command", module.command)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Write the list of verbs without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(VERBS.items()))


@click.group("secrets", cls=LazyVerbs, short_help="Keep secrets in files, encrypted for those who may read them.")
def command() -> None:
    """Keep secrets in files, encrypted in the age format for those who may read them.

    Values stand in YAML files as `password: !age |` with their keys in clear; whole files are called NAME.age.
    Who may read them is said by `.jetpack-secrets.yml`. Begin with `jetpack secrets keygen`.
    """
    import contextlib
    import resource

    # A crash must not leave a picture of the memory on the disk.
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
