# SPDX-License-Identifier: GPL-3.0-or-later
"""`jetpack secrets encrypt`: encrypt a whole file, some values of it, or one value to paste."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from jetpack_core.cli.invocation import warn
from jetpack_core.cli.secrets.common import PATH, check_no_json, count, make_keeper, read_value, recipient_options
from jetpack_core.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jetpack_core.secret_files.document import Document
    from jetpack_core.secret_files.keeper import Keeper
    from jetpack_core.secret_files.spans import Keys, Value


@click.command("encrypt")
@click.argument("file", type=PATH, required=False)
@click.option("-k", "--key", "keys", multiple=True, metavar="KEY", help="Encrypt this value only: db.password; `*`.")
@click.option("--value", is_flag=True, help="Encrypt one value, typed or from standard input, and print it to paste.")
@click.option("--stdin", is_flag=True, help="Take the content from standard input and write it to FILE encrypted.")
@click.option("-o", "--output", type=PATH, help="Write the encrypted file there, and leave FILE as it is.")
@click.option("--binary", is_flag=True, help="Write a whole file in the binary form of age, a third smaller.")
@recipient_options()
def command(file: Path | None, keys: tuple[str, ...], **flags: Any) -> None:
    """Encrypt values of the YAML file FILE, or FILE as a whole.

    With --key, or where a rule for FILE lists `keys`, single values are encrypted in their place. Otherwise all of
    FILE is: it becomes FILE.age, and FILE is removed.
    """
    asked = {name: flags.pop(name) for name in ("recipients", "passphrase")}
    if file is None and not flags["value"]:
        raise UsageError("there is nothing to encrypt", hint="name a file, or use --value")
    keeper = make_keeper(file or Path.cwd(), **asked)
    if flags["value"]:
        _print_value(keeper, file, keys)
    elif file is not None:
        _encrypt(keeper, file, keys, flags)


def _print_value(keeper: Keeper, file: Path | None, keys: tuple[str, ...]) -> None:
    from jetpack_core.secret_files.document import split_path

    if len(keys) > 1:
        raise UsageError("--value is one value, and has one --key")
    text = read_value("Value")
    if file is not None and keys:
        armor = keeper.seal(text, file, tuple(int(one) if one.isdecimal() else one for one in split_path(keys[0])))
    else:
        armor = keeper.seal_raw(text, file or Path.cwd() / "value")
        click.echo("it does not say where it belongs; with FILE and --key it would", err=True)
    click.echo("!age |\n" + "".join(f"  {line}\n" for line in armor.splitlines()), nl=False)


def _encrypt(keeper: Keeper, file: Path, keys: tuple[str, ...], flags: dict[str, Any]) -> None:
    from jetpack_core.secret_files.discovery import is_yaml
    from jetpack_core.secret_files.keeper import read_file
    from jetpack_core.secrets import age

    content = sys.stdin.buffer.read() if flags["stdin"] else read_file(file)
    if flags["stdin"] and file.exists():
        raise UsageError(f"{file} is there already", hint="it was left alone; name a new file")
    if age.is_age(content):
        raise UsageError(f"{file} is encrypted already", hint="`jetpack secrets rekey` encrypts for others")
    rule = keeper.rules(file).rule_for(file)
    wanted = keys or (rule.keys if rule and not rule.whole and is_yaml(file) else ())
    if wanted:
        _encrypt_values(keeper, file, content, wanted, flags)
    else:
        _encrypt_file(keeper, file, content, flags)


def _encrypt_file(keeper: Keeper, file: Path, content: bytes, flags: dict[str, Any]) -> None:
    from jetpack_core.secret_files import atomic
    from jetpack_core.secret_files.keeper import SUFFIX

    named = flags["output"] or (file if file.suffix == SUFFIX else file.with_name(file.name + SUFFIX))
    if named == file and not flags["stdin"]:
        raise UsageError(f"{file} is not encrypted, whatever its name says", hint="rename it, and encrypt it then")
    target = Path(named)
    atomic.write_new(target, keeper.seal_file(content, target, armored=not flags["binary"]))
    click.echo(f"wrote {target}", err=True)
    if not flags["stdin"] and not flags["output"]:
        file.unlink()
        click.echo(f"removed {file}; if git has it, its history still does", err=True)


def _encrypt_values(keeper: Keeper, file: Path, content: bytes, patterns: Sequence[str], flags: dict[str, Any]) -> None:
    from jetpack_core.secret_files import atomic
    from jetpack_core.secret_files.document import Document

    check_no_json(file)
    if flags["binary"]:
        raise UsageError("--binary is for whole files")
    document = Document(content, str(file))
    chosen = chosen_values(document, patterns)
    armors = {value.keys: keeper.seal(value.text, file, value.keys) for value in chosen}
    result = document.with_sealed(armors).encode()
    target = Path(flags["output"] or file)
    if flags["stdin"] or flags["output"]:
        atomic.write_new(target, result)
    elif armors:
        atomic.write(target, result)
    _tell(document, file, chosen)


def chosen_values(document: Document, patterns: Sequence[str]) -> list[Value]:
    """Return the values in clear that patterns are about, and those that `!age` stands before already.

    Raises UsageError for a plain path that is not there.
    """
    from jetpack_core.secret_files.globs import key_matches
    from jetpack_core.secrets import age

    found: dict[Keys, Value] = {}
    for pattern in patterns:
        if "*" in pattern or "?" in pattern:
            values = [one for one in document.values.values() if key_matches(pattern, [str(key) for key in one.keys])]
        else:
            values = document.under(document.keys(pattern))
        found.update((value.keys, value) for value in values)
    found.update((value.keys, value) for value in document.sealed if not age.is_age(value.text.encode()))
    return [
        value
        for value in found.values()
        if not _is_nothing(value) and not (value.sealed and age.is_age(value.text.encode()))
    ]


def _is_nothing(value: Value) -> bool:
    from jetpack_core.content.scalars import plain_scalar

    return value.plain and plain_scalar(value.text) is None


def _tell(document: Document, file: Path, chosen: Sequence[Value]) -> None:
    from jetpack_core.content.scalars import plain_scalar
    from jetpack_core.secret_files.document import shown_keys

    for value in chosen:
        if value.plain and not isinstance(plain_scalar(value.text), str):
            warn(f"{document.position(value)}: {shown_keys(value.keys)} was no text, and is text from now on")
    click.echo(f"encrypted {count(len(chosen), 'value')} of {file}", err=True)
