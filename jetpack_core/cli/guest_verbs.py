# SPDX-License-Identifier: GPL-3.0-or-later
"""What `provision` and `destroy` have in common: a run without plays."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from jetpack_core.cli.extra_vars import overlay_maps
from jetpack_core.cli.guests import is_guest
from jetpack_core.cli.resuming import refuse_last_failed
from jetpack_core.cli.running import run_guests, settings_for
from jetpack_core.cli.sources import open_inventory, open_sources
from jetpack_core.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jetpack_core.cli.options import ContentOptions, HostOptions, RunOptions
    from jetpack_core.cli.sources import Sources
    from jetpack_core.inventory.model import Inventory

_EVERYBODY: Final = ("all",)


def converge(
    verb: str,
    names: Sequence[str],
    content: ContentOptions,
    chosen: HostOptions,
    wishes: RunOptions,
    *,
    planning: bool,
    state: str | None = None,
) -> int:
    """Converge guests and return the exit code.

    Raises ContentError and UsageError before anything is done.

    :param state: What is to become of them, whatever their maps say.
    """
    sources = open_sources(content, lenient=planning)
    if state is not None:
        forced = {"provision": {"state": state}}
        sources = replace(sources, extra_vars=overlay_maps(sources.extra_vars, forced))
    inventory = open_inventory(chosen, sources.project, sources.vault, secrets_needed=not planning)
    settings = settings_for(verb, sources, chosen, wishes, planning=planning)
    return run_guests(_hosts(names, chosen, inventory, sources), inventory, sources, settings, wishes)


def _hosts(names: Sequence[str], chosen: HostOptions, inventory: Inventory, sources: Sources) -> tuple[str, ...]:
    """Return the guests that are meant. Raises UsageError for names that are none, and for none at all."""
    refuse_last_failed((*names, *chosen.limit_hosts))
    hosts = inventory.select(_EVERYBODY, (*names, *chosen.limit_hosts), chosen.limit_groups)
    guests = tuple(host for host in hosts if is_guest(host, inventory, sources.extra_vars))
    others = [host for host in names if host not in guests]
    if others or not guests:
        which = f"{', '.join(others)}: not provisioned" if others else "no host is provisioned"
        raise UsageError(which, hint="a host needs a `provision:` map in its variables")
    return guests
