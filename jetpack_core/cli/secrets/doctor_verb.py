# SPDX-License-Identifier: GPL-3.0-or-later
"""`jetpack secrets doctor`: check keys, rules and files, and say what to do."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from jetpack_core.cli import options
from jetpack_core.cli.failures import FINE, WRONG_INPUT
from jetpack_core.cli.secrets.common import count, make_keeper, project_root
from jetpack_core.errors import JetpackError, SecretError

if TYPE_CHECKING:
    from jetpack_core.secret_files.keeper import Keeper
    from jetpack_core.secret_files.rules import Rules


@click.command("doctor")
@options.identity_option()
def command(identity: tuple[Path, ...]) -> int:
    """Check your keys, the rules, whether your keys open the project's secrets, and what may leak."""
    from jetpack_core.secret_files.rules import find_rules

    rules = find_rules(Path.cwd())
    keeper = make_keeper(Path.cwd(), identity=identity)
    troubles = [
        *_keys(keeper, rules), *_rules(rules), *_files(keeper, project_root(Path.cwd())),
        *_leaks(), *_plugins(rules),
    ]  # fmt: skip
    _git()
    for trouble in troubles:
        click.echo(f"{click.style('problem:', fg='red')} {trouble}")
    click.echo(count(len(troubles), "problem"))
    return WRONG_INPUT if troubles else FINE


def _fine(text: str) -> None:
    click.echo(f"{click.style('fine:', fg='green')} {text}")


def _keys(keeper: Keeper, rules: Rules) -> Iterator[str]:
    try:
        loaded = keeper.identities.loaded()
    except SecretError as error:
        yield str(error)
        return
    for one in loaded:
        _fine(f"key {one.name}" + (f": {one.public}" if one.public else ""))
    if not loaded:
        yield "there is no private key that needs no passphrase\n  hint: jetpack secrets keygen"
    mine = {one.public for one in loaded if one.public}
    if mine and rules.file and not mine & {one.text for one in rules.recipients}:
        yield "none of your age keys is among the recipients\n  hint: add yours, and have somebody rekey"


def _rules(rules: Rules) -> Iterator[str]:
    from jetpack_core.content.files import shown
    from jetpack_core.secrets.binding import RULES_FILE

    if rules.file is None:
        yield f"there is no {RULES_FILE} here or above\n  hint: `jetpack secrets keygen` shows how to begin"
        return
    _fine(f"{shown(rules.file)}: {count(len(rules.recipients), 'recipient')}, {count(len(rules.rules), 'rule')}")
    for rule in rules.rules:
        if len(rule.recipients) == 1:
            click.echo(f"note: {rule.position}: one recipient only; if that key is lost, so are the secrets")


def _files(keeper: Keeper, root: Path) -> Iterator[str]:
    from jetpack_core.secret_files.discovery import secret_files, small_content
    from jetpack_core.secret_files.scanning import Known, breaches, gather

    files = secret_files([root])
    try:
        closed = gather(keeper, files, Known(), small_content)
    except JetpackError as error:
        yield str(error)
        return
    yield from (f"{position}: {reason}" for position, reason in closed.items())
    for file in files:
        for problem in breaches(keeper, file, small_content(file) or b""):
            yield f"{problem.position}: {problem.message}\n  hint: {problem.hint}"
    if files and not closed:
        _fine(f"your keys open the secrets of {count(len(files), 'file')}")


def _leaks() -> Iterator[str]:
    from jetpack_core.secret_files.private import in_memory, left_over

    for folder in left_over(os.environ):
        yield f"{folder} may hold secrets in clear: an edit was killed\n  hint: rm -r {folder}"
    if in_memory(os.environ):
        _fine("what `edit` shows stays in memory")
    else:
        yield "there is no folder in memory, so `edit` writes clear text to the disk"


def _git() -> None:
    from jetpack_core.cli.secrets.git_setup_verb import SETTINGS

    if not Path(".git").exists() and not any((one / ".git").exists() for one in Path.cwd().parents):
        return
    for name in SETTINGS:
        try:
            done = subprocess.run(["git", "config", name], capture_output=True, check=False)
        except OSError:
            return
        if done.returncode:
            click.echo("note: git shows secrets encrypted; `jetpack secrets git-setup` changes that")
            return
    _fine("git shows and merges secrets")


def _plugins(rules: Rules) -> Iterator[str]:
    for name in rules.plugins:
        if shutil.which(f"age-plugin-{name}") is None:
            yield f"the age plugin {name} is allowed, and age-plugin-{name} is not on the PATH"
