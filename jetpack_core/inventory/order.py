# SPDX-License-Identifier: GPL-3.0-or-later
"""The order of groups: how deep each lies below `all`, whatever cycles there are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import count
from typing import Final

ALL: Final = "all"
"""The group that every host and group is in."""


class Hierarchy:
    """Which group lies below which; a cycle of groups counts as one place.

    :param subgroups: Every group with its direct subgroups, `all` not among them.
    """

    def __init__(self, subgroups: Mapping[str, Sequence[str]]) -> None:
        self._subgroups = subgroups
        self._cycle_of = _cycles(subgroups)
        self.depths: dict[str, int] = {ALL: 0}
        """Steps from `all`; over several paths, the longest."""
        self.tops: list[str] = []
        """The direct subgroups of `all`: one of each cycle that nothing outside leads to, by name."""
        self.parents: dict[str, list[str]] = {name: [] for name in subgroups}
        """The direct parents of each group, by name."""
        self._find_parents()
        self._measure()
        self._ancestors: dict[str, frozenset[str]] = {}

    def _find_parents(self) -> None:
        for name in sorted(self._subgroups):
            for child in self._subgroups[name]:
                if name not in self.parents[child]:
                    self.parents[child].append(name)
        reached = {self._cycle_of[child] for name in self._subgroups for child in self._outside(name)}
        for name in sorted(self._subgroups):
            if self._cycle_of[name] not in reached:
                reached.add(self._cycle_of[name])
                self.tops.append(name)

    def _outside(self, name: str) -> list[str]:
        return [one for one in self._subgroups[name] if self._cycle_of[one] != self._cycle_of[name]]

    def _measure(self) -> None:
        """Give every cycle the greatest depth over its paths; cycles are numbered with the deepest first."""
        members: dict[int, list[str]] = {}
        for name, number in self._cycle_of.items():
            members.setdefault(number, []).append(name)
        depth = dict.fromkeys(members, 1)
        for number in sorted(members, reverse=True):
            for name in members[number]:
                for child in self._outside(name):
                    depth[self._cycle_of[child]] = max(depth[self._cycle_of[child]], depth[number] + 1)
        self.depths.update((name, depth[number]) for name, number in self._cycle_of.items())

    def ancestors(self, group: str) -> frozenset[str]:
        """Return a group and everything above it."""
        if group not in self._ancestors:
            self._ancestors[group] = frozenset(_reach([group], self.parents)) | {ALL}
        return self._ancestors[group]

    def ordered(self, groups: Sequence[str]) -> tuple[str, ...]:
        """Return groups and everything above them, low precedence first: by depth, then by name."""
        found = frozenset({ALL}).union(*(self.ancestors(one) for one in groups if one != ALL))
        return tuple(sorted(found, key=lambda name: (self.depths[name], name)))


def _reach(start: Sequence[str], steps: Mapping[str, Sequence[str]]) -> set[str]:
    seen, waiting = set(start), list(start)
    while waiting:
        for name in steps.get(waiting.pop(), ()):
            if name not in seen:
                seen.add(name)
                waiting.append(name)
    return seen


def reach(group: str, steps: Mapping[str, Sequence[str]]) -> set[str]:
    """Return a group and everything that steps lead to from it; cycles end the walk."""
    return _reach([group], steps)


def _cycles(subgroups: Mapping[str, Sequence[str]]) -> dict[str, int]:
    """Number the strongly connected groups (Tarjan's algorithm, without recursion); children before parents."""
    found: dict[str, int] = {}
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    numbers = count()
    for root in sorted(subgroups):
        if root in index:
            continue
        work = [(root, iter(subgroups[root]))]
        index[root] = low[root] = len(index)
        stack.append(root)
        while work:
            name, children = work[-1]
            for child in children:
                if child not in index:
                    index[child] = low[child] = len(index)
                    stack.append(child)
                    work.append((child, iter(subgroups[child])))
                    break
                if child not in found:
                    low[name] = min(low[name], index[child])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[name])
                if low[name] == index[name]:
                    _close(name, stack, found, next(numbers))
    return found


def _close(name: str, stack: list[str], found: dict[str, int], number: int) -> None:
    """Take one whole cycle off the stack."""
    while True:
        member = stack.pop()
        found[member] = number
        if member == name:
            return
