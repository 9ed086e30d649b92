# SPDX-License-Identifier: GPL-3.0-or-later
"""`jetpack secrets decrypt`: write secrets in clear."""

from __future__ import annotations

from pathlib import Path

import click

from jetpack_core.cli import options
from jetpack_core.cli.secrets.common import PATH, count, echo_exactly, make_keeper
from jetpack_core.errors import UsageError


@click.command("decrypt")
@click.argument("file", type=PATH)
@click.option("-k", "--key", "keys", multiple=True, metavar="KEY", help="Decrypt this value only; repeatable.")
@click.option("-o", "--output", metavar="FILE", help="Write there, or to standard output: `-`; FILE stays as it is.")
@options.identity_option()
def command(file: Path, keys: tuple[str, ...], output: str | None, identity: tuple[Path, ...]) -> None:
    """Put the values of the YAML file FILE in clear, or make FILE of the encrypted FILE.age and remove that.

    What is written is readable by you alone. To look at secrets, use `view`; to change them, `edit`.
    """
    from jetpack_core.secret_files import atomic
    from jetpack_core.secret_files.keeper import SUFFIX, read_file
    from jetpack_core.secrets import age

    keeper = make_keeper(file, identity=identity)
    content = read_file(file)
    whole = age.is_age(content) or file.suffix == SUFFIX
    if whole and keys:
        raise UsageError(f"{file} is encrypted as a whole, and has no keys")
    if whole and output is None and file.suffix != SUFFIX:
        raise UsageError(f"the name of {file} does not end with {SUFFIX}", hint="say where to write it: -o FILE")
    clear = keeper.open_file(content, file) if whole else _values_in_clear(file, content, keys, identity)
    if output == "-":
        echo_exactly(clear)
    elif output is not None:
        atomic.write_new(Path(output), clear)
    elif whole:
        atomic.write_new(file.with_suffix(""), clear)
        file.unlink()
        click.echo(f"wrote {file.with_suffix('')} in clear and removed {file}", err=True)
    else:
        atomic.write(file, clear, private=True)


def _values_in_clear(file: Path, content: bytes, paths: tuple[str, ...], identity: tuple[Path, ...]) -> bytes:
    from jetpack_core.secret_files.document import Document

    keeper = make_keeper(file, identity=identity)
    document = Document(content, str(file))
    chosen = [one for path in paths for one in document.under(document.keys(path))] if paths else document.sealed
    clear = keeper.open_all(document, file, values=[value for value in chosen if value.sealed])
    if not clear:
        raise UsageError(f"{file} has no encrypted values" + (" there" if paths else ""))
    click.echo(f"{count(len(clear), 'value')} in clear", err=True)
    return document.with_clear({keys: opened.text for keys, opened in clear.items()}, tagged=False).encode()
