# SPDX-License-Identifier: GPL-3.0-or-later
"""`jetpack secrets git-setup`: let git show and merge secrets."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from jetpack_core.cli.secrets.common import project_root
from jetpack_core.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

DRIVER: Final = "jetpack-secrets"
SETTINGS: Final = {
    f"diff.{DRIVER}.textconv": "jetpack secrets diff --textconv",
    f"merge.{DRIVER}.name": "merge secrets by what they say",
    f"merge.{DRIVER}.driver": "jetpack secrets merge %O %A %B --path %P",
}


@click.command("git-setup")
@click.option("--write", is_flag=True, help="Write it into this clone's configuration and .gitattributes.")
def command(write: bool) -> None:
    """Print what makes `git diff` show secrets in clear to those with a key, and `git merge` understand them.

    The configuration is each clone's own; .gitattributes is for all of them and belongs into git.
    """
    from jetpack_core.secret_files.rules import find_rules

    rules = find_rules(Path.cwd())
    patterns = dict.fromkeys(pattern for rule in rules.rules for pattern in rule.patterns) or ["*.yml", "*.yaml"]
    lines = [f"{_pattern(one)} diff={DRIVER} merge={DRIVER}" for one in dict.fromkeys(["*.age", *patterns])]
    file = project_root(Path.cwd()) / ".gitattributes"
    if write:
        _write(file, lines)
        return
    for name, value in SETTINGS.items():
        click.echo(f'git config {name} "{value}"')
    click.echo("\n" + "\n".join([f"# {file}", *lines]))


def _pattern(pattern: str) -> str:
    """Return a pattern as git writes it."""
    return f'"{pattern}"' if " " in pattern else pattern


def _write(file: Path, lines: Sequence[str]) -> None:
    from jetpack_core.secret_files import atomic

    for name, value in SETTINGS.items():
        done = subprocess.run(["git", "config", "--local", name, value], capture_output=True, text=True, check=False)
        if done.returncode:
            raise UsageError(f"git config: {done.stderr.strip()}", hint="run it inside of a git repository")
    before = file.read_text(encoding="utf-8") if file.exists() else ""
    missing = [line for line in lines if line not in before.splitlines()]
    if missing:
        head = before if not before or before.endswith("\n") else before + "\n"
        new = not file.exists()
        atomic.write(file, (head + "".join(f"{line}\n" for line in missing)).encode())
        if new:
            file.chmod(0o644)
    click.echo(f"git is set up; {file} has {len(missing)} new lines", err=True)
