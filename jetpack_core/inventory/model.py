# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts, groups and their variable layers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from jetpack_core.errors import UsageError
from jetpack_core.inventory.names import nearest
from jetpack_core.inventory.order import ALL, reach
from jetpack_core.variables.layers import Layer, flatten


@dataclass(frozen=True, slots=True)
class Group:
    """A named set of hosts and of other groups."""

    name: str
    hosts: tuple[str, ...] = ()
    """Its direct hosts, as listed."""
    subgroups: tuple[str, ...] = ()
    """Its direct subgroups, as listed (those of `all`: by name)."""
    parents: tuple[str, ...] = ()
    layers: tuple[Layer, ...] = ()
    """Its variables, one layer per file, low precedence first."""


@dataclass(frozen=True, slots=True)
class HostEntry:
    """A host as the inventory knows it."""

    name: str
    groups: tuple[str, ...]
    """Every group it is in, from low precedence to high: by depth below `all`, then by name."""
    layers: tuple[Layer, ...] = ()
    """Its own variables, one layer per file, low precedence first."""


class Inventory:
    """Everything known of hosts before any of them is contacted.

    :param groups: By name, `all` among them.
    :param hosts: In inventory order: files sorted by name, hosts as listed, first mention wins.
    :param warnings: What is odd but stops nothing.
    """

    def __init__(
        self, groups: Mapping[str, Group], hosts: Mapping[str, HostEntry], warnings: tuple[str, ...] = ()
    ) -> None:
        self.groups = groups
        self.hosts = hosts
        self.warnings = warnings
        self._members: dict[str, tuple[str, ...]] = {}
        self._shared: dict[tuple[str, ...], dict[str, object]] = {}
        self._variables: dict[str, Mapping[str, object]] = {}
        self._learned: dict[str, Layer] = {}

    def layers(self, host: str) -> tuple[Layer, ...]:
        """Return a host's variable layers, low precedence first: its groups' and its own. Raises UsageError."""
        entry = self._entry(host)
        learned = (self._learned[host],) if host in self._learned else ()
        return (*learned, *(layer for name in entry.groups for layer in self.groups[name].layers), *entry.layers)

    def variables(self, host: str) -> Mapping[str, object]:
        """Return a host's variables, merged; they are kept and MUST NOT be changed. Raises UsageError."""
        if host not in self._variables:
            self._variables[host] = self._merged(host, self._entry(host))
        return self._variables[host]

    def _merged(self, host: str, entry: HostEntry) -> Mapping[str, object]:
        if host in self._learned:
            return flatten(self.layers(host))
        below = self._of_groups(entry.groups)
        return flatten((Layer("groups", below), *entry.layers)) if entry.layers else below

    def learn(self, host: str, values: Mapping[str, object]) -> None:
        """Add what was found out about a host; whatever is written about it in the inventory beats that."""
        self._learned[host] = Layer("learned when it was provisioned", values)
        self._variables.pop(host, None)

    def _of_groups(self, groups: tuple[str, ...]) -> dict[str, object]:
        """Return what the hosts of the same groups have in common, merged once for all of them."""
        if groups not in self._shared:
            self._shared[groups] = flatten(layer for name in groups for layer in self.groups[name].layers)
        return self._shared[groups]

    def _entry(self, host: str) -> HostEntry:
        try:
            return self.hosts[host]
        except KeyError:
            raise _unknown([("host", host, nearest(host, self.hosts))]) from None

    def members(self, group: str) -> tuple[str, ...]:
        """Return the hosts of a group and of its subgroups, in inventory order. Raises UsageError."""
        if group not in self._members:
            if group not in self.groups:
                raise _unknown([("group", group, nearest(group, self.groups))])
            self._members[group] = self._find_members(group)
        return self._members[group]

    def _find_members(self, group: str) -> tuple[str, ...]:
        if group == ALL:
            return tuple(self.hosts)
        below = reach(group, {name: one.subgroups for name, one in self.groups.items()})
        found = {host for name in below for host in self.groups[name].hosts}
        return tuple(host for host in self.hosts if host in found)

    def select(
        self, groups: Iterable[str], limit_hosts: Iterable[str] = (), limit_groups: Iterable[str] = ()
    ) -> tuple[str, ...]:
        """Return the hosts that are in any of the groups and within both limits, in inventory order.

        A limit without names limits nothing. Raises UsageError for names that are not in the inventory.
        """
        wanted, hosts, within = tuple(groups), frozenset(limit_hosts), tuple(limit_groups)
        self._check(hosts, (*wanted, *within))
        chosen = self._union(wanted)
        if hosts:
            chosen &= hosts
        if within:
            chosen &= self._union(within)
        return tuple(host for host in self.hosts if host in chosen)

    def _union(self, groups: Iterable[str]) -> frozenset[str]:
        return frozenset[str]().union(*(self.members(name) for name in groups))

    def _check(self, hosts: Iterable[str], groups: Iterable[str]) -> None:
        unknown = [("host", name, nearest(name, self.hosts)) for name in sorted(hosts) if name not in self.hosts]
        unknown += [("group", name, self._no_group(name)) for name in groups if name not in self.groups]
        if unknown:
            raise _unknown(unknown)

    def _no_group(self, name: str) -> str:
        if name in self.hosts:
            return f"{name!r} is a host: name one of its groups, such as all, and --limit-hosts {name}"
        return nearest(name, self.groups)


def _unknown(names: list[tuple[str, str, str]]) -> UsageError:
    """Make one error of (noun, name, hint) triples."""
    message = ", and ".join(f"no {noun} {name!r}" for noun, name, _ in names)
    hints = list(dict.fromkeys(hint for _, _, hint in names if hint))
    return UsageError(
        f"the inventory has {message}", hint=" ".join(hints) or "list what it has: jetpack show-inventory"
    )
