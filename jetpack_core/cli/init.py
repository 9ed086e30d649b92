# SPDX-License-Identifier: GPL-3.0-or-later
"""`jetpack init`: begin a project that runs as it is."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final

import click

from jetpack_core.cli.init_files import BESIDES, SECRET, SECRETS, project_files, rules_text
from jetpack_core.errors import JetpackError, UsageError

_RULES: Final = ".jetpack-secrets.yml"
_KEYS: Final = ("JETPACK_AGE_IDENTITY", "JETPACK_AGE_IDENTITY_FILE", "JETPACK_AGE_IDENTITY_CMD")
_NEXT: Final = """\
Next, in {folder}:
  jetpack check            finds mistakes without touching a host
  jetpack check-local      shows what would change on this machine, which is safe to try
  jetpack local            changes it; the second time everything matches
Then name your hosts in inventory/groups/web, and:
  jetpack doctor           tells whether they can be reached, and what to do where not
  jetpack plan --diff      shows what would change on them
  jetpack apply            changes it
`jetpack doc` lists the modules."""
_MADE_KEY: Final = """\

made the private key {file}, for you alone, which decrypts {secrets}.
Keep a copy of it in a safe place: what is encrypted for it alone is lost with it."""


@click.command("init", short_help="Begin a project.")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False), default=".")
@click.option("--no-secrets", is_flag=True, help="Leave out the encrypted value, and make no key.")
def command(folder: Path, no_secrets: bool) -> None:
    """Begin a project in FOLDER, or in the current one.

    Makes .jetpack.yml, an inventory, a playbook, a role, an encrypted value, and checks before each commit and in CI,
    which work as they are. Files that are there already are never overwritten: where one is in the way, nothing is
    made, and those that only go with a project, such as .gitignore, are left as they are.

    The value is encrypted for your age key. If you have none, one is made in ~/.config/jetpack/identity.txt, as
    `jetpack secrets keygen` does.
    """
    _refuse_what_is_there(folder, secrets=not no_secrets)
    made, recipient = (None, "") if no_secrets else _key()
    files = project_files(secrets=bool(recipient))
    if recipient:
        files[_RULES] = rules_text(_user(), recipient)
    for name, content in files.items():
        if name in BESIDES and os.path.lexists(folder / name):
            click.echo(f"left {folder / name} as it was")
            continue
        _write(folder / name, content)
        click.echo(f"made {folder / name}")
    if recipient:
        # It says which project it belongs to, so the project has to be there.
        _write(folder / SECRETS, _sealed(folder / SECRETS))
        click.echo(f"made {folder / SECRETS}")
    if made is not None:
        click.echo(_MADE_KEY.format(file=made, secrets=SECRETS), err=True)
    click.echo(f"\n{_NEXT.format(folder=folder.resolve())}", err=True)


def _refuse_what_is_there(folder: Path, *, secrets: bool) -> None:
    names = [*project_files(secrets=secrets), *((_RULES, SECRETS) if secrets else ())]
    there = [name for name in names if name not in BESIDES and os.path.lexists(folder / name)]
    if there:
        raise UsageError(f"{folder / there[0]} is there already", hint="nothing was made; choose another folder")


def _key() -> tuple[Path | None, str]:
    """Return the file of a key that had to be made, and the recipient of the user's key; empty where it has none."""
    from jetpack_core.cli.invocation import invocation, warn
    from jetpack_core.cli.secret_keys import user_identities
    from jetpack_core.cli.secrets.keygen_verb import make_key

    identities = user_identities((), invocation(click.get_current_context()).redactor.register)
    own = identities.usual_files()[0]
    try:
        if not os.path.lexists(own) and not any(os.environ.get(name) for name in _KEYS):
            return own, make_key(own)
        public = next((one.public for one in identities.loaded() if one.public), "")
    except JetpackError as error:
        hint = f"; {error.hint}" if error.hint else ""
        warn(f"there is no secret in the project, as your key cannot be used: {error.message}{hint}")
        return None, ""
    if not public:
        warn("there is no secret in the project, as your keys do not tell whom to encrypt for; see `jetpack secrets`")
    return None, public


def _user() -> str:
    return re.sub(r"[^A-Za-z0-9_-]", "-", os.environ.get("USER", "")) or "me"


def _sealed(file: Path) -> str:
    from jetpack_core.cli.secrets.common import make_keeper
    from jetpack_core.secret_files.document import Document

    key, value = SECRET
    armor = make_keeper(file).seal(value, file, (key,))
    return Document(b"", str(file)).with_new((key,), armor)


def _write(file: Path, content: str) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("x", encoding="utf-8") as stream:
            stream.write(content)
    except OSError as error:
        raise UsageError(f"cannot make {file}: {error.strerror}") from None
