# SPDX-License-Identifier: GPL-3.0-or-later
"""`jetpack check`: find mistakes without touching a host."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from jetpack_core.cli import options
from jetpack_core.cli.options import ContentOptions, HostOptions, take

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jetpack_core.content.model import Play, Playbook, Task
    from jetpack_core.inventory.model import Inventory


@click.command("check")
@options.content_options()
@options.inventory_option()
def command(**flags: Any) -> None:
    """Find mistakes in playbooks, roles, templates, inventory and plugins, without touching a host.

    All of them are told at once. Without an inventory, playbooks alone are checked; with one, there is a warning
    for each variable that a task needs and nothing defines.
    """
    from jetpack_core.cli.invocation import warn
    from jetpack_core.cli.sources import Gathered, check_groups, load_playbooks, open_inventory, open_sources
    from jetpack_core.cli.undefined import undefined_variables

    sources = open_sources(take(ContentOptions, flags), lenient=True)
    hosts = take(HostOptions, flags)
    playbooks: list[Playbook] = []
    inventories: list[Inventory] = []
    found = Gathered()
    found.run(lambda: playbooks.extend(load_playbooks(sources)))
    if hosts.inventory or sources.project.inventory:
        found.run(lambda: inventories.append(open_inventory(hosts, sources.project, sources.vault)))
    for inventory in inventories:
        found.run(lambda inventory=inventory: check_groups(playbooks, inventory))  # type: ignore[misc]
    found.raise_if_any()
    for inventory in inventories:
        missing = list(undefined_variables(playbooks, inventory, sources.registry, sources.extra_vars))
        # What could not be decrypted may define any of them.
        for position, name in () if sources.vault.locked else missing:
            warn(f"{position}: nothing defines the variable {name!r} for the hosts of this play")
    click.echo(_summary(playbooks, inventories))


def _summary(playbooks: Sequence[Playbook], inventories: Sequence[Inventory]) -> str:
    plays = [play for playbook in playbooks for play in playbook.plays]
    counts = [_count(len(plays), "play"), _count(sum(len(_tasks(play)) for play in plays), "task")]
    counts += [_count(len(inventory.hosts), "host") for inventory in inventories]
    return f"{', '.join(counts)}: no problems"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _tasks(play: Play) -> tuple[Task, ...]:
    return (*play.tasks, *play.handlers)
