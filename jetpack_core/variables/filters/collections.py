# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters and tests on lists, maps and truth."""

from __future__ import annotations

import builtins
from collections.abc import Iterable, Mapping
from typing import Final

from jetpack_core.variables import merge


def combine(value: object, *others: object, lists: str = "replace") -> object:
    """Merge maps deeply, later ones over earlier ones; lists: 'replace' or 'concatenate'."""
    try:
        rule = merge.ListRule(lists)
    except ValueError:
        raise ValueError("lists must be 'replace' or 'concatenate'") from None
    result = merge.plain(_map(value))
    for other in others:
        result = merge.merge(result, _map(other), lists=rule)
    return result


def union(value: Iterable[object], other: Iterable[object]) -> list[object]:
    """Return the different elements of two lists."""
    return _unique([*_list(value), *_list(other)])


def intersect(value: Iterable[object], other: Iterable[object]) -> list[object]:
    """Return the different elements that both lists have."""
    known = set(map(_identity, _list(other)))
    return [item for item in _unique(_list(value)) if _identity(item) in known]


def difference(value: Iterable[object], other: Iterable[object]) -> list[object]:
    """Return the different elements of a list that the other does not have."""
    known = set(map(_identity, _list(other)))
    return [item for item in _unique(_list(value)) if _identity(item) not in known]


def dict2items(value: object, key_name: str = "key", value_name: str = "value") -> list[dict[str, object]]:
    """Turn a map into a list of maps with a key and a value each."""
    return [{key_name: key, value_name: item} for key, item in _map(value).items()]


def items2dict(value: Iterable[object], key_name: str = "key", value_name: str = "value") -> dict[object, object]:
    """Turn a list of maps with a key and a value each into one map."""
    items = [_map(item) for item in _list(value)]
    return {item[key_name]: item[value_name] for item in items}


def flatten(value: Iterable[object], levels: int | None = None) -> list[object]:
    """Put the elements of lists within a list in their place, at all levels or so many."""
    result: list[object] = []
    for item in _list(value):
        if isinstance(item, list | tuple) and levels != 0:
            result += flatten(item, None if levels is None else levels - 1)
        else:
            result.append(item)
    return result


def zip_lists(value: Iterable[object], *others: Iterable[object]) -> list[list[object]]:
    """Return lists of the first elements, the second ones, and so on until the shortest list ends."""
    pairs = zip(_list(value), *map(_list, others), strict=False)
    return [list(pair) for pair in pairs]


_TRUE: Final = frozenset({"true", "yes", "on", "y", "t", "1"})
_FALSE: Final = frozenset({"false", "no", "off", "n", "f", "0", ""})


def to_bool(value: object) -> bool:
    """Read true, yes, on and 1 as true, and false, no, off, 0, empty text and null as false; others are errors."""
    if value is None or isinstance(value, bool):
        return bool(value)
    word = str(value).strip().lower()
    if word in _TRUE or word in _FALSE:
        return word in _TRUE
    raise ValueError("the value is neither like true nor like false")


def ternary(value: object, if_true: object, if_false: object, if_null: object = None) -> object:
    """Return one of two values by the truth of the filtered one; a third, when given, for null."""
    if value is None and if_null is not None:
        return if_null
    return if_true if value else if_false


def contains(value: object, element: object) -> bool:
    """Tell whether a list has an element, a map a key, or text other text."""
    if isinstance(value, str):
        return isinstance(element, str) and element in value
    if isinstance(value, Mapping):
        return any(json_equal(key, element) for key in value)
    return any(json_equal(item, element) for item in _list(value))


def subset(value: Iterable[object], other: Iterable[object]) -> bool:
    """Tell whether every element of a list is in the other."""
    return set(map(_identity, _list(value))) <= set(map(_identity, _list(other)))


def superset(value: Iterable[object], other: Iterable[object]) -> bool:
    """Tell whether a list has every element of the other."""
    return subset(other, value)


def json_equal(value: object, other: object) -> bool:
    """Tell whether two values are of the same JSON type and equal: neither is 42 "42", nor is true 1."""
    return _identity(value) == _identity(other)


def all_true(value: Iterable[object]) -> bool:
    """Tell whether every element of a list is true."""
    return builtins.all(_list(value))


def any_true(value: Iterable[object]) -> bool:
    """Tell whether an element of a list is true."""
    return builtins.any(_list(value))


def _identity(value: object) -> object:
    """Return something hashable that is equal for values equal in JSON."""
    if isinstance(value, bool) or value is None:
        return ("constant", value)
    if isinstance(value, Mapping):
        return ("map", frozenset((_identity(key), _identity(item)) for key, item in value.items()))
    if isinstance(value, list | tuple):
        return ("list", tuple(map(_identity, value)))
    return value if isinstance(value, str | int | float) else hash(value)


def _unique(items: Iterable[object]) -> list[object]:
    first: dict[object, object] = {}
    for item in items:
        first.setdefault(_identity(item), item)
    return list(first.values())


def _map(value: object) -> dict[str, object]:
    if not isinstance(value, Mapping):
        raise TypeError("it takes maps")
    return dict(value)


def _list(value: object) -> list[object]:
    if isinstance(value, str | Mapping) or not isinstance(value, Iterable):
        raise TypeError("it takes lists")
    return list(value)
