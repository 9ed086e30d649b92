# SPDX-License-Identifier: GPL-3.0-or-later
"""The variables of a host during a run, and what templates and expressions make of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from jetpack_core.contracts.host import Scope
from jetpack_core.variables.layers import Layer, flatten
from jetpack_core.variables.merge import ListRule

if TYPE_CHECKING:
    from jetpack_core.content.model import Play, RoleScope
    from jetpack_core.inventory.model import Inventory
    from jetpack_core.secrets.vault import Vault
    from jetpack_core.variables.templates import Templates


class HostVariables:
    """One host's variables: the static layers of its play around the facts it has gathered in this run."""

    def __init__(self, name: str, inventory: Inventory, extra: Mapping[str, object]) -> None:
        self.name = name
        self.facts: dict[str, object] = {}
        self.version = 0
        """Grows whenever a fact or saved result is added, so that what was computed before can be told."""
        self.fresh: dict[str, object] = {}
        """What was added since somebody took note of it."""
        self._secret = False
        self._inventory = inventory
        self._extra = Layer("-e", extra, ListRule.REPLACE)
        self._cache: dict[int, Mapping[str, object]] = {}
        self._play: Play | None = None
        self._magic: Mapping[str, object] = {}

    def enter(self, play: Play, magic: Mapping[str, object]) -> None:
        """Begin a play: its variables apply from here on; facts stay."""
        self._play, self._magic = play, magic
        self._cache.clear()
        self.version += 1

    def save(self, values: Mapping[str, object], *, secret: bool = False) -> None:
        """Add facts or saved results; they replace what had their names.

        :param secret: A secret went into them.
        """
        self.facts.update(values)
        self.fresh.update(values)
        self._secret = self._secret or secret
        self._cache.clear()
        self.version += 1

    def take_fresh(self) -> tuple[dict[str, object], bool]:
        """Return what was added since the last time, and whether a secret went into any of it."""
        taken = self.fresh, self._secret
        self.fresh, self._secret = {}, False
        return taken

    def seen_by(self, role: RoleScope | None) -> Mapping[str, object]:
        """Return the merged variables as a task of a role, or of the play itself, sees them."""
        key = id(role)
        found = self._cache.get(key)
        if found is None:
            found = self._cache[key] = flatten(self.layers(role))
        return found

    def layers(self, role: RoleScope | None) -> Iterator[Layer]:
        """Yield the layers that a task of a role, or of the play itself, sees merged; low to high."""
        play = self._play
        yield Layer("built in", self._magic)
        if role is not None:
            yield Layer(f"defaults of role {role.name}", role.defaults)
        if play is not None:
            yield Layer("play defaults", play.defaults)
        yield from self._inventory.layers(self.name)
        yield Layer("facts and saved results", self.facts, ListRule.REPLACE)
        if play is not None:
            yield Layer("play vars", play.vars)
            for values in play.vars_files:
                yield Layer("vars_files", values)
        if role is not None:
            yield Layer(f"vars of role {role.name}", role.vars)
        yield self._extra


class OtherHosts(Mapping[str, object]):
    """`hostvars`: every host's variables by name, computed when looked at."""

    def __init__(self, hosts: Mapping[str, HostVariables], inventory: Inventory) -> None:
        self._hosts = hosts
        self._inventory = inventory

    def __getitem__(self, name: str) -> object:
        known = self._hosts.get(name)
        return known.seen_by(None) if known is not None else self._inventory.variables(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._inventory.hosts)

    def __len__(self) -> int:
        return len(self._inventory.hosts)


class TaskScope(Scope):
    """The variables of one host at one task or item."""

    __slots__ = ("_templates", "_variables")

    def __init__(self, templates: Templates, variables: Mapping[str, object]) -> None:
        self._templates = templates
        self._variables = variables

    @property
    def variables(self) -> Mapping[str, object]:
        """The merged variables."""
        return self._variables

    @property
    def vault(self) -> Vault | None:
        """What decrypts secrets among the variables."""
        return self._templates.vault

    def render(self, text: str) -> object:
        """Render a template."""
        return self._templates.render(text, self._variables)

    def render_shell(self, text: str) -> str:
        """Render shell text under the safety rules."""
        return self._templates.render_shell(text, self._variables)

    def render_text(self, text: str, name: str) -> str:
        """Render the text of a template file."""
        return self._templates.render_text(text, self._variables, name=name)

    def evaluate(self, expression: str, extra: Mapping[str, object] | None = None) -> object:
        """Evaluate an expression."""
        return self._templates.evaluate(expression, {**self._variables, **extra} if extra else self._variables)

    def with_names(self, names: Mapping[str, object]) -> TaskScope:
        """Return this scope with names added, such as an item's."""
        return TaskScope(self._templates, {**self._variables, **names}) if names else self
