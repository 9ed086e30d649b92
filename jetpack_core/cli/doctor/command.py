# SPDX-License-Identifier: GPL-3.0-or-later
"""The verb `doctor`."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from jetpack_core.cli import options
from jetpack_core.cli.doctor.findings import CONTROL, Finding, Level
from jetpack_core.cli.failures import FINE, WRONG_INPUT
from jetpack_core.cli.options import ContentOptions, HostOptions, RunOptions, take
from jetpack_core.errors import JetpackError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from jetpack_core.cli.sources import Sources
    from jetpack_core.inventory.model import Inventory

_HOST_IS_BAD = 2


@click.command("doctor")
@options.content_options()
@options.host_options()
@options.connection_options()
@options.sudo_options()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(as_json: bool, **flags: Any) -> int:
    """Find out what is wrong around a project, and say what to do about it.

    Looks at this machine (plugins, keys, the SSH agent) and, where there is an inventory, at each host: whether it can
    be reached and logged in to, whether sudo works where plays want it, its Python, its clock, and room in /tmp.
    Nothing is changed. Mistakes in playbooks are found by `jetpack check`.

    Ends with 0 when all is fine or could only be better, 1 when something is wrong with this machine, and 2 when
    something is wrong with a host.
    """
    from jetpack_core.cli.doctor.findings import tell, tell_json

    talks = not as_json and sys.stderr.isatty()
    findings = list(_looked(flags, talks=talks))
    (tell_json if as_json else tell)(findings)
    bad = {one.subject for one in findings if one.level is Level.BAD}
    if CONTROL in bad:
        return WRONG_INPUT
    return _HOST_IS_BAD if bad else FINE


def _looked(flags: dict[str, Any], *, talks: bool) -> Iterator[Finding]:
    from jetpack_core.cli.doctor.control import look_at_this_machine
    from jetpack_core.cli.sources import open_sources

    sources = open_sources(take(ContentOptions, flags), lenient=True, plugins_needed=False)
    hosts, wishes = take(HostOptions, flags), take(RunOptions, flags)
    found = _inventory(sources, hosts)
    inventory = None if isinstance(found, Finding) else found
    names: Sequence[str] = ()
    if inventory is not None and (limited := _limited(sources, inventory, hosts)) is not None:
        hosts = limited
        names = inventory.select(["all"], hosts.limit_hosts, hosts.limit_groups)
    ssh = inventory is not None and any(
        inventory.variables(name).get("jet_connection", "ssh") == "ssh" for name in names
    )
    accepts = wishes.accept_new_host_keys
    yield from look_at_this_machine(sources.registry, sources.project, ssh=ssh, accepts=accepts)
    if isinstance(found, Finding):
        yield found
    elif names:
        if talks:
            click.echo(f"Looking at {len(names)} host{'s' * (len(names) != 1)}...", err=True)
        yield from _hosts(sources, found, hosts, wishes)


def _inventory(sources: Sources, hosts: HostOptions) -> Inventory | Finding:
    """Return the inventory, or why there is none."""
    from jetpack_core.cli.sources import open_inventory

    if not hosts.inventory and not sources.project.inventory:
        remedy = "name one with -i, or as `inventory:` in .jetpack.yml; `jetpack init` makes a project"
        return Finding(CONTROL, Level.NOTE, "there is no inventory, so no host was looked at", remedy)
    try:
        return open_inventory(hosts, sources.project, sources.vault)
    except JetpackError as error:
        what = f"the inventory cannot be read: {str(error).splitlines()[0]}"
        return Finding(CONTROL, Level.BAD, what, error.hint or "jetpack check tells all that is wrong with it")


def _limited(sources: Sources, inventory: Inventory, hosts: HostOptions) -> HostOptions | None:
    """Return the options with the hosts they mean; None where none is left, which is told."""
    from jetpack_core.cli.resuming import LAST_FAILED, limited_hosts
    from jetpack_core.cli.sources import load_playbooks
    from jetpack_core.engine.settings import RunSettings

    if LAST_FAILED not in hosts.limit_hosts:
        return hosts
    settings = RunSettings(command="doctor", limit_hosts=hosts.limit_hosts)
    limit = limited_hosts(load_playbooks(sources), settings, inventory)
    return None if limit is None else replace(hosts, limit_hosts=limit)


def _hosts(sources: Sources, inventory: Inventory, hosts: HostOptions, wishes: RunOptions) -> list[Finding]:
    from jetpack_core.cli.doctor.hosts import HostFindings, doctors_playbook, load_leniently, wanted_sudo
    from jetpack_core.cli.running import settings_for
    from jetpack_core.engine.run import run_playbooks

    settings = settings_for("doctor", sources, hosts, wishes)
    settings = replace(settings, show_results=True, provision=False, lock_timeout=None)
    sudo = settings.sudo or wanted_sudo(load_leniently(sources))
    guests = frozenset(name for name in inventory.hosts if "provision" in inventory.variables(name))
    view = HostFindings(sudo, guests)
    playbook = doctors_playbook(sources, sudo)
    # The first play is about logging in, whoever is to be become later.
    run_playbooks([playbook], inventory, sources.registry, replace(settings, sudo=None), [view])
    return view.findings
