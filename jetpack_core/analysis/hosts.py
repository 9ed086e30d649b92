# SPDX-License-Identifier: GPL-3.0-or-later
"""The variables of hosts as far as they are known before a run, and which hosts need not be looked at one by one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Final

from jetpack_core.contracts.unknown import Unknown
from jetpack_core.engine.scope import HostVariables
from jetpack_core.secrets.values import Sealed, holds_sealed
from jetpack_core.variables.layers import Layer, flatten

if TYPE_CHECKING:
    from jetpack_core.analysis.texts import TaskTexts
    from jetpack_core.analysis.timeline import Timeline
    from jetpack_core.content.model import Play, RoleScope
    from jetpack_core.inventory.model import Inventory
    from jetpack_core.secrets.vault import Vault

OF_EACH_HOST: Final = frozenset({"inventory_hostname", "inventory_hostname_short", "delegate_host"})
"""What every host has with a value of its own."""
BUILT_IN: Final = OF_EACH_HOST | {"groups", "hostvars", "item", "item_index", "jet_play_hosts"}
"""Names that Jetpack gives a meaning; a variable of that name hides it, or is hidden."""
_PROVISION: Final = "provision"
_AWAY: Final = ("absent", "stopped")
_LEARNED: Final = ("jet_ssh_", "jet_connection")

Place = tuple[int, int]
"""The number of a play in the run, and of a task in the play."""


class PlayHosts:
    """The hosts of one play.

    :param number: the play's, in the run.
    :param earlier: the hosts of each play before it, whose results these hosts may have.
    """

    def __init__(
        self,
        number: int,
        play: Play,
        inventory: Inventory,
        extra: Mapping[str, object],
        timeline: Timeline,
        vault: Vault,
        earlier: Sequence[frozenset[str]],
    ) -> None:
        self.number = number
        self._earlier = earlier
        self.play = play
        known = [group for group in play.groups if group in inventory.groups]
        self._inventory = inventory
        self.names = tuple(name for name in inventory.select(known) if not self._is_away(name, extra))
        self._extra = extra
        self._timeline = timeline
        self._vault = vault
        self._hosts: dict[str, HostVariables] = {}
        self._own: dict[str, frozenset[str]] = {}
        self._groups: dict[str, Sequence[str]] | None = None
        self._shared: dict[tuple[object, ...], dict[str, object]] = {}

    def alike(self, texts: TaskTexts, chosen: Sequence[str]) -> Iterable[tuple[str, tuple[str, ...]]]:
        """Yield hosts that must be looked at for some texts, each with those for which the same will be found.

        :param chosen: the hosts to choose from.
        """
        names = texts.names
        if texts.more_files or names & OF_EACH_HOST:
            return [(name, (name,)) for name in chosen]
        found: dict[tuple[object, ...], list[str]] = {}
        for name in chosen:
            key = (name,) if names & self._names_of(name) else self._kinds[name]
            found.setdefault(key, []).append(name)
        return [(hosts[0], tuple(hosts)) for hosts in found.values()]

    @cached_property
    def _kinds(self) -> Mapping[str, tuple[object, ...]]:
        """Return what tells hosts without variables of their own apart: groups, and the plays they were in before."""
        hosts = self._inventory.hosts
        return {name: (hosts[name].groups, *(name in members for members in self._earlier)) for name in self.names}

    def _names_of(self, host: str) -> frozenset[str]:
        """Return the variables that a host has of its own."""
        if host not in self._own:
            layers = self._inventory.hosts[host].layers
            self._own[host] = frozenset(name for layer in layers for name in layer.values)
        return self._own[host]

    def layers(self, host: str, role: RoleScope | None) -> Iterable[Layer]:
        """Yield the layers of a host's variables, low to high, facts and results left out."""
        if host not in self._hosts:
            made = HostVariables(host, self._inventory, self._extra)
            made.enter(self.play, {})
            self._hosts[host] = made
        return self._hosts[host].layers(role)

    def variables(self, host: str, role: RoleScope | None, order: int, names: frozenset[str]) -> dict[str, object]:
        """Return those of some variables that a task finds on a host; what only a run can tell is Unknown.

        :param order: the task's number in the play.
        """
        made = self._made(host, role, names, order)
        own = names & self._names_of(host)
        rest = names - own
        key = (self._inventory.hosts[host].groups, id(role), rest, frozenset(made))
        if key not in self._shared:
            self._shared[key] = self._merged(host, role, rest, made)
        found = {**self._magic(host, names), **self._shared[key]}
        return {**found, **self._merged(host, role, own, made)} if own else found

    def _merged(
        self, host: str, role: RoleScope | None, names: frozenset[str], made: Mapping[str, object]
    ) -> dict[str, object]:
        return flatten(
            Layer(layer.name, _part(made if layer.name == _RESULTS else layer.values, names), layer.lists)
            for layer in self.layers(host, role)
        )

    def _made(self, host: str, role: RoleScope | None, names: frozenset[str], order: int) -> dict[str, object]:
        """Return what facts and results of earlier tasks may be."""
        found: dict[str, object] = {}
        for name in self._timeline.among(names):
            maker = self._timeline.before(name, self.number, order, host)
            if maker is not None and maker.name is not None:
                found[name] = Unknown(f"only the task {maker.task.name!r} can tell")
        maker = self._timeline.of_any_before(self.number, order, host)
        if maker is not None:
            # What nothing else defines stays missing, so that it can be told that this task may define it.
            known = {name for layer in self.layers(host, role) for name in layer.values}
            unknown = Unknown(f"the task {maker.task.name!r} may set it")
            found.update(dict.fromkeys(names & known - found.keys(), unknown))
        return found

    def defines(self, host: str, role: RoleScope | None, name: str) -> bool:
        """Tell whether a variable is there whatever tasks do."""
        return any(name in layer.values for layer in self.layers(host, role))

    def _magic(self, host: str, names: frozenset[str]) -> dict[str, object]:
        values: dict[str, object] = {
            "inventory_hostname": host,
            "inventory_hostname_short": host.partition(".")[0],
            "jet_play_hosts": Unknown("limits may leave hosts out"),
            "hostvars": Unknown("results of other hosts may be among their variables"),
        }
        if "groups" in names:
            values["groups"] = self._members()
        return {name: value for name, value in values.items() if name in names}

    def _members(self) -> dict[str, Sequence[str]]:
        if self._groups is None:
            self._groups = {name: list(self._inventory.members(name)) for name in self._inventory.groups}
        return self._groups

    def may_be_learned(self, host: str, name: str) -> bool:
        """Tell whether a variable may become known when the host is provisioned."""
        return name.startswith(_LEARNED) and _PROVISION in self._inventory.variables(host)

    def _is_away(self, host: str, extra: Mapping[str, object]) -> bool:
        """Tell whether a host is a guest that is not to be there, so that no task runs on it."""
        if not any(_PROVISION in layer.values for layer in self._inventory.layers(host)):
            return False
        wanted = [values.get(_PROVISION) for values in (self._inventory.variables(host), extra)]
        states = [dict.get(one, "state") for one in wanted if isinstance(one, dict)]
        return next((state for state in reversed(states) if state is not None), None) in _AWAY

    def covered(
        self, look: Callable[[frozenset[str]], Mapping[str, object]], names: frozenset[str]
    ) -> Mapping[str, object]:
        """Return variables with every secret among them unknown: nothing is decrypted to check."""
        values = look(names)
        if not self._vault.in_use:
            return values
        return {name: _covered(value) if holds_sealed(value) else value for name, value in values.items()}


_RESULTS: Final = "facts and saved results"


def _part(values: Mapping[str, object], names: frozenset[str]) -> dict[str, object]:
    if len(values) < len(names):
        return {name: value for name, value in values.items() if name in names}
    return {name: values[name] for name in names if name in values}


def _covered(value: object) -> object:
    if isinstance(value, Sealed):
        return Unknown("it is a secret")
    if isinstance(value, dict):
        return {key: _covered(one) for key, one in dict.items(value)}
    if isinstance(value, list):
        return [_covered(one) for one in list.__iter__(value)]
    return value
