# SPDX-License-Identifier: GPL-3.0-or-later
"""What one call of the command line holds: its registry, and whether tracebacks were asked for."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jetpack_core.registry import Registry
    from jetpack_core.secrets.redaction import Redactor


class Invocation:
    """The state of one call, kept as the root context's `obj`."""

    def __init__(self) -> None:
        self.traceback = False
        self._environment: Mapping[str, str] | None = None
        self._redactor: Redactor | None = None
        self._registry: Registry | None = None

    @property
    def registry(self) -> Registry:
        """Return the registry, made on first use and without the installed plugins."""
        if self._registry is None:
            from jetpack_core.registry import Registry

            self._registry = Registry()
        return self._registry

    @property
    def redactor(self) -> Redactor:
        """Return what knows the secrets that were decrypted, and keeps them out of everything that is printed."""
        if self._redactor is None:
            from jetpack_core.secrets.redaction import Redactor

            self._redactor = Redactor()
        return self._redactor

    def take_keys(self) -> Mapping[str, str]:
        """Return the environment, and keep the private key in it from every program that is started from here on."""
        if self._environment is None:
            self._environment = dict(os.environ)
            os.environ.pop("JETPACK_AGE_IDENTITY", None)
        return self._environment

    def redact(self, text: str) -> str:
        """Return a text without the secrets that were decrypted."""
        return text if self._redactor is None else self._redactor.redact(text)

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
    context = click.get_current_context(silent=True)
    if context is not None:
        message = invocation(context).redact(message)
    click.echo(f"{click.style('warning:', fg='yellow')} {message}", err=True)
