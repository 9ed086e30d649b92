# SPDX-License-Identifier: GPL-3.0-or-later
"""`jetpack doc`: the documentation of what is installed."""

from __future__ import annotations

import difflib
import json
from typing import TYPE_CHECKING

import click

from jetpack_core.cli.invocation import loaded_registry
from jetpack_core.cli.options import completing
from jetpack_core.errors import UsageError
from jetpack_core.registry import Kind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jetpack_core.cli.describe import EntryDoc, ParameterDoc
    from jetpack_core.registry import Registered, Registry


@click.command("doc", short_help="Explain modules, modifiers and whatever else is installed.")
@click.argument("name", required=False, shell_complete=completing("documented"))
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(name: str | None, as_json: bool) -> None:
    """List modules, modifiers, connections, filters and more, or explain the one called NAME."""
    registry = loaded_registry()
    if name is None:
        _show_list(registry, as_json=as_json)
        return
    entries = _named(registry, name)
    _show_entries(registry, entries, as_json=as_json)


def _documented(registry: Registry) -> list[Registered]:
    return [one for kind in Kind if kind is not Kind.COMMAND for one in registry.entries(kind).values()]


def _named(registry: Registry, name: str) -> Sequence[Registered]:
    """Find what has a name, also written `!name`. Raises UsageError with the nearest name."""
    wanted = name.removeprefix("!")
    every = _documented(registry)
    found = [one for one in every if one.reference.name == wanted]
    if found:
        return found
    near = difflib.get_close_matches(wanted, [one.reference.name for one in every], n=1)
    hint = f"did you mean {near[0]!r}?" if near else "`jetpack doc` lists everything"
    raise UsageError(f"nothing installed is called {name!r}", hint=hint)


def _show_list(registry: Registry, *, as_json: bool) -> None:
    every = _documented(registry)
    if as_json:
        click.echo(json.dumps([_row(one) for one in every], indent=2))
        return
    formatter = click.HelpFormatter(max_width=100)
    for kind in Kind:
        rows = [(one.reference.name, _summary(one)) for one in every if one.kind is kind]
        if rows:
            with formatter.section(kind.value.replace("_", " ").capitalize()):
                formatter.write_dl(rows)
    formatter.write_paragraph()
    formatter.write_text("`jetpack doc NAME` explains one of them.")
    click.echo(formatter.getvalue(), nl=False)


def _row(entry: Registered) -> dict[str, str]:
    reference = entry.reference
    return {
        "kind": entry.kind.noun,
        "name": reference.name,
        "owner": entry.owner,
        "summary": reference.summary,
    }


def _summary(entry: Registered) -> str:
    from jetpack_core.registry import BUILT_IN

    return entry.reference.summary if entry.owner == BUILT_IN else f"{entry.reference.summary} ({entry.owner})"


def _show_entries(registry: Registry, entries: Sequence[Registered], *, as_json: bool) -> None:
    from dataclasses import asdict

    from jetpack_core.cli.describe import describe

    docs = [describe(registry, entry) for entry in entries]
    if as_json:
        click.echo(json.dumps([asdict(one) for one in docs], indent=2))
        return
    click.echo("\n".join(_text(one) for one in docs), nl=False)


def _text(doc: EntryDoc) -> str:
    formatter = click.HelpFormatter(max_width=100)
    formatter.write(f"{doc.kind} {doc.name}, of {doc.owner}\n")
    for part in filter(None, (doc.summary, doc.description)):
        formatter.write_paragraph()
        with formatter.indentation():
            formatter.write_text(part)
    if doc.usage:
        formatter.write(f"\n  Written {doc.usage}\n")
    if doc.listed:
        with formatter.section("Parameters"):
            formatter.write_dl([(one.name, _parameter(one)) for one in doc.listed])
    if doc.example:
        formatter.write("\nExample:\n" + "".join(f"  {line}".rstrip() + "\n" for line in doc.example.splitlines()))
    return formatter.getvalue()


def _parameter(doc: ParameterDoc) -> str:
    notes = [doc.type]
    if doc.required:
        notes.append("required")
    if doc.default:
        notes.append(f"default {doc.default}")
    if doc.aliases:
        notes.append(f"also written {', '.join(doc.aliases)}")
    return f"({'; '.join(notes)}) {doc.description}".rstrip()
