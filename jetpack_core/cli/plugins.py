# SPDX-License-Identifier: GPL-3.0-or-later
"""`jetpack plugins`: which plugins are installed, and whether they work."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from jetpack_core.cli.failures import FINE, WRONG_INPUT
from jetpack_core.cli.invocation import invocation, loaded_registry
from jetpack_core.errors import PluginError
from jetpack_core.registry import BUILT_IN, Kind

if TYPE_CHECKING:
    from jetpack_core.registry import BrokenPlugin, InstalledPlugin, Registered, Registry


@click.group("plugins", short_help="List the installed plugins and check that they work.")
def command() -> None:
    """List the installed plugins and check that they work."""


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_plugins(as_json: bool) -> None:
    """List the installed plugins with what they offer."""
    registry = loaded_registry()
    if as_json:
        click.echo(json.dumps(_records(registry), indent=2))
        return
    for plugin in registry.plugins:
        click.echo(f"{click.style(plugin.distribution, bold=True)} {plugin.version}: {_offers(plugin.offers)}")
    if not registry.plugins:
        click.echo("no plugins are installed; `pip install jetpack-plugin-NAME` adds one", err=True)


def _offers(offers: tuple[Registered, ...]) -> str:
    return ", ".join(f"{one.kind.noun} {one.reference.name}" for one in offers) or "nothing"


def _records(registry: Registry) -> list[dict[str, object]]:
    return [_working(one) for one in registry.plugins] + [_broken(one) for one in registry.broken]


def _working(plugin: InstalledPlugin) -> dict[str, object]:
    offers = [
        {"kind": one.kind.noun, "name": one.reference.name, "summary": one.reference.summary} for one in plugin.offers
    ]
    return {
        "distribution": plugin.distribution,
        "version": plugin.version,
        "entry_point": plugin.entry_point,
        "works": True,
        "offers": offers,
    }


def _broken(plugin: BrokenPlugin) -> dict[str, object]:
    return {
        "distribution": plugin.distribution,
        "version": plugin.version,
        "works": False,
        "cause": plugin.cause,
        "remedy": plugin.remedy,
    }


@command.command()
def doctor() -> int:
    """Load everything that is installed, and say what does not work and what to do about it."""
    registry = invocation(click.get_current_context()).registry
    registry.load_plugins()
    troubles = [f"{one.distribution} {one.version}: {one.cause}\n  hint: {one.remedy}" for one in registry.broken]
    entries = [one for kind in Kind for one in registry.entries(kind).values()]
    troubles += [trouble for one in entries if (trouble := _trouble(registry, one))]
    for trouble in troubles:
        click.echo(f"{click.style('broken:', fg='red')} {trouble}")
    own = sum(one.owner == BUILT_IN for one in entries)
    offered = len(entries) - own
    click.echo(f"plugins: {len(registry.plugins)}; they offer: {offered}; built in: {own}; broken: {len(troubles)}")
    return WRONG_INPUT if troubles else FINE


def _trouble(registry: Registry, entry: Registered) -> str:
    """Load what an entry refers to; return what is wrong, or nothing."""
    try:
        registry.load(entry.kind, entry.reference.name)
    except PluginError as error:
        return str(error)
    return ""
