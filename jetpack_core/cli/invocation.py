# SPDX-License-Identifier: GPL-3.0-or-later
"""What one call of the command line holds: its registry, and whether tracebacks were asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from jetpack_core.registry import Registry


class Invocation:
    """The state of one call, kept as the root context's `obj`."""

    def __init__(self) -> None:
        self.traceback = False
        self._registry: Registry | None = None

    @property
    def registry(self) -> Registry:
        """Return the registry, made on first use and without the installed plugins."""
        if self._registry is None:
            from jetpack_core.registry import Registry

            self._registry = Registry()
        return self._registry

    def load_plugins(self) -> Registry:
        """Return the registry with the installed plugins; each broken one is a warning on standard error."""
        registry = self.registry
        told = len(registry.broken)
        registry.load_plugins()
        for one in registry.broken[told:]:
            warn(f"plugin {one.distribution} {one.version} did not load: {one.cause}; {one.remedy}")
        return registry


def invocation(ctx: click.Context) -> Invocation:
    """Return the state of this call; a command used outside of the group gets one of its own."""
    root = ctx.find_root()
    if not isinstance(root.obj, Invocation):
        root.obj = Invocation()
    return root.obj


def loaded_registry() -> Registry:
    """Return the current call's registry with all installed plugins."""
    return invocation(click.get_current_context()).load_plugins()


def warn(message: str) -> None:
    """Print a warning on standard error."""
    click.echo(f"{click.style('warning:', fg='yellow')} {message}", err=True)
