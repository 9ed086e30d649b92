# SPDX-License-Identifier: GPL-3.0-or-later
"""The helpers: what they take, and what they give."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from jetpack_plugin_handlebars.values import is_truthy, noun, same


class HelperFault(Exception):  # noqa: N818 - rendering tells where
    """A helper cannot do what it is asked for."""


Helper = Callable[..., object]


def _text(value: object) -> str:
    if not isinstance(value, str):
        message = f"text is needed, and this is {noun(value)}"
        raise HelperFault(message)
    return value


def _compare(decide: Callable[[int], bool]) -> Helper:
    def helper(left: object, right: object) -> bool:
        for kinds in ((int, float), (str,)):
            if isinstance(left, kinds) and isinstance(right, kinds) and not isinstance(left, bool | type(None)):
                if isinstance(right, bool):
                    break
                return decide((left > right) - (left < right))  # type: ignore[operator]
        message = f"{noun(left)} and {noun(right)} have no order"
        raise HelperFault(message)

    return helper


def _length(value: object) -> int:
    if isinstance(value, str):
        # As the original counts: in bytes.
        return len(value.encode("utf-8", "surrogatepass"))
    return len(value) if isinstance(value, Mapping | Sequence) else 0


def _contains(whole: object, part: object) -> bool:
    if isinstance(whole, str):
        return _text(part) in whole
    if isinstance(whole, Mapping):
        return part in whole
    return any(same(one, part) for one in whole) if isinstance(whole, Sequence) else False


HELPERS: Final[Mapping[str, tuple[int, Helper]]] = {
    "and": (2, lambda *values: all(map(is_truthy, values))),
    "contains": (2, _contains),
    "ends_with": (2, lambda text, end: _text(text).endswith(_text(end))),
    "eq": (2, same),
    "gt": (2, _compare(lambda order: order > 0)),
    "gte": (2, _compare(lambda order: order >= 0)),
    "isdefined": (1, lambda _value: True),
    "len": (1, _length),
    "lookup": (2, lambda *_values: None),
    "lt": (2, _compare(lambda order: order < 0)),
    "lte": (2, _compare(lambda order: order <= 0)),
    "ne": (2, lambda left, right: not same(left, right)),
    "not": (1, lambda value: not is_truthy(value)),
    "or": (2, lambda *values: any(map(is_truthy, values))),
    "starts_with": (2, lambda text, start: _text(text).startswith(_text(start))),
    "to_lower_case": (1, lambda text: _text(text).lower()),
    "to_upper_case": (1, lambda text: _text(text).upper()),
    "trim": (1, lambda text: _text(text).strip()),
    "trim_end": (1, lambda text: _text(text).rstrip()),
    "trim_start": (1, lambda text: _text(text).lstrip()),
}
"""How many arguments each takes (`and` and `or` take more), and what it does.

`isdefined` and `lookup` are done by the renderer, as they look at what may be missing.
"""
MANY: Final = frozenset({"and", "or"})
BLOCKS: Final = frozenset({"if", "unless", "each", "with"}) | HELPERS.keys()
"""What may begin a block; of other helpers, the truth of the result decides."""
