# SPDX-License-Identifier: GPL-3.0-or-later
"""`jetpack vars`: explain where each variable of a host comes from."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from jetpack_core.cli import options
from jetpack_core.cli.options import ContentOptions, HostOptions, take
from jetpack_core.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jetpack_core.cli.sources import Sources
    from jetpack_core.content.model import Play, RoleScope
    from jetpack_core.engine.scope import HostVariables
    from jetpack_core.inventory.model import Inventory


@click.command("vars")
@click.argument("host", shell_complete=options.completing("hosts"))
@click.argument("name", required=False, default="")
@options.content_options()
@options.inventory_option()
@click.option("--role", metavar="NAME", help="With -p: as the tasks of this role see them.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(host: str, name: str, role: str | None, as_json: bool, **flags: Any) -> None:
    """Explain the variables of HOST, or only NAME, which may be dotted, such as `nginx.port`.

    Below each value stands where it comes from, lowest precedence first: file, line and column, what the file
    belongs to, and what merging it did. Shown is what the inventory and -e say; with -p also what each play that
    acts on the host says. Facts are known in a run only.
    """
    from jetpack_core.cli.sources import open_inventory, open_sources
    from jetpack_core.engine.scope import HostVariables

    content = take(ContentOptions, flags)
    if role is not None and not content.playbook:
        raise UsageError("--role needs the playbook that uses it", hint="name it with -p")
    sources = open_sources(content, lenient=True)
    inventory = open_inventory(take(HostOptions, flags), sources.project, sources.vault)
    variables = HostVariables(host, inventory, sources.extra_vars)
    inventory.layers(host)
    places = _plays(sources, inventory, host, role) if content.playbook else iter([(None, None)])
    _print(variables, list(places), name, as_json=as_json)


def _plays(
    sources: Sources, inventory: Inventory, host: str, role: str | None
) -> Iterator[tuple[Play, RoleScope | None]]:
    """Yield the plays that act on a host; with a role, those that use it. Raises UsageError for none."""
    from jetpack_core.cli.sources import load_playbooks

    plays = [play for playbook in load_playbooks(sources) for play in playbook.plays]
    acting = [play for play in plays if host in inventory.select(play.groups)]
    if not acting:
        raise UsageError(f"no play acts on {host!r}", hint="leave out -p to see what the inventory says")
    if role is None:
        yield from ((play, None) for play in acting)
        return
    uses = [(play, one) for play in acting for one in play.roles if one.name == role]
    if not uses:
        names = sorted({one.name for play in acting for one in play.roles})
        hint = f"there are: {', '.join(names)}" if names else "they use no roles"
        raise UsageError(f"no play that acts on {host!r} uses a role {role!r}", hint=hint)
    yield from uses


def _print(
    variables: HostVariables, places: list[tuple[Play | None, RoleScope | None]], name: str, *, as_json: bool
) -> None:
    from jetpack_core.variables.explain import as_data, lines, rows

    scopes: list[dict[str, object]] = []
    text: list[str] = []
    for play, role in places:
        if play is not None:
            variables.enter(play, {})
            text += [*([""] if text else []), _heading(play, role)]
        explained = rows(variables.layers(role), name)
        text += lines(explained)
        scopes.append(
            {
                "play": play.name if play else None,
                "role": role.name if role else None,
                "variables": as_data(explained),
            }
        )
    if as_json:
        click.echo(json.dumps({"host": variables.name, "scopes": scopes}, indent=2, default=str))
    elif text:
        click.echo("\n".join(text))


def _heading(play: Play, role: RoleScope | None) -> str:
    from jetpack_core.variables.explain import printable

    return printable(f"# play {play.name}, role {role.name}" if role else f"# play {play.name}")
