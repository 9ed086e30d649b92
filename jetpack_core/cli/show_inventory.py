# SPDX-License-Identifier: GPL-3.0-or-later
"""`jetpack show-inventory`: show hosts, groups and their variables."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from jetpack_core.cli import options
from jetpack_core.cli.options import HostOptions, take

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from jetpack_core.inventory.model import Inventory


@click.command("show-inventory")
@options.project_option()
@options.inventory_option()
@options.identity_option()
@click.option("--show-groups", multiple=True, metavar="GROUPS", callback=options.split_paths, help="Show these only.")
@click.option(
    "--show-hosts",
    multiple=True,
    metavar="HOSTS",
    callback=options.split_paths,
    help="Show these hosts' groups and variables, and where each comes from.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON, which can be an inventory itself.")
def command(
    project: Path | None,
    show_groups: tuple[str, ...],
    show_hosts: tuple[str, ...],
    as_json: bool,
    identity: tuple[Path, ...],
    **flags: Any,
) -> None:
    """Show the groups and hosts of the inventory, and what runs have learned of provisioned ones.

    With --json the output is in the form of inventory scripts: kept in a file that ends in .json, it can be given
    to -i again.
    """
    from jetpack_core.cli.project import find_project
    from jetpack_core.cli.secret_keys import open_vault
    from jetpack_core.cli.sources import open_inventory

    inventory = open_inventory(take(HostOptions, flags), find_project(project), open_vault(identity, lenient=True))
    in_groups, by_name = _chosen(inventory, show_groups, show_hosts)
    if as_json:
        _print_json(inventory, [*in_groups, *by_name] if show_groups or show_hosts else None)
    else:
        _print_text(inventory, show_groups, by_name)


def _chosen(
    inventory: Inventory, groups: Sequence[str], hosts: Sequence[str]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the hosts of groups, and the hosts named. Raises UsageError for unknown names."""
    return inventory.select(groups), inventory.select(["all"], hosts) if hosts else ()


def _print_json(inventory: Inventory, hosts: Iterable[str] | None) -> None:
    from jetpack_core.cli.learned import learned_data
    from jetpack_core.inventory.show import as_data

    data = as_data(inventory, hosts)
    if learned := learned_data(inventory, inventory.hosts if hosts is None else hosts):
        meta = data.setdefault("_meta", {})
        if isinstance(meta, dict):
            meta["learned"] = learned
    click.echo(json.dumps(data, indent=2, default=str))


def _print_text(inventory: Inventory, groups: Sequence[str], hosts: Sequence[str]) -> None:
    from jetpack_core.cli.learned import learned_lines, learned_note
    from jetpack_core.inventory.show import host_lines, tree

    lines = tree(inventory, groups, lambda host: learned_note(inventory, host)) if groups or not hosts else []
    for host in hosts:
        described = [*host_lines(inventory, host), *learned_lines(inventory, host)]
        lines += ["", *described] if lines else described
    click.echo("\n".join(lines))
