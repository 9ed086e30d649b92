# SPDX-License-Identifier: GPL-3.0-or-later
"""`jetpack destroy`: remove hosts that Jetpack made."""

from __future__ import annotations

from typing import Any

import click

from jetpack_core.cli import options
from jetpack_core.cli.options import ContentOptions, HostOptions, RunOptions, take


@click.command("destroy")
@click.argument("hosts", nargs=-1, shell_complete=options.completing("hosts"))
@options.project_option()
@options.extra_vars_option()
@options.host_options()
@options.connection_options()
@options.output_options()
@options.confirm_option()
@click.option("--plan", "planning", is_flag=True, help="Show what would be destroyed, and do nothing.")
def command(hosts: tuple[str, ...], planning: bool, **flags: Any) -> int:
    """Remove the hosts that have a `provision:` map, and all that was made for them; all of them, or HOSTS.

    Asks for their names first. What Jetpack did not make is refused.
    """
    from jetpack_core.cli.guest_verbs import converge

    chosen, wishes = take(HostOptions, flags), take(RunOptions, flags)
    content = take(ContentOptions, flags)
    return converge("destroy", hosts, content, chosen, wishes, planning=planning, state="absent")
