# SPDX-License-Identifier: GPL-3.0-or-later
"""A typed view of what plugins offer: kind and name to class, who owns it, and what failed to load."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from enum import Enum
from importlib import import_module
from importlib.metadata import Distribution, EntryPoint, entry_points
from typing import TYPE_CHECKING, Final, cast

from pluggy import PluginManager

from jetpack_core import builtins, hookspecs
from jetpack_core.errors import PluginError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    import click

    from jetpack_core.contracts.connection import Connection
    from jetpack_core.contracts.modifier import Modifier
    from jetpack_core.contracts.module import Module
    from jetpack_core.contracts.provisioner import Provisioner
    from jetpack_core.contracts.template_engine import TemplateEngine
    from jetpack_core.contracts.view import View
    from jetpack_core.hookspecs import Reference

ENTRY_POINT_GROUP: Final = "jetpack"
BUILT_IN: Final = "jetpack-core"


class Kind(Enum):
    """What a plugin can add; the value is the end of the hook's name."""

    MODULE = "modules"
    MODIFIER = "modifiers"
    CONNECTION = "connections"
    PROVISIONER = "provisioners"
    FILTER = "filters"
    TEST = "tests"
    TEMPLATE_ENGINE = "template_engines"
    COMMAND = "commands"
    VIEW = "views"

    @property
    def noun(self) -> str:
        """Return the word for one of the kind, for messages."""
        return self.value.removesuffix("s").replace("_", " ")


@dataclass(frozen=True, slots=True)
class Registered:
    """A reference and the distribution it came from."""

    kind: Kind
    reference: Reference
    owner: str


@dataclass(frozen=True, slots=True)
class BrokenPlugin:
    """A distribution whose plugin could not be loaded."""

    distribution: str
    version: str
    cause: str

    @property
    def remedy(self) -> str:
        """Say what the user can do."""
        return f"upgrade or remove it: pip uninstall {self.distribution}"


@dataclass(frozen=True, slots=True)
class InstalledPlugin:
    """A distribution that offers plugins, as `jetpack plugins list` shows it."""

    distribution: str
    version: str
    entry_point: str
    offers: tuple[Registered, ...]


class Registry:
    """All that is registered. Built-ins are there at once; `load_plugins` adds the installed ones."""

    def __init__(self) -> None:
        self._manager = PluginManager(hookspecs.PROJECT)
        self._manager.add_hookspecs(hookspecs)
        self._entries: dict[tuple[Kind, str], Registered] = {}
        self._loaded: dict[tuple[Kind, str], object] = {}
        self._plugins: list[InstalledPlugin] = []
        self._scanned = False
        self.broken: list[BrokenPlugin] = []
        self.register(builtins, BUILT_IN)

    def load_plugins(self) -> None:
        """Find and load the plugins installed beside Jetpack; a broken one is kept in `broken`.

        Raises PluginError when two distributions claim one name.
        """
        if self._scanned:
            return
        self._scanned = True
        # Unlike a walk over distributions, this reads no metadata of packages that offer nothing.
        found = [(entry_point.dist, entry_point) for entry_point in entry_points(group=ENTRY_POINT_GROUP)]
        known = [(distribution, entry_point) for distribution, entry_point in found if distribution is not None]
        for distribution, entry_point in sorted(known, key=lambda pair: (pair[0].name, pair[1].name)):
            self._load_plugin(distribution, entry_point)

    def _load_plugin(self, distribution: Distribution, entry_point: EntryPoint) -> None:
        name, version = distribution.name, distribution.version
        try:
            offers = self.register(entry_point.load(), name)
        except PluginError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever a plugin raises must not stop the others
            self.broken.append(BrokenPlugin(name, version, f"{type(error).__name__}: {error}"))
        else:
            self._plugins.append(InstalledPlugin(name, version, entry_point.value, offers))

    def register(self, plugin: object, owner: str) -> tuple[Registered, ...]:
        """Add what a plugin offers, or nothing of it when anything is wrong with it. Raises PluginError."""
        self._manager.register(plugin)
        try:
            self._manager.check_pending()
            offers = tuple(_offers(self._manager, plugin, owner))
            self._check_names(offers)
        except Exception:
            self._manager.unregister(plugin)
            raise
        self._entries.update({(one.kind, one.reference.name): one for one in offers})
        return offers

    def _check_names(self, offers: Iterable[Registered]) -> None:
        for one in offers:
            other = self._entries.get((one.kind, one.reference.name))
            if other is not None:
                message = f"two plugins offer a {one.kind.noun} {one.reference.name!r}: {other.owner} and {one.owner}"
                raise PluginError(message, hint=f"uninstall one of them, such as: pip uninstall {one.owner}")

    @property
    def plugins(self) -> Sequence[InstalledPlugin]:
        """Return the installed plugins that loaded, by name."""
        return tuple(self._plugins)

    def entries(self, kind: Kind) -> Mapping[str, Registered]:
        """Return everything of a kind, by name."""
        return {name: one for (its_kind, name), one in sorted(self._entries.items(), key=_by_name) if its_kind is kind}

    def module(self, name: str) -> type[Module]:
        """Return a module's class. Raises PluginError when there is none, or it does not load."""
        return cast("type[Module]", self.load(Kind.MODULE, name))

    def modifier(self, name: str) -> type[Modifier]:
        """Return a modifier's class. Raises PluginError."""
        return cast("type[Modifier]", self.load(Kind.MODIFIER, name))

    def connection(self, name: str) -> type[Connection]:
        """Return a connection's class. Raises PluginError."""
        return cast("type[Connection]", self.load(Kind.CONNECTION, name))

    def provisioner(self, name: str) -> type[Provisioner]:
        """Return a provisioner's class. Raises PluginError."""
        return cast("type[Provisioner]", self.load(Kind.PROVISIONER, name))

    def template_engine(self, suffix: str) -> type[TemplateEngine] | None:
        """Return the template engine for a file suffix, or None for the default one. Raises PluginError."""
        if (Kind.TEMPLATE_ENGINE, suffix) not in self._entries:
            return None
        return cast("type[TemplateEngine]", self.load(Kind.TEMPLATE_ENGINE, suffix))

    def command(self, name: str) -> click.Command:
        """Return a command line verb. Raises PluginError."""
        return cast("click.Command", self.load(Kind.COMMAND, name))

    def view(self, name: str) -> type[View]:
        """Return a view's class. Raises PluginError."""
        return cast("type[View]", self.load(Kind.VIEW, name))

    def function(self, kind: Kind, name: str) -> Callable[..., object]:
        """Return a template filter or test. Raises PluginError."""
        return cast("Callable[..., object]", self.load(kind, name))

    def load(self, kind: Kind, name: str) -> object:
        """Return what a name of a kind stands for, imported on first use. Raises PluginError."""
        key = (kind, name)
        if key not in self._loaded:
            self._loaded[key] = _import(self._find(kind, name))
        return self._loaded[key]

    def _find(self, kind: Kind, name: str) -> Registered:
        if (kind, name) not in self._entries:
            self.load_plugins()
        try:
            return self._entries[kind, name]
        except KeyError:
            raise PluginError(f"there is no {kind.noun} {name!r}", hint=self._missing_hint(kind, name)) from None

    def _missing_hint(self, kind: Kind, name: str) -> str:
        near = difflib.get_close_matches(name, self.entries(kind), n=1)
        hints = [f"did you mean {near[0]!r}?"] if near else []
        prefix = "jetpack-provisioner" if kind is Kind.PROVISIONER else "jetpack-plugin"
        hints.append(f"if a plugin has it, install that: pip install {prefix}-{name.replace('_', '-')}")
        hints += [f"{one.distribution} {one.version} did not load: {one.cause}" for one in self.broken]
        return "; ".join(hints)


def _by_name(item: tuple[tuple[Kind, str], Registered]) -> tuple[str, str]:
    (kind, name), _ = item
    return kind.value, name


def _offers(manager: PluginManager, plugin: object, owner: str) -> Iterable[Registered]:
    for kind in Kind:
        name = f"jetpack_register_{kind.value}"
        hook = manager.subset_hook_caller(name, [other for other in manager.get_plugins() if other is not plugin])
        for references in hook():
            for reference in references:
                yield Registered(kind, reference, owner)


def _import(entry: Registered) -> object:
    module_name, _, attribute = entry.reference.target.partition(":")
    try:
        return getattr(import_module(module_name), attribute)
    except Exception as error:
        message = f"{entry.kind.noun} {entry.reference.name!r} of {entry.owner} does not load: {error}"
        hint = "" if entry.owner == BUILT_IN else f"upgrade or remove it: pip uninstall {entry.owner}"
        raise PluginError(message, hint=hint) from error
