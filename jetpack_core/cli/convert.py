# SPDX-License-Identifier: GPL-3.0-or-later
"""`jetpack convert`: come from another tool."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from jetpack_core.cli.failures import FINE
from jetpack_core.errors import UsageError

if TYPE_CHECKING:
    from jetpack_core.conversion.ledger import Entry
    from jetpack_core.conversion.project import Converted

LEFT: Final = 2
"""The exit code when something was not converted."""
REPORT: Final = "CONVERSION.md"


@click.group("convert", short_help="Turn the content of other tools into Jetpack's.")
def command() -> None:
    """Turn the content of other tools into Jetpack's."""


@command.command("ansible")
@click.argument("source", type=click.Path(path_type=Path, exists=True), metavar="FILE_OR_FOLDER")
@click.option("-o", "--output", type=click.Path(path_type=Path, file_okay=False), help="The new folder.")
def ansible(source: Path, output: Path | None) -> int:
    """Turn Ansible's playbooks, roles, inventories, variables and templates into Jetpack's.

    A folder is converted as a project, into a folder that --output names. One file alone is printed unless --output
    is given. The original is only read.

    What has no counterpart becomes a comment with the original text, and is listed on standard error with its place,
    the reason, and what to write instead; the new folder gets the list as CONVERSION.md. Ends with 2 if there is such,
    else with 0.
    """
    from jetpack_core.conversion.project import Project, convert_file

    if source.is_dir() and output is None:
        raise UsageError("a folder needs a new folder to go to", hint=f"say: jetpack convert ansible {source} -o NEW")
    if output is not None:
        _check_output(source, output)
    made = Project(source).convert() if source.is_dir() else convert_file(source)
    if output is not None:
        _write(made, output)
    elif len(made.files) > 1:
        raise UsageError("an inventory becomes several files", hint=f"say: jetpack convert ansible {source} -o NEW")
    else:
        for text in made.files.values():
            click.echo(text, nl=False)
    return _tell(made, output)


def _check_output(source: Path, output: Path) -> None:
    if output.exists() and any(output.iterdir()):
        raise UsageError(f"{output} is not empty", hint="nothing is overwritten; choose another folder")
    if source.is_dir() and output.resolve().is_relative_to(source.resolve()):
        raise UsageError(f"{output} is inside of {source}", hint="choose a folder elsewhere")


def _write(made: Converted, output: Path) -> None:
    for name, content in made.files.items():
        path = output / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode() if isinstance(content, str) else content)
            path.chmod(path.stat().st_mode | (0o111 if name in made.executable else 0))
        except OSError as error:
            raise UsageError(f"cannot make {path}: {error.strerror}") from None
    (output / REPORT).write_text(_report(made), encoding="utf-8")


def _entries(made: Converted) -> tuple[list[Entry], list[Entry]]:
    from jetpack_core.conversion.ledger import Kind

    return made.ledger.entries(Kind.LEFT), made.ledger.entries(Kind.LOOK)


def _tell(made: Converted, output: Path | None) -> int:
    left, look = _entries(made)
    for title, entries in (("not converted:", left), ("converted, and worth a look:", look)):
        if entries:
            click.secho(title, err=True, bold=True)
        for entry in entries:
            click.echo(f"  {entry.position.file}:{entry.position.line}: {entry.what}: {entry.why}", err=True)
            if entry.instead:
                click.echo(f"    hint: {entry.instead}", err=True)
    if output is not None:
        click.echo(f"made {len(made.files)} files in {output}; the list is in {output / REPORT}", err=True)
        click.echo(f"next: cd {output} && jetpack check", err=True)
    click.echo(f"{len(left)} not converted, {len(look)} worth a look", err=True)
    return LEFT if left else FINE


def _report(made: Converted) -> str:
    left, look = _entries(made)
    lines = ["# What the conversion left to do", ""]
    for title, entries in (("Not converted", left), ("Converted, and worth a look", look)):
        lines += [f"## {title}", ""]
        lines += [
            f"- [ ] `{one.position.file}:{one.position.line}` {one.what}: {one.why}"
            + (f". Instead: {one.instead}" if one.instead else "")
            for one in entries
        ] or ["Nothing."]
        lines.append("")
    return "\n".join(lines)
