# SPDX-License-Identifier: GPL-3.0-or-later
"""`jetpack local`: make this machine match playbooks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import click

from jetpack_core.cli import options
from jetpack_core.cli.options import ContentOptions, HostOptions, RunOptions, take
from jetpack_core.errors import UsageError

if TYPE_CHECKING:
    from jetpack_core.cli.sources import Sources
    from jetpack_core.inventory.model import Inventory


_OTHER_GROUPS: Final = (
    "a local run knows the group all only; give it an inventory with -i that has localhost in this group"
)


@click.command("local")
@options.content_options()
@options.inventory_option()
@options.task_options()
@options.sudo_options()
@options.verify_option()
@options.confirm_option()
@options.step_option()
@options.lock_option()
@options.resume_option()
@options.output_options()
def command(**flags: Any) -> int:
    """Make this machine match playbooks.

    It is the host `localhost` in the group `all`; no inventory is needed. One given with -i must have that
    host, and gives it variables. Ends as `apply` does.
    """
    return run_locally("local", flags)


def run_locally(verb: str, flags: dict[str, Any], *, planning: bool = False, exit_on_change: bool = False) -> int:
    """Run playbooks on this machine, or plan to, and return the exit code."""
    from jetpack_core.cli.running import run, settings_for
    from jetpack_core.cli.sources import check_groups, load_playbooks, open_sources
    from jetpack_core.inventory.load import LOCALHOST

    wishes = take(RunOptions, flags)
    sources = open_sources(take(ContentOptions, flags), lenient=planning)
    inventory = _inventory(take(HostOptions, flags), sources, planning=planning)
    playbooks = load_playbooks(sources)
    check_groups(playbooks, inventory, "" if flags["inventory"] else _OTHER_GROUPS)
    settings = settings_for(
        verb,
        sources,
        HostOptions(limit_hosts=(LOCALHOST,)),
        wishes,
        planning=planning,
        local=True,
        exit_on_change=exit_on_change,
    )
    return run(playbooks, inventory, sources, settings, wishes)


def _inventory(options: HostOptions, sources: Sources, *, planning: bool) -> Inventory:
    """Return the inventory given by flags; the project's own is for other hosts, and left out."""
    from jetpack_core.cli.sources import open_inventory
    from jetpack_core.inventory.load import LOCALHOST, local_inventory

    if not options.inventory:
        return local_inventory()
    inventory = open_inventory(options, sources.project, sources.vault, secrets_needed=not planning)
    if LOCALHOST not in inventory.hosts:
        hint = f"add {LOCALHOST!r} to one of its groups, or leave out -i"
        raise UsageError(f"the inventory has no host {LOCALHOST!r}, which is what a local run acts on", hint=hint)
    return inventory
