# SPDX-License-Identifier: GPL-3.0-or-later
"""`jetpack secrets keygen`: make a private key and say for whom others then encrypt."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import click

from jetpack_core.cli.secrets.common import PATH

_NEXT: Final = """\
wrote {file}: keep a copy of it in a safe place, as what is encrypted for it alone is lost with it

next, say for whom secrets are, in .jetpack-secrets.yml at the top of your project:

recipients:
  {user}: {recipient}
rules:
  - paths: "**"
    recipients: [{user}]"""


@click.command("keygen")
@click.option("-o", "--output", type=PATH, help="Where to write it; ~/.config/jetpack/identity.txt if not said.")
def command(output: Path | None) -> None:
    """Make a private key of your own, and print its public half, the recipient that others encrypt for.

    The file is readable by you alone. A file that is there already is never overwritten.
    """
    file = output
    if file is None:
        from jetpack_core.cli.secret_keys import user_identities

        file = user_identities((), lambda _value, _label: None).usual_files()[0]
    public = make_key(file)
    click.echo(public)
    user = os.environ.get("USER") or "me"
    click.echo(_NEXT.format(file=file, recipient=public, user=user), err=True)


def make_key(file: Path) -> str:
    """Write a new private key into a file that is not there yet, and return its recipient. Raises UsageError."""
    from datetime import UTC, datetime

    from jetpack_core.secret_files.atomic import write_new
    from jetpack_core.secrets.age import generate_key

    private, public = generate_key()
    stamp = datetime.now(UTC).isoformat(timespec="seconds")
    write_new(file, f"# created: {stamp}\n# public key: {public}\n{private}\n".encode())
    return public
