# SPDX-License-Identifier: GPL-3.0-or-later
"""`jetpack secrets set`: set one value, which never stands on the command line."""

from __future__ import annotations

from pathlib import Path

import click

from jetpack_core.cli.secrets.common import PATH, check_no_json, make_keeper, read_value, recipient_options
from jetpack_core.errors import UsageError


@click.command("set")
@click.argument("file", type=PATH)
@click.argument("key")
@click.option("--from", "source", type=PATH, help="Take the value from this file, every character of it.")
@recipient_options()
def command(file: Path, key: str, source: Path | None, recipients: tuple[str, ...], passphrase: bool) -> None:
    """Set the value of KEY, such as db.password or users.0.token, in the YAML file FILE, encrypted.

    The value is typed, or read from standard input; never give it on the command line, where others see it.
    FILE and KEY are made if they are not there. Nothing else in FILE changes, and no private key is needed.
    """
    from jetpack_core.secret_files import atomic
    from jetpack_core.secret_files.document import Document
    from jetpack_core.secret_files.keeper import SUFFIX, decoded, read_file
    from jetpack_core.secrets import age

    check_no_json(file)
    keeper = make_keeper(file, recipients=recipients, passphrase=passphrase)
    content = read_file(file) if file.exists() else b""
    if age.is_age(content) or file.suffix == SUFFIX:
        raise UsageError(f"{file} is encrypted as a whole", hint=f"jetpack secrets edit {file}")
    document = Document(content, str(file))
    keys = document.keys(key)
    if keys in document.containers:
        raise UsageError(f"{key} in {file} is a list or mapping", hint="name a key below it")
    keeper.audience(file)
    text = decoded(read_file(source), source) if source else read_value(f"Value of {key}")
    armor = keeper.seal(text, file, keys)
    known = keys in document.values
    atomic.write(file, (document.with_sealed({keys: armor}) if known else document.with_new(keys, armor)).encode())
    click.echo(f"{'changed' if known else 'added'} {key} in {file}", err=True)
