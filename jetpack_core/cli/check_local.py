# SPDX-License-Identifier: GPL-3.0-or-later
"""`jetpack check-local`: show what `local` would change."""

from __future__ import annotations

from typing import Any

import click

from jetpack_core.cli import options
from jetpack_core.cli.local import run_locally


@click.command("check-local")
@options.content_options()
@options.inventory_option()
@options.task_options()
@options.sudo_options()
@options.output_options()
@click.option("--exit-on-change", is_flag=True, help="End with 3 when anything would change.")
def command(exit_on_change: bool, **flags: Any) -> int:
    """Show what `local` would change on this machine, and change nothing. Ends as `plan` does."""
    return run_locally("check-local", flags, planning=True, exit_on_change=exit_on_change)
