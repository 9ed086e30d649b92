# SPDX-License-Identifier: GPL-3.0-or-later
"""`jetpack plan`: show what `apply` would change."""

from __future__ import annotations

from typing import Any

import click

from jetpack_core.cli import options
from jetpack_core.cli.options import ContentOptions, HostOptions, RunOptions, take


@click.command("plan")
@options.content_options()
@options.host_options()
@options.task_options()
@options.connection_options()
@options.sudo_options()
@options.output_options()
@click.option("--exit-on-change", is_flag=True, help="End with 3 when anything would change.")
def command(exit_on_change: bool, **flags: Any) -> int:
    """Show what `apply` would change, and change nothing.

    Ends with 3 when --exit-on-change is given and something would change, and otherwise as `apply` does.
    """
    from jetpack_core.cli.running import run, settings_for
    from jetpack_core.cli.sources import load_content, open_sources

    hosts, wishes = take(HostOptions, flags), take(RunOptions, flags)
    sources = open_sources(take(ContentOptions, flags), lenient=True)
    playbooks, inventory = load_content(sources, hosts)
    settings = settings_for("plan", sources, hosts, wishes, planning=True, exit_on_change=exit_on_change)
    return run(playbooks, inventory, sources, settings, wishes)
