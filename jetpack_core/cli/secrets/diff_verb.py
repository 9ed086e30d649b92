# SPDX-License-Identifier: GPL-3.0-or-later
"""`jetpack secrets diff`: which secrets differ from an earlier version, and git's way to show it."""

from __future__ import annotations

import difflib
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from jetpack_core.cli import options
from jetpack_core.cli.secrets.common import PATH, echo_exactly, make_keeper
from jetpack_core.errors import JetpackError, UsageError

if TYPE_CHECKING:
    from jetpack_core.secret_files.keeper import Keeper
    from jetpack_core.secret_files.spans import Keys


@click.command("diff")
@click.argument("file", type=PATH)
@click.option("--rev", default="HEAD", metavar="COMMIT", help="Compare with this version of git; HEAD if not said.")
@click.option("--show", is_flag=True, help="Show the values in clear, not only which of them differ.")
@click.option("--textconv", is_flag=True, help="Print FILE in clear, or as it is where no key opens it; for git.")
@options.identity_option()
def command(file: Path, rev: str, show: bool, textconv: bool, identity: tuple[Path, ...]) -> None:
    """Tell which secrets of FILE differ from its version in git, by what they say, not by how they are encrypted."""
    from jetpack_core.secret_files.keeper import read_file

    keeper = make_keeper(file, identity=identity)
    now = read_file(file)
    if textconv:
        echo_exactly(_converted(keeper, file, now))
        return
    before = _version(file, rev)
    if show:
        old, new = (_text(keeper, file, content).decode("utf-8", "replace") for content in (before, now))
        lines = difflib.unified_diff(
            old.splitlines(keepends=True), new.splitlines(keepends=True), f"{file} ({rev})", str(file)
        )
        sys.stdout.writelines(line if line.endswith("\n") else f"{line}\n" for line in lines)
    else:
        _tell(_values(keeper, file, before), _values(keeper, file, now))


def _converted(keeper: Keeper, file: Path, content: bytes) -> bytes:
    """Return the content in clear; as it is where that is not possible, so that git still shows something."""
    try:
        return _text(keeper, file, content)
    except JetpackError:
        return content


def _text(keeper: Keeper, file: Path, content: bytes) -> bytes:
    from jetpack_core.secret_files.discovery import holds_values
    from jetpack_core.secret_files.document import Document
    from jetpack_core.secret_files.editing import revealed
    from jetpack_core.secrets import age

    if age.is_age(content):
        return keeper.identities.decrypt(content)
    if not holds_values(content):
        return content
    document = Document(content, str(file))
    # git hands over temporary copies, so the place of a value means nothing here.
    return revealed(document, keeper.open_all(document, file, anywhere=True)).encode()


def _version(file: Path, rev: str) -> bytes:
    """Return a file as git has it. Raises UsageError where git or the version is missing."""
    words = ["git", "show", f"{rev}:./{file.name}"]
    try:
        done = subprocess.run(words, cwd=file.parent, capture_output=True, check=False)
    except OSError as error:
        raise UsageError(f"git cannot be run: {error.strerror}") from None
    if done.returncode:
        raise UsageError(f"git: {done.stderr.decode('utf-8', 'replace').strip()}")
    return done.stdout


def _values(keeper: Keeper, file: Path, content: bytes) -> dict[Keys, str]:
    from jetpack_core.secret_files.document import Document
    from jetpack_core.secrets import age

    if age.is_age(content):
        text = keeper.identities.decrypt(content)
        return {(): text.decode("utf-8", "surrogateescape")}
    document = Document(content, str(file))
    return {keys: one.text for keys, one in keeper.open_all(document, file, anywhere=True).items()}


def _tell(before: dict[Keys, str], now: dict[Keys, str]) -> None:
    from jetpack_core.secret_files.document import shown_keys

    for keys in [*before, *(keys for keys in now if keys not in before)]:
        if keys not in now:
            click.echo(f"- {shown_keys(keys)}")
        elif keys not in before:
            click.echo(f"+ {shown_keys(keys)}")
        elif before[keys] != now[keys]:
            click.echo(f"~ {shown_keys(keys)}")
