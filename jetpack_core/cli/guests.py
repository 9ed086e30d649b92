# SPDX-License-Identifier: GPL-3.0-or-later
"""Look at the guests of a run before it begins, and ask before any of them is destroyed."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

import click

from jetpack_core.errors import SecretError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from jetpack_core.cli.sources import Sources
    from jetpack_core.engine.settings import RunSettings
    from jetpack_core.inventory.model import Inventory
    from jetpack_core.provisioning.steps import GuestSteps
    from jetpack_core.provisioning.survey import Surveyed

_KEY: Final = "provision"
_MANY: Final = 5
"""With more guests than this, their number is asked for instead of their names."""


def survey_guests(
    hosts: Iterable[str], inventory: Inventory, sources: Sources, settings: RunSettings, *, yes: bool
) -> tuple[Surveyed, ...]:
    """Find out what is to be done to the guests among hosts, and ask before any of them is destroyed.

    Raises ContentError for wrong maps, and UsageError when the user does not agree.

    :param yes: Do not ask.
    """
    wanted = [host for host in hosts if is_guest(host, inventory, sources.extra_vars)]
    if not wanted:
        return ()
    from jetpack_core.provisioning.requests import collect
    from jetpack_core.provisioning.survey import survey
    from jetpack_core.variables.templates import Templates

    registry = sources.registry
    requests = collect(wanted, inventory, registry, Templates(registry, sources.vault), settings.extra_vars)
    found = survey(requests, settings.threads)
    if not settings.planning and settings.provision and not yes:
        _confirm(found)
    return found


def is_guest(host: str, inventory: Inventory, extra_vars: Mapping[str, object]) -> bool:
    """Tell whether a host is provisioned; `-e provision.state=absent` alone makes no guest of it."""
    extra = extra_vars.get(_KEY)
    try:
        given = inventory.variables(host).get(_KEY)
    except SecretError:
        # The host fails in its play, with this error, and the others go on.
        return False
    return given is not None or (isinstance(extra, dict) and "type" in extra)


def _confirm(found: Sequence[Surveyed]) -> None:
    """Ask before guests are destroyed. Raises UsageError."""
    from jetpack_core.provisioning.steps import GuestSteps

    doomed = [one for one in found if isinstance(one, GuestSteps) and one.destroys]
    if not doomed:
        return
    if sys.stdin is None or not sys.stdin.isatty():
        message = f"this destroys {_names(doomed)}"
        raise UsageError(message, hint="without a terminal to ask on, say --yes")
    click.echo("This destroys for good:", err=True)
    for one in doomed:
        identifier = one.guest.id if one.guest is not None else ""
        click.echo(f"  {one.host}  ({one.request.wish.type} {identifier})", err=True)
    wanted = {one.host for one in doomed} if len(doomed) <= _MANY else {str(len(doomed))}
    what = "Type the names" if len(doomed) <= _MANY else "Type how many they are"
    typed = click.prompt(what, default="", show_default=False, err=True)
    if set(str(typed).replace(",", " ").split()) != wanted:
        raise UsageError("nothing was destroyed", hint="the names typed are not those of the guests")


def _names(doomed: Sequence[GuestSteps]) -> str:
    names = [one.host for one in doomed]
    return ", ".join(names) if len(names) <= _MANY else f"{len(names)} guests"
