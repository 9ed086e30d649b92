# SPDX-License-Identifier: GPL-3.0-or-later
"""`jetpack apply`: make hosts match playbooks."""

from __future__ import annotations

from typing import Any

import click

from jetpack_core.cli import options
from jetpack_core.cli.options import ContentOptions, HostOptions, RunOptions, take


@click.command("apply")
@options.content_options()
@options.host_options()
@options.task_options()
@options.connection_options()
@options.sudo_options()
@options.verify_option()
@options.confirm_option()
@options.step_option()
@options.lock_option()
@options.resume_option()
@options.retry_option()
@options.output_options()
def command(**flags: Any) -> int:
    """Make hosts match playbooks.

    Ends with 0 when all went well, 1 when nothing ran because of a mistake in what was given, 2 when a host
    failed, 4 when a host could not be reached, and 130 when interrupted.
    """
    from jetpack_core.cli.running import run, settings_for
    from jetpack_core.cli.sources import load_content, open_sources

    hosts, wishes = take(HostOptions, flags), take(RunOptions, flags)
    sources = open_sources(take(ContentOptions, flags))
    playbooks, inventory = load_content(sources, hosts, secrets_needed=True)
    return run(playbooks, inventory, sources, settings_for("apply", sources, hosts, wishes), wishes)
