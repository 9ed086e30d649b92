# SPDX-License-Identifier: GPL-3.0-or-later
"""What the sources of an inventory say, gathered until it can be put together."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from jetpack_core.inventory.model import Group, HostEntry, Inventory
from jetpack_core.inventory.names import expand, fault, nearest
from jetpack_core.inventory.order import ALL, Hierarchy

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from jetpack_core.content.problems import Problems
    from jetpack_core.records import Position
    from jetpack_core.variables.layers import Layer


@dataclass(slots=True)
class GroupDraft:
    """A group as far as it is known; dictionaries keep the order of first mention."""

    hosts: dict[str, None] = field(default_factory=dict)
    subgroups: dict[str, Position] = field(default_factory=dict)
    layers: list[Layer] = field(default_factory=list)


@dataclass(slots=True)
class _Vars:
    """The variables of one name, and where they were first found."""

    position: Position
    layers: list[Layer] = field(default_factory=list)


class Draft:
    """Takes in sources in order, later ones over earlier ones; `build` makes the inventory.

    :param problems: Gets everything that is wrong.
    """

    def __init__(self, problems: Problems) -> None:
        self.problems = problems
        self._groups: dict[str, GroupDraft] = {}
        self._hosts: dict[str, dict[str, None]] = {}
        """Each host with the groups that list it."""
        self._group_vars: dict[str, _Vars] = {}
        self._host_vars: dict[str, _Vars] = {}
        self._warnings: list[str] = []

    def add_group(self, name: str, position: Position) -> bool:
        """Make a group known, and tell whether its name can be one."""
        if wrong := fault(name):
            self.problems.add(position, f"the group name {name!r} {wrong}", _NAME_HINT)
            return False
        self._groups.setdefault(name, GroupDraft())
        return True

    def add_hosts(self, group: str, hosts: Iterable[tuple[str, Position]]) -> None:
        """Put hosts, or ranges of them, into a known group."""
        for pattern, position in hosts:
            try:
                names = expand(pattern)
            except ValueError as error:
                self.problems.add(position, f"the range in {pattern!r} {error}")
                continue
            if wrong := fault(names[0]):
                self.problems.add(position, f"the host name {pattern!r} {wrong}", _NAME_HINT)
            else:
                self._put(names, group)

    def _put(self, hosts: Iterable[str], group: str) -> None:
        for host in hosts:
            self._groups[group].hosts[host] = None
            self._hosts.setdefault(host, {})[group] = None

    def add_subgroups(self, group: str, subgroups: Iterable[tuple[str, Position]]) -> None:
        """Put groups into a known group; they may become known later."""
        below = self._groups[group].subgroups
        for name, position in subgroups:
            if name == ALL:
                self.warn(f"{position}: every group is in 'all', so 'all' cannot be in {group!r}: ignored")
            else:
                below.setdefault(name, position)

    def add_group_layer(self, group: str, layer: Layer, position: Position) -> None:
        """Add variables of a group over those it has."""
        self._group_vars.setdefault(group, _Vars(position)).layers.append(layer)

    def add_host_layer(self, host: str, layer: Layer, position: Position) -> None:
        """Add variables of a host over those it has."""
        self._host_vars.setdefault(host, _Vars(position)).layers.append(layer)

    def warn(self, text: str) -> None:
        """Note something odd that stops nothing."""
        self._warnings.append(text)

    def build(self) -> Inventory:
        """Put everything together; what is missing goes to the problems, to be asked before the result is used."""
        self._groups.setdefault(ALL, GroupDraft())
        self._check_subgroups()
        hierarchy = Hierarchy(
            {
                name: [one for one in draft.subgroups if one in self._groups]
                for name, draft in self._groups.items()
                if name != ALL
            }
        )
        hosts = self._host_entries(hierarchy)
        groups = {name: self._group(name, hierarchy) for name in sorted(self._groups)}
        self._warn_of_strays("group", self._group_vars, groups)
        self._warn_of_strays("host", self._host_vars, hosts)
        return Inventory(groups, hosts, tuple(self._warnings))

    def _check_subgroups(self) -> None:
        for group, draft in self._groups.items():
            for name, position in draft.subgroups.items():
                if name not in self._groups:
                    hint = nearest(name, (one for one in self._groups if one not in {ALL, group}))
                    hint = hint or f"make the file groups/{name}"
                    self.problems.add(position, f"there is no group {name!r}", hint, code="unknown-group")

    def _group(self, name: str, hierarchy: Hierarchy) -> Group:
        draft = self._groups[name]
        layers = self._group_vars[name].layers if name in self._group_vars else ()
        if name == ALL:
            return Group(ALL, tuple(draft.hosts), tuple(hierarchy.tops), (), tuple(layers))
        parents = (ALL,) * (name in hierarchy.tops) + tuple(hierarchy.parents[name])
        return Group(name, tuple(draft.hosts), tuple(draft.subgroups), parents, tuple(layers))

    def _host_entries(self, hierarchy: Hierarchy) -> dict[str, HostEntry]:
        ordered: dict[tuple[str, ...], tuple[str, ...]] = {}
        hosts = {}
        for host, direct in self._hosts.items():
            key = tuple(direct)
            if key not in ordered:
                ordered[key] = hierarchy.ordered(key)
            layers = self._host_vars[host].layers if host in self._host_vars else ()
            hosts[host] = HostEntry(host, ordered[key], tuple(layers))
        return hosts

    def _warn_of_strays(self, noun: str, found: Mapping[str, _Vars], known: Mapping[str, object]) -> None:
        for name, one in found.items():
            if name not in known:
                hint = nearest(name, known)
                self.warn(
                    f"{one.position.file}: variables of {name!r}, but the inventory has no such {noun}"
                    + (f"; {hint}" if hint else "")
                )


_NAME_HINT = "names have no blanks, slashes, brackets or control characters, and do not begin with '-' or '.'"
