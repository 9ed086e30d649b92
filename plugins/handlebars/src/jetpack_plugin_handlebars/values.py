# SPDX-License-Identifier: GPL-3.0-or-later
"""Values as Handlebars sees them: JSON."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence


def is_truthy(value: object, *, zero: bool = False) -> bool:
    """Tell whether a value counts as true; maps always do, and with `zero` the number 0 does."""
    known(value)
    if value is None or isinstance(value, bool):
        return bool(value)
    if isinstance(value, int | float):
        return zero or (value != 0 and not math.isnan(value))
    if isinstance(value, Mapping):
        return True
    return len(value) > 0 if isinstance(value, Sequence) else True


def known(value: object) -> object:
    """Return a value. Raises UnknownValueError for one that plan mode cannot know."""
    if value is not None and not isinstance(value, str | int | float | Mapping | Sequence):
        # What stands for a value that is not known raises on any use, such as this one.
        str(value)
    return value


def same(left: object, right: object) -> bool:
    """Tell whether two values are equal and of the same JSON type: 42 is not "42", nor is true 1."""
    known(left), known(right)
    if isinstance(left, Mapping) and isinstance(right, Mapping):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    if isinstance(left, list | tuple) and isinstance(right, list | tuple):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, int | float) and isinstance(right, int | float):
        return type(left) is type(right) and left == right
    return type(left) is type(right) and left == right


def shown(value: object) -> str:
    """Return a value as text: lists in brackets, maps as a mere `[object]`, null as nothing."""
    known(value)
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        return "[object]"
    if isinstance(value, Sequence) and not isinstance(value, bytes):
        return f"[{', '.join(shown(one) for one in value)}]"
    return str(value)


def noun(value: object) -> str:
    """Say what a value is, never what it holds."""
    if value is None:
        return "null"
    kinds = (
        (bool, "true or false"),
        (str, "text"),
        (int | float, "a number"),
        (Mapping, "a map"),
        (Sequence, "a list"),
    )
    return next((text for kind, text in kinds if isinstance(value, kind)), "a value")
