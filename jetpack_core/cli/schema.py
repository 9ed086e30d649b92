# SPDX-License-Identifier: GPL-3.0-or-later
"""`jetpack schema`: JSON Schemas for editors."""

from __future__ import annotations

import json
from pathlib import Path

import click

from jetpack_core.cli.invocation import loaded_registry
from jetpack_core.errors import UsageError

_NAMES = ("playbook", "tasks", "role", "inventory", "vars", "project")
_EDITORS = ("vscode", "neovim", "helix", "other")


@click.command("schema")
@click.argument("name", required=False, type=click.Choice(_NAMES))
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="Write all of them into this folder.")
@click.option("--editor", type=click.Choice(_EDITORS), help="Print the settings of an editor that make it use them.")
def command(name: str | None, out: Path | None, editor: str | None) -> None:
    """Print the JSON Schema of playbooks, roles, inventories or the project file, for completion and help in editors.

    It is made of the installed plugins. NAME is one of playbook, tasks (of a role), role, inventory (a file of a
    group), vars (of groups and hosts), project (.jetpack.yml).
    """
    from jetpack_core.cli.schemas.documents import schemas, tags
    from jetpack_core.cli.schemas.editors import EDITORS, file_name

    if name is None and out is None and editor is None:
        raise UsageError("say which schema, or what to do", hint=f"one of {', '.join(_NAMES)}; or --out DIR")
    registry = loaded_registry()
    if name is not None:
        click.echo(_text(schemas(registry)[name]), nl=False)
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        for one, schema in schemas(registry).items():
            (out / file_name(one)).write_text(_text(schema), encoding="utf-8")
            click.echo(f"wrote {out / file_name(one)}", err=True)
    if editor is not None:
        click.echo(EDITORS[editor](str(out or ".jetpack"), tags(registry)))


def _text(schema: object) -> str:
    return json.dumps(schema, indent=1, ensure_ascii=False) + "\n"
