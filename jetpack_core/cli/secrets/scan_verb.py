# SPDX-License-Identifier: GPL-3.0-or-later
"""`jetpack secrets scan`: find secrets that stay in clear, before they are committed."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from jetpack_core.cli import options
from jetpack_core.cli.failures import FINE, WRONG_INPUT
from jetpack_core.cli.invocation import warn
from jetpack_core.cli.secrets.common import PATH, count, make_keeper, project_root
from jetpack_core.errors import UsageError

if TYPE_CHECKING:
    from jetpack_core.errors import Problem
    from jetpack_core.secret_files.keeper import Keeper
    from jetpack_core.secret_files.scanning import Known

Reader = Callable[[Path], bytes | None]


@click.command("scan")
@click.argument("files", nargs=-1, type=PATH)
@click.option("--staged", is_flag=True, help="Look at what git would commit, not at what the files hold now.")
@click.option("--min-length", type=click.IntRange(min=4), default=6, help="Look for secrets at least this long; 6.")
@options.identity_option()
def command(files: tuple[Path, ...], staged: bool, min_length: int, identity: tuple[Path, ...]) -> int:
    """Find secrets that stay in clear in FILES, or in all files of the project; exit with 1 if there are any.

    Found are files and values that a rule wants encrypted, private keys, and copies of secrets that your keys open,
    also as base64, hex, URL or JSON. Without a key only the rules are checked. Good as a hook before commits.
    """
    from jetpack_core.secret_files.discovery import secret_files, small_content
    from jetpack_core.secret_files.scanning import Known, gather

    root = project_root(Path.cwd())
    keeper = make_keeper(Path.cwd(), identity=identity)
    known = Known(min_length)
    closed = gather(keeper, secret_files([root]), known, small_content)
    if closed:
        position, error = next(iter(closed.items()))
        warn(f"copies of {count(len(closed), 'secret')} are not looked for: {position}: {error.message}")
    chosen = _staged_files() if staged and not files else list(files) or _all_files(root)
    found = list(_problems(keeper, known, chosen, _staged_content if staged else small_content))
    for problem in found:
        click.echo(_without_text(problem))
    click.echo(f"{count(len(chosen), 'file')}: {count(len(found), 'problem')}", err=True)
    return WRONG_INPUT if found else FINE


def _without_text(problem: Problem) -> str:
    """Return a problem without its line, which may hold the secret."""
    return f"{problem.position}: {problem.message}" + (f"\n    hint: {problem.hint}" if problem.hint else "")


def _problems(keeper: Keeper, known: Known, files: Sequence[Path], read: Reader) -> Iterator[Problem]:
    from jetpack_core.content.files import shown
    from jetpack_core.secret_files.scanning import breaches

    passed_over = []
    for file in files:
        content = read(file)
        if content is not None:
            yield from breaches(keeper, file, content)
            yield from known.copies(file, content)
        elif file.is_file():
            passed_over.append(file)
    if passed_over:
        names = ", ".join(shown(file) for file in passed_over)
        warn(f"not looked into, as too large or not readable: {names}")


def _all_files(root: Path) -> list[Path]:
    """Return the files that git has or would take, or all where there is no git."""
    from jetpack_core.secret_files.discovery import files_below

    listed = _git("ls-files", "-z", "--cached", "--others", "--exclude-standard", folder=root)
    return list(files_below(root)) if listed is None else [root / name for name in listed.split("\0") if name]


def _staged_files() -> list[Path]:
    listed = _git("diff", "--cached", "--name-only", "--relative", "-z", "--diff-filter=d", folder=Path.cwd())
    if listed is None:
        raise UsageError("--staged needs a git repository")
    return [Path(name) for name in listed.split("\0") if name]


def _staged_content(file: Path) -> bytes | None:
    try:
        done = subprocess.run(["git", "show", f":./{file.name}"], cwd=file.parent, capture_output=True, check=False)
    except OSError:
        return None
    return None if done.returncode else done.stdout


def _git(*words: str, folder: Path) -> str | None:
    try:
        done = subprocess.run(["git", *words], cwd=folder, capture_output=True, check=False)
    except OSError:
        return None
    return None if done.returncode else done.stdout.decode("utf-8", "surrogateescape")
