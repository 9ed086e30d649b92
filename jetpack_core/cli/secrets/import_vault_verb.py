# SPDX-License-Identifier: GPL-3.0-or-later
"""`jetpack secrets import-vault`: convert what ansible-vault encrypted."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import click

from jetpack_core.cli.secrets.common import PATH, count, make_keeper, recipient_options
from jetpack_core.errors import UsageError

if TYPE_CHECKING:
    from jetpack_core.content.problems import Problems
    from jetpack_core.secret_files.keeper import Keeper


@dataclass(slots=True)
class _Import:
    """What is to be written and removed once everything was read."""

    contents: dict[Path, bytes] = field(default_factory=dict)
    gone: list[Path] = field(default_factory=list)
    secrets: int = 0


@click.command("import-vault")
@click.argument("paths", nargs=-1, required=True, type=PATH)
@click.option(
    "--vault-password-file", "password_files", multiple=True, metavar="[ID@]FILE",
    help="File of the vault password, with its vault id if there are several; asked for otherwise.",
)  # fmt: skip
@click.option("--values", is_flag=True, help="Make files of variables readable: keys in clear, each value encrypted.")
@recipient_options()
def command(
    paths: tuple[Path, ...],
    password_files: tuple[str, ...],
    values: bool,
    recipients: tuple[str, ...],
    passphrase: bool,
) -> None:
    """Convert the files of ansible-vault in PATHS, and the `!vault` values in YAML files.

    A file NAME becomes NAME.age; with --values, a file of variables stays NAME and has its values encrypted. Values
    stay in their place. Folders are searched. Nothing is changed unless everything could be read.
    """
    from jetpack_core.content.problems import Problems
    from jetpack_core.secret_files import atomic

    passwords = _passwords(password_files)
    keeper = make_keeper(paths[0], recipients=recipients, passphrase=passphrase)
    result = _Import()
    problems = Problems()
    for file in _files(paths):
        _convert(keeper, file, passwords, values, result, problems)
    problems.raise_if_any()
    if not result.contents:
        raise UsageError("nothing here is encrypted with ansible-vault")
    atomic.write_all(result.contents, private=True)
    for file in result.gone:
        file.unlink()
    for file in result.contents:
        click.echo(f"wrote {file}")
    click.echo(f"converted {count(result.secrets, 'secret')}; the vault password still opens older commits", err=True)


def _passwords(named: tuple[str, ...]) -> dict[str, bytes]:
    """Return the vault passwords by their vault ids."""
    from jetpack_core.cli.passwords import ask_password
    from jetpack_core.secret_files.keeper import read_file

    if not named:
        return {"": ask_password("Vault password", "import-vault without --vault-password-file").encode()}
    found = {}
    for text in named:
        label, mark, name = text.partition("@")
        found[label if mark else ""] = read_file(Path(name if mark else text)).strip()
    return found


def _files(paths: tuple[Path, ...]) -> list[Path]:
    from jetpack_core.secret_files.discovery import files_below

    missing = next((path for path in paths if not path.exists()), None)
    if missing is not None:
        raise UsageError(f"there is no {missing}")
    return [file for path in paths for file in (files_below(path) if path.is_dir() else [path])]


def _convert(
    keeper: Keeper, file: Path, passwords: dict[str, bytes], values: bool, result: _Import, problems: Problems
) -> None:
    from jetpack_core.content.files import top
    from jetpack_core.errors import SecretError
    from jetpack_core.secret_files import ansible_vault
    from jetpack_core.secret_files.discovery import is_yaml, small_content

    content = small_content(file) or b""
    try:
        if ansible_vault.is_vault(content):
            clear = ansible_vault.decrypt_any(content, passwords)
            _convert_file(keeper, file, clear, values and is_yaml(file), result)
        elif is_yaml(file) and ansible_vault.MARK in content:
            _convert_values(keeper, file, content, passwords, result, problems)
    except (SecretError, UsageError) as error:
        problems.add(top(file), error.message, error.hint)


def _convert_file(keeper: Keeper, file: Path, clear: bytes, values: bool, result: _Import) -> None:
    from jetpack_core.cli.secrets.encrypt_verb import chosen_values
    from jetpack_core.secret_files.document import Document
    from jetpack_core.secret_files.keeper import SUFFIX

    if values:
        document = Document(clear, str(file), clear=True)
        armors = {one.keys: keeper.seal(one.text, file, one.keys) for one in chosen_values(document, ["*"])}
        result.contents[file] = document.with_sealed(armors).encode()
        result.secrets += len(armors)
        return
    target = file.with_name(file.name + SUFFIX)
    if target.exists():
        raise UsageError(f"{target} is there already", hint="move it away first")
    result.contents[target] = keeper.seal_file(clear, target)
    result.gone.append(file)
    result.secrets += 1


def _convert_values(
    keeper: Keeper, file: Path, content: bytes, passwords: dict[str, bytes], result: _Import, problems: Problems
) -> None:
    from jetpack_core.errors import SecretError
    from jetpack_core.secret_files import ansible_vault
    from jetpack_core.secret_files.document import Document
    from jetpack_core.secret_files.keeper import decoded

    document = Document(content, str(file))
    armors = {}
    for value in document.values.values():
        if value.tag in ansible_vault.TAGS:
            try:
                clear = ansible_vault.decrypt_any(value.text.encode(), passwords)
                armors[value.keys] = keeper.seal(decoded(clear, file), file, value.keys)
            except SecretError as error:
                problems.add(document.position(value), error.message, error.hint)
    if armors:
        result.contents[file] = document.with_sealed(armors).encode()
        result.secrets += len(armors)
