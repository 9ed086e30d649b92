# SPDX-License-Identifier: GPL-3.0-or-later
"""`jetpack secrets recipients`: who can read which secrets."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from jetpack_core.cli.secrets.common import PATH, count
from jetpack_core.errors import UsageError

if TYPE_CHECKING:
    from jetpack_core.secret_files.rules import Rules


@click.command("recipients")
@click.argument("files", nargs=-1, type=PATH)
def command(files: tuple[Path, ...]) -> None:
    """List for whom the secrets of FILES are by the rules, and how many an encrypted file's header names.

    Without FILES, list everybody that the rules name, the groups, and the rules.
    """
    from jetpack_core.secret_files.rules import find_rules
    from jetpack_core.secrets.binding import RULES_FILE

    if files:
        for file in files:
            _tell_file(find_rules(file), file)
        return
    rules = find_rules(Path.cwd())
    if rules.file is None:
        raise UsageError(f"there is no {RULES_FILE} here or above", hint="`jetpack secrets keygen` shows how to begin")
    _tell_rules(rules)


def _tell_rules(rules: Rules) -> None:
    for one in rules.recipients:
        click.echo(f"{click.style(one.name, bold=True)}: {one.text}")
    for name, members in rules.groups:
        click.echo(f"{click.style(name, bold=True)}: {', '.join(one.name for one in members)}")
    for rule in rules.rules:
        names = ", ".join(one.name for one in rule.recipients)
        wants = "; whole files" if rule.whole else f"; keys {', '.join(rule.keys)}" if rule.keys else ""
        click.echo(f"{', '.join(rule.patterns)} -> {names}{wants}")


def _tell_file(rules: Rules, file: Path) -> None:
    rule = rules.rule_for(file)
    names = ", ".join(one.name for one in rule.recipients) if rule else "nobody: no rule is about it"
    click.echo(f"{file}: {names}{_header(file)}")


def _header(file: Path) -> str:
    """Return what the header of an encrypted file says."""
    from jetpack_core.secret_files.discovery import small_content
    from jetpack_core.secrets import age

    content = small_content(file)
    if content is None or not age.is_age(content):
        return ""
    stanzas = age.recipients_of(content)
    return f" (encrypted for {count(len(stanzas), 'key')}: {', '.join(one.kind for one in stanzas)})"
