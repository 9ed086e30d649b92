# SPDX-License-Identifier: GPL-3.0-or-later
"""Layers of variables, low to high: flattened into what a host sees, or explained value by value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeGuard

from jetpack_core.variables.data import Replace
from jetpack_core.variables.merge import Effect, ListRule, effect, merge, merge_into

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from jetpack_core.records import Position

_ABSENT: Final = object()


@dataclass(frozen=True, slots=True)
class Layer:
    """One source of variables, such as a group, and what its lists do to the lists below."""

    name: str
    """As shown to the user: `group web`, `role nginx vars`."""
    values: Mapping[str, object]
    lists: ListRule = ListRule.CONCATENATE


@dataclass(frozen=True, slots=True)
class Contribution:
    """What one layer does to one variable."""

    layer: str
    position: Position | None
    """Where the value is written; None for facts, results and values without a file."""
    value: object
    """The layer's own value, before merging; None for one that is removed."""
    effect: Effect


def flatten(layers: Iterable[Layer]) -> dict[str, object]:
    """Merge layers, low to high, into plain data that shares nothing with them. Raises JetpackError."""
    result: dict[str, object] = {}
    for layer in layers:
        merge_into(result, dict(layer.values), lists=layer.lists)
    return result


def explain(layers: Iterable[Layer], name: str) -> tuple[Contribution, ...]:
    """Return what every layer does to a variable, low to high.

    :param name: A variable, or a dotted path into a map, such as `nginx.ports`.
    """
    layers = tuple(layers)
    whole = any(name in layer.values for layer in layers)
    return explain_path(layers, (name,) if whole else tuple(name.split(".")))


def explain_path(layers: Iterable[Layer], path: Sequence[object]) -> tuple[Contribution, ...]:
    """Return what every layer does to the value at a path of keys, low to high."""
    state: object = _ABSENT
    contributions = []
    for layer in layers:
        found = _find(layer.values, path)
        if found is None or (found.value is _ABSENT and state is _ABSENT):
            continue
        what = _effect(state, found, layer.lists)
        contributions.append(Contribution(layer.name, found.position, _shown(found.value), what))
        state = _ABSENT if what is Effect.REMOVED else _next(state, found, layer.lists)
    return tuple(contributions)


@dataclass(frozen=True, slots=True)
class _Found:
    value: object
    """`_ABSENT` when the layer replaces what the value would be part of."""
    position: Position | None
    replaces: bool
    """Something above it in the layer is tagged `!replace`."""


def _find(values: Mapping[str, object], path: Sequence[object]) -> _Found | None:
    """Look a path up in one layer; None when the layer says nothing about it."""
    node: object = values
    position: Position | None = None
    replaces = False
    for key in path:
        while isinstance(node, Replace):
            replaces, node = True, node.value
        if node is None and not replaces:
            return None
        if not _is_map(node):
            return _Found(_ABSENT, position, replaces=True)
        if key not in node:
            return _Found(_ABSENT, position, replaces) if replaces else None
        known: Mapping[str, Position] | None = getattr(node, "positions", None)
        position = known.get(str(key), position) if known is not None else None
        node = node[key]
    return _Found(node, position, replaces)


def _is_map(node: object) -> TypeGuard[Mapping[object, object]]:
    return isinstance(node, Mapping)


def _effect(state: object, found: _Found, lists: ListRule) -> Effect:
    if found.value is _ABSENT:
        return Effect.REMOVED
    if state is _ABSENT:
        return Effect.SET
    return Effect.REPLACED if found.replaces else effect(state, found.value, lists=lists)


def _next(state: object, found: _Found, lists: ListRule) -> object:
    value = Replace(found.value) if found.replaces or state is _ABSENT else found.value
    return merge(None if state is _ABSENT else state, value, lists=lists)


def _shown(value: object) -> object:
    while isinstance(value, Replace):
        value = value.value
    return None if value is _ABSENT else value
