# SPDX-License-Identifier: GPL-3.0-or-later
"""`jetpack secrets rekey`: encrypt secrets for those whom the rules name now; all of them or none."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from jetpack_core.cli import options
from jetpack_core.cli.failures import FINE, WRONG_INPUT
from jetpack_core.cli.secrets.common import (
    PATH,
    count,
    make_keeper,
    project_root,
    recipient_options,
)

if TYPE_CHECKING:
    from jetpack_core.secret_files.keeper import Keeper


@click.command("rekey")
@click.argument("paths", nargs=-1, type=PATH)
@click.option("--check", is_flag=True, help="Change nothing; exit with 1 if something is not for whom the rules say.")
@click.option("--force", is_flag=True, help="Also encrypt anew what is for the right recipients.")
@click.option("--bind", is_flag=True, help="Also write its place into each value that does not say where it belongs.")
@click.option("--accept-moved", is_flag=True, help="Take values that were moved as belonging where they are now.")
@options.identity_option()
@recipient_options()
def command(paths: tuple[Path, ...], check: bool, **flags: Any) -> int:
    """Encrypt the secrets in PATHS for those whom the rules name now; in the whole project if no path is given.

    Everything is encrypted first and written then: if one value cannot be decrypted, no file is changed. What is
    known to be for the right recipients is left alone. Whoever could read a secret before may have kept it: after
    taking somebody away, change the secrets themselves, too.
    """
    from jetpack_core.content.files import shown
    from jetpack_core.secret_files import atomic
    from jetpack_core.secret_files.discovery import secret_files
    from jetpack_core.secret_files.rekeying import RekeyOptions, rekeyed

    options = RekeyOptions(**{name: flags.pop(name) for name in ("force", "bind", "accept_moved")})
    start = paths[0] if paths else Path.cwd()
    keeper = make_keeper(start, **flags)
    files = secret_files(paths or [project_root(start)])
    if check:
        return _check(keeper, files)
    result = rekeyed(keeper, files, options)
    atomic.write_all(result.contents)
    for file in result.contents:
        click.echo(f"rekeyed {shown(file)}")
    click.echo(f"{count(result.values, 'secret')} encrypted anew, {result.kept} left alone", err=True)
    return FINE


def _check(keeper: Keeper, files: list[Path]) -> int:
    from jetpack_core.secret_files.rekeying import doubts

    wrong = unknown = 0
    for doubt in doubts(keeper, files):
        wrong += doubt.certain
        unknown += not doubt.certain
        click.echo(f"{doubt.position}: {doubt.message}", err=not doubt.certain)
    click.echo(f"{count(len(files), 'file')}: {wrong} to rekey, {unknown} cannot be told", err=True)
    return WRONG_INPUT if wrong else FINE
