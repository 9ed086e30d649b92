# SPDX-License-Identifier: GPL-3.0-or-later
"""`jetpack secrets view`: print secrets in clear."""

from __future__ import annotations

from pathlib import Path

import click

from jetpack_core.cli import options
from jetpack_core.cli.secrets.common import PATH, echo_exactly, make_keeper
from jetpack_core.errors import UsageError


@click.command("view")
@click.argument("file", type=PATH)
@click.argument("key", required=False)
@options.identity_option()
def command(file: Path, key: str | None, identity: tuple[Path, ...]) -> None:
    """Print FILE with its secrets in clear, or only the value of KEY, such as db.password."""
    from jetpack_core.secret_files.document import Document
    from jetpack_core.secret_files.keeper import SUFFIX, read_file
    from jetpack_core.secrets import age

    keeper = make_keeper(file, identity=identity)
    content = read_file(file)
    whole = age.is_age(content) or file.suffix == SUFFIX
    if whole:
        content = keeper.open_file(content, file)
        if key is None:
            echo_exactly(content)
            return
    document = Document(content, str(file), clear=whole)
    if key is None:
        clear = keeper.open_all(document, file)
        echo_exactly(document.with_clear({keys: one.text for keys, one in clear.items()}, tagged=False).encode())
        return
    values = document.under(document.keys(key))
    if len(values) != 1 or values[0].keys != document.keys(key):
        raise UsageError(f"{key} in {file} is no single value", hint="name a key below it")
    text = keeper.open_all(document, file, values=values)[values[0].keys].text if values[0].sealed else values[0].text
    echo_exactly(text.encode())
