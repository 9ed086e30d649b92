# SPDX-License-Identifier: GPL-3.0-or-later
"""`jetpack provision`: make the hosts that the inventory describes, without any play."""

from __future__ import annotations

from typing import Any

import click

from jetpack_core.cli import options
from jetpack_core.cli.options import ContentOptions, HostOptions, RunOptions, take


@click.command("provision")
@click.argument("hosts", nargs=-1, shell_complete=options.completing("hosts"))
@options.project_option()
@options.extra_vars_option()
@options.host_options()
@options.connection_options()
@options.output_options()
@options.confirm_option()
@click.option("--plan", "planning", is_flag=True, help="Show what would be done, and do nothing.")
def command(hosts: tuple[str, ...], planning: bool, **flags: Any) -> int:
    """Create, change, start or stop the hosts that have a `provision:` map; all of them, or HOSTS.

    `apply` does the same for the hosts of its plays, before they begin.
    """
    from jetpack_core.cli.guest_verbs import converge

    chosen, wishes = take(HostOptions, flags), take(RunOptions, flags)
    return converge("provision", hosts, take(ContentOptions, flags), chosen, wishes, planning=planning)
