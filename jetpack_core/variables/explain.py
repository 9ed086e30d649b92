# SPDX-License-Identifier: GPL-3.0-or-later
"""Every variable with its value and all that contributed to it, as rows to print."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from jetpack_core.errors import UsageError
from jetpack_core.variables.layers import explain_path, flatten
from jetpack_core.variables.merge import Effect, plain
from jetpack_core.variables.wording import near

if TYPE_CHECKING:
    from jetpack_core.variables.layers import Contribution, Layer

_WIDTH: Final = 100
_NOWHERE: Final = object()


@dataclass(frozen=True, slots=True)
class Row:
    """One variable, or one value inside a map."""

    path: tuple[str, ...]
    value: object
    """After merging; None for what a higher layer removed."""
    contributions: tuple[Contribution, ...]
    """Low precedence first."""

    @property
    def name(self) -> str:
        """Return the dotted name."""
        return ".".join(self.path)

    @property
    def removed(self) -> bool:
        """Tell whether nothing is left of the value."""
        return bool(self.contributions) and self.contributions[-1].effect is Effect.REMOVED


def rows(layers: Iterable[Layer], name: str = "") -> list[Row]:
    """Explain all variables by name, or those below one name; maps are taken apart into their values.

    Raises UsageError when no layer has the name.
    """
    layers = tuple(layers)
    values = flatten(layers)
    if not name:
        return [row for key in sorted(values) for row in _below((key,), values[key], layers)]
    path = (name,) if name in values else tuple(name.split("."))
    value = _at(values, path)
    if value is not _NOWHERE:
        return list(_below(path, value, layers))
    contributions = explain_path(layers, path)
    if not contributions:
        known = [row.name for key in values for row in _below((key,), values[key], layers)]
        hint = near(name, [*values, *known]) or "leave the name out to see all variables"
        raise UsageError(f"no variable {name!r} is set", hint=hint)
    return [Row(path, None, contributions)]


def _below(path: tuple[str, ...], value: object, layers: Sequence[Layer]) -> Iterator[Row]:
    if isinstance(value, dict) and value:
        for key in value:
            yield from _below((*path, str(key)), value[key], layers)
    else:
        yield Row(path, value, explain_path(layers, path))


def _at(values: Mapping[str, object], path: Sequence[str]) -> object:
    value: object = values
    for key in path:
        if not isinstance(value, Mapping) or key not in value:
            return _NOWHERE
        value = value[key]
    return value


def lines(explained: Iterable[Row]) -> list[str]:
    """Return rows as text: each value, and below it where it comes from, in columns."""
    explained = list(explained)
    places = [str(one.position or "-") for row in explained for one in row.contributions]
    layers = [one.layer for row in explained for one in row.contributions]
    widths = max(map(len, places), default=0), max(map(len, layers), default=0)
    text = []
    for row in explained:
        text.append(f"{printable(row.name)}: {'(removed)' if row.removed else shown(row.value)}")
        text += [_contribution(one, *widths) for one in row.contributions]
    return text


def _contribution(one: Contribution, place_width: int, layer_width: int) -> str:
    place, what = str(one.position or "-"), one.effect.value
    value = "" if one.effect is Effect.REMOVED else f" {shown(plain(one.value))}"
    return f"    {place:<{place_width}}  {printable(one.layer):<{layer_width}}  {what}{value}"


def shown(value: object) -> str:
    """Return data as JSON on one line, cut to a readable length."""
    text = printable(json.dumps(value, ensure_ascii=False, default=str))
    return text if len(text) <= _WIDTH else f"{text[: _WIDTH - 3]}..."


def printable(text: str) -> str:
    """Return text in which nothing can move the cursor or hide on a terminal."""
    return text if text.isprintable() else json.dumps(text)[1:-1]


def as_data(explained: Iterable[Row]) -> list[dict[str, object]]:
    """Return rows as JSON data."""
    return [
        {
            "name": row.name,
            "value": row.value,
            "contributions": [_contribution_data(one) for one in row.contributions],
        }
        for row in explained
    ]


def _contribution_data(one: Contribution) -> dict[str, object]:
    place = one.position
    return {
        "layer": one.layer,
        "file": place.file if place else None,
        "line": place.line if place else None,
        "column": place.column if place else None,
        "effect": one.effect.value,
        "value": plain(one.value),
    }
