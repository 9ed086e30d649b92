# SPDX-License-Identifier: GPL-3.0-or-later
"""`jetpack plan`: show what `apply` would change."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from jetpack_core.cli import options
from jetpack_core.cli.options import ContentOptions, HostOptions, RunOptions, take

if TYPE_CHECKING:
    from jetpack_core.engine.approval import Draft

_PLANNED: Final = frozenset({0, 3})
"""Exit codes of plans that are whole."""


@click.command("plan")
@options.content_options()
@options.host_options()
@options.task_options()
@options.connection_options()
@options.sudo_options()
@options.output_options()
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Save the plan, for `jetpack apply FILE` to do exactly that.",
)
@click.option("--exit-on-change", is_flag=True, help="End with 3 when anything would change.")
def command(exit_on_change: bool, out: Path | None, **flags: Any) -> int:
    """Show what `apply` would change, and change nothing.

    Ends with 3 when --exit-on-change is given and something would change, and otherwise as `apply` does.
    """
    from jetpack_core.cli.running import run, settings_for
    from jetpack_core.cli.sources import load_content, open_sources

    hosts, wishes = take(HostOptions, flags), take(RunOptions, flags)
    sources = open_sources(take(ContentOptions, flags), lenient=True)
    playbooks, inventory = load_content(sources, hosts)
    settings = settings_for("plan", sources, hosts, wishes, planning=True, exit_on_change=exit_on_change)
    if out is None:
        return run(playbooks, inventory, sources, settings, wishes)
    return _saved(out, flags, lambda draft: run(playbooks, inventory, sources, settings, wishes, draft))


def _saved(out: Path, flags: dict[str, Any], plan: Callable[[Draft], int]) -> int:
    """Plan, and write down what was planned unless a host failed. Returns the exit code."""
    from jetpack_core.cli.invocation import warn
    from jetpack_core.cli.saved_plan import write_plan
    from jetpack_core.engine.approval import Draft

    draft = Draft()
    code = plan(draft)
    if code not in _PLANNED:
        warn(f"{out} was not written: the plan is not whole")
    else:
        write_plan(out, draft, take(ContentOptions, flags), take(HostOptions, flags), take(RunOptions, flags))
        click.echo(f"The plan is in {out}; do exactly that with: jetpack apply {shlex.quote(str(out))}", err=True)
    return code
