# SPDX-License-Identifier: GPL-3.0-or-later
"""`jetpack apply`: make hosts match playbooks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from jetpack_core.cli import options
from jetpack_core.cli.options import ContentOptions, HostOptions, RunOptions, take


@click.command("apply")
@click.argument("plan", required=False, metavar="[PLAN]", type=click.Path(path_type=Path))
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
def command(plan: Path | None, **flags: Any) -> int:
    """Make hosts match playbooks, or do what a saved PLAN says and nothing else.

    Ends with 0 when all went well, 1 when nothing ran because of a mistake in what was given, 2 when a host
    failed, 4 when a host could not be reached, and 130 when interrupted.
    """
    from jetpack_core.cli.running import run, settings_for
    from jetpack_core.cli.sources import load_content, open_sources

    if plan is not None:
        return _apply_saved(plan, flags)
    hosts, wishes = take(HostOptions, flags), take(RunOptions, flags)
    sources = open_sources(take(ContentOptions, flags))
    playbooks, inventory = load_content(sources, hosts, secrets_needed=True)
    return run(playbooks, inventory, sources, settings_for("apply", sources, hosts, wishes), wishes)


def _apply_saved(path: Path, flags: dict[str, Any]) -> int:
    """Do what a saved plan says, unless anything is not as it was. Returns the exit code."""
    from jetpack_core.cli.running import compare, run, settings_for
    from jetpack_core.cli.saved_plan import read_plan
    from jetpack_core.cli.sources import load_content, open_sources
    from jetpack_core.errors import UsageError

    saved = read_plan(path)
    content, hosts, wishes = saved.fill(take(ContentOptions, flags), take(HostOptions, flags), take(RunOptions, flags))
    if wishes.resume is not None or wishes.retry_failed:
        raise UsageError("a saved plan is applied as a whole", hint="go on with the playbook itself: -p and --resume")
    sources = open_sources(content)
    playbooks, inventory = load_content(sources, hosts, secrets_needed=True)
    settings = settings_for("apply", sources, hosts, wishes)
    code = compare(playbooks, inventory, sources, settings, saved.approval)
    if code:
        return code
    click.echo(f"Nothing has changed since. Applying {saved.summary()}.", err=True)
    # The inventory has learned of guests by now, which the plan did not know.
    playbooks, inventory = load_content(sources, hosts, secrets_needed=True)
    return run(playbooks, inventory, sources, settings, wishes, saved.approval)
