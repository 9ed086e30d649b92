# SPDX-License-Identifier: GPL-3.0-or-later
"""How two values of one variable become one."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Final

from jetpack_core.contracts.unknown import Unknown
from jetpack_core.errors import JetpackError
from jetpack_core.variables.data import Replace, SourceMap

if TYPE_CHECKING:
    from jetpack_core.records import Position

REPLACE_SUFFIX: Final = "!replace"

_SCALARS: Final = frozenset({str, int, bool, float})
"""The types of what always replaces; most values are of these, and every task of a run merges them."""


class ListRule(Enum):
    """What a list does to the list below it."""

    CONCATENATE = "concatenate"
    REPLACE = "replace"


class Effect(Enum):
    """What merging a value did to what was there before; the value is the phrase shown to the user."""

    SET = "set"
    MERGED = "merged into"
    APPENDED = "appended"
    REPLACED = "replaced"
    IGNORED = "ignored"
    """A null does not replace a map."""
    REMOVED = "removed"
    """A higher layer replaced what the value was part of."""


def effect(low: object, high: object, *, lists: ListRule) -> Effect:
    """Tell what merging `high` over `low` does."""
    if isinstance(high, Replace):
        return Effect.REPLACED
    low = _unwrap(low)
    if isinstance(low, dict):
        if high is None:
            return Effect.IGNORED
        return Effect.MERGED if isinstance(high, dict) else Effect.REPLACED
    if lists is ListRule.CONCATENATE and isinstance(low, list) and isinstance(high, list):
        return Effect.APPENDED
    return Effect.REPLACED


def merge(low: object, high: object, *, lists: ListRule) -> object:
    """Merge a value over a lower one into plain data that shares nothing with either.

    Maps merge deeply, lists as `lists` says, a null leaves a map alone, anything else replaces. A `Replace`
    in `high` replaces whatever is below it. Nothing is known of an unknown value that may not be replaced wholly.
    Raises JetpackError for data nested too deeply.
    """
    try:
        return _merge(plain(low), high, lists)
    except RecursionError:
        raise _too_deep() from None


def merge_into(result: dict[str, object], values: dict[str, object], *, lists: ListRule) -> None:
    """Merge a map into `result`, plain data of the caller's own. Raises JetpackError as `merge` does."""
    try:
        _merge_maps(result, values, lists)
    except RecursionError:
        raise _too_deep() from None


def plain(value: object) -> object:
    """Copy data deeply into plain maps and lists, with nothing left to replace."""
    if type(value) in _SCALARS:
        return value
    value = _unwrap(value)
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value


def _merge(low: object, high: object, lists: ListRule) -> object:
    """Merge over a plain value that may be changed."""
    if isinstance(low, Unknown) and _keeps_some(high, lists):
        return low
    match effect(low, high, lists=lists):
        case Effect.MERGED if isinstance(low, dict) and isinstance(high, dict):
            _merge_maps(low, high, lists)
            return low
        case Effect.APPENDED if isinstance(low, list) and isinstance(high, list):
            return low + [plain(item) for item in high]
        case Effect.IGNORED:
            return low
    return plain(high)


def _keeps_some(high: object, lists: ListRule) -> bool:
    """Tell whether a value can leave something of what is below it, were that a map or list."""
    return high is None or isinstance(high, dict) or (isinstance(high, list) and lists is ListRule.CONCATENATE)


def _merge_maps(low: dict[str, object], high: dict[str, object], lists: ListRule) -> None:
    for key, value in high.items():
        if type(value) in _SCALARS:
            low[key] = value
        else:
            low[key] = _merge(low[key], value, lists) if key in low else plain(value)


def _unwrap(value: object) -> object:
    while isinstance(value, Replace):
        value = value.value
    return value


def _too_deep() -> JetpackError:
    return JetpackError("variables are nested too deeply to be merged")


def resolve_replace_keys(data: object) -> object:
    """Turn keys that end in `!replace`, as JSON has them, into `Replace` values; positions are kept.

    Where a map has a key both with and without the ending, the one with it counts.
    """
    if isinstance(data, dict):
        return _resolve_map(data)
    if isinstance(data, list):
        return [resolve_replace_keys(item) for item in data]
    return data


def _resolve_map(data: dict[str, object]) -> dict[str, object]:
    result: dict[str, object] = {}
    positions: dict[str, Position] = {}
    known = data.positions if isinstance(data, SourceMap) else {}
    for key in sorted(data, key=_names_replacement):
        name = key.removesuffix(REPLACE_SUFFIX) if _names_replacement(key) else key
        value = resolve_replace_keys(data[key])
        result[name] = Replace(value) if _names_replacement(key) else value
        if key in known:
            positions[name] = known[key]
    return SourceMap(result.items(), positions) if isinstance(data, SourceMap) else result


def _names_replacement(key: object) -> bool:
    return isinstance(key, str) and key.endswith(REPLACE_SUFFIX) and key != REPLACE_SUFFIX
