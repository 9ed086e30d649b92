# SPDX-License-Identifier: GPL-3.0-or-later
"""Variables that hide others where that is rarely meant: which wins, and where both stand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final

from jetpack_core.analysis.findings import Finding, Findings, Severity
from jetpack_core.analysis.hosts import BUILT_IN
from jetpack_core.inventory.order import reach
from jetpack_core.records import Position
from jetpack_core.variables.data import Replace

if TYPE_CHECKING:
    from jetpack_core.analysis.hosts import PlayHosts
    from jetpack_core.analysis.places import Places
    from jetpack_core.content.model import Task
    from jetpack_core.inventory.model import Inventory
    from jetpack_core.variables.layers import Layer

SHADOWED: Final = "shadowed-variable"
HIDDEN_RESULT: Final = "hidden-result"
RESERVED: Final = "reserved-name"
_PLAY: Final = ("play vars", "vars_files")
_PLAY_WINS: Final = "play vars beat the inventory; `defaults:` of the play would not"
_GROUPS_MEET: Final = "neither group is in the other: the deeper one wins, then the later name; say it in the host"
_GROUP: Final = "group "
_HOST: Final = "host "


class Shadows:
    """Finds what hides something else. That a host beats its groups, and a group those it is in, is their purpose."""

    def __init__(self, inventory: Inventory, places: Places) -> None:
        self._inventory = inventory
        self._places = places
        self._below: dict[str, frozenset[str]] = {}

    def of(self, hosts: PlayHosts) -> Iterator[Finding]:
        """Yield what is hidden in a play."""
        found = Findings()
        seen: dict[tuple[str, ...], tuple[Finding, ...]] = {}
        for host in hosts.names:
            entry = self._inventory.hosts[host]
            # Hosts without variables of their own differ by their groups only.
            key = (host,) if entry.layers else ("", *entry.groups)
            if key not in seen:
                seen[key] = tuple(self._on(host, hosts))
            for finding in seen[key]:
                found.add(finding, (host,))
        yield from found.merged(frozenset(hosts.names))
        yield from self._hidden_results(hosts)

    def _on(self, host: str, hosts: PlayHosts) -> Iterator[Finding]:
        layers = [layer for layer in hosts.layers(host, None) if layer.values]
        for number, layer in enumerate(layers):
            for name in layer.values:
                if name in BUILT_IN:
                    yield from self._reserved(name, layer)
            for lower in layers[:number]:
                if self._is_strange(lower, layer):
                    yield from self._between(lower, layer)

    def _is_strange(self, lower: Layer, upper: Layer) -> bool:
        """Tell whether one layer is rarely meant to beat another."""
        if upper.name in _PLAY:
            return lower.name.startswith((_GROUP, _HOST))
        if upper.name.startswith(_GROUP) and lower.name.startswith(_GROUP):
            return not self._contains(lower.name.removeprefix(_GROUP), upper.name.removeprefix(_GROUP))
        return False

    def _contains(self, group: str, other: str) -> bool:
        """Tell whether a group is, or has below it, another one."""
        if group not in self._below:
            tree = {name: one.subgroups for name, one in self._inventory.groups.items()}
            self._below[group] = frozenset(reach(group, tree))
        return other == group or other in self._below[group]

    def _between(self, lower: Layer, upper: Layer) -> Iterator[Finding]:
        for name in upper.values:
            if name not in lower.values:
                continue
            for path in _replaced(lower.values[name], upper.values[name], (name,)):
                yield self._shadowed(path, lower, upper)

    def _shadowed(self, path: tuple[str, ...], lower: Layer, upper: Layer) -> Finding:
        winner, loser = _position(upper.values, path), _position(lower.values, path)
        name = ".".join(path)
        where = f" at {loser}" if loser is not None else ""
        message = f"{name!r} of {_called(upper)} hides that of {_called(lower)}{where}"
        hint = _PLAY_WINS if upper.name in _PLAY else _GROUPS_MEET
        position = winner or loser or self._nowhere(upper)
        related = ((loser, f"the hidden {name!r}"),) if loser is not None else ()
        return Finding(
            SHADOWED, Severity.WARNING, position, message, hint, related=related, source_line=self._line(position)
        )

    def _reserved(self, name: str, layer: Layer) -> Iterator[Finding]:
        position = _position(layer.values, (name,))
        if position is not None:
            message = f"{name!r} is what Jetpack itself calls something; this hides it"
            yield Finding(
                RESERVED, Severity.WARNING, position, message, "use another name", source_line=self._line(position)
            )

    def _hidden_results(self, hosts: PlayHosts) -> Iterator[Finding]:
        """Yield results that are saved under a name that play or role variables take."""
        play = hosts.play
        above: list[tuple[str, Mapping[str, object]]] = [("play vars", play.vars)]
        above += [("vars_files", values) for values in play.vars_files]
        for task in (*play.tasks, *play.handlers):
            parameter = task.parameters.get("save") if "save" in task.module_class.model_fields else None
            if parameter is None or parameter.templated:
                continue
            name = str(parameter.value)
            for label, values in (*above, *_of_role(task)):
                if name in values:
                    winner = _position(values, (name,))
                    where = f" at {winner}" if winner is not None else ""
                    message = f"the result saved as {name!r} is never seen: {label}{where} beat saved results"
                    yield Finding(
                        HIDDEN_RESULT,
                        Severity.WARNING,
                        parameter.position,
                        message,
                        "save it under another name",
                        related=((winner, f"{name!r} of {label}"),) if winner is not None else (),
                        source_line=self._line(parameter.position),
                    )

    def _nowhere(self, layer: Layer) -> Position:
        known: Mapping[str, Position] = getattr(layer.values, "positions", {})
        return next(iter(known.values()), Position(layer.name, 1, 1))

    def _line(self, position: Position) -> str:
        return self._places.line(position)


def _replaced(lower: object, upper: object, path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """Yield the paths at which one value takes the place of another that differs."""
    if isinstance(upper, Replace):
        return
    if isinstance(lower, dict) and isinstance(upper, dict):
        for key in dict.keys(upper):
            if key in dict.keys(lower):
                yield from _replaced(dict.__getitem__(lower, key), dict.__getitem__(upper, key), (*path, str(key)))
    elif isinstance(lower, list) and isinstance(upper, list):
        return
    elif upper is not None and (type(lower) is not type(upper) or lower != upper):
        yield path


def _position(values: Mapping[str, object], path: tuple[str, ...]) -> Position | None:
    """Return where a value stands, or what it is part of."""
    found: Position | None = None
    node: object = values
    for key in path:
        known: Mapping[str, Position] = getattr(node, "positions", {})
        found = known.get(key, found)
        node = node.get(key) if isinstance(node, Mapping) else None
    return found


def _called(layer: Layer) -> str:
    return "the play's vars" if layer.name == "play vars" else layer.name


def _of_role(task: Task) -> list[tuple[str, Mapping[str, object]]]:
    return [] if task.role is None else [(f"the vars of role {task.role.name}", task.role.vars)]
