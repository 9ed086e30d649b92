# SPDX-License-Identifier: GPL-3.0-or-later
"""Ansible's loops as `items`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from jetpack_core.conversion.arguments import split_pairs
from jetpack_core.conversion.ledger import Refused

if TYPE_CHECKING:
    from jetpack_core.conversion.expressions import Rewriter

_LISTS: Final = ("loop", "with_items", "with_list", "with_flattened")
_HINTS: Final = {
    "with_fileglob": "write the files as a list; `copy` takes a whole folder",
    "with_first_found": "write two tasks with a condition each",
    "with_nested": "write the combinations as a list, or a task for each of the outer ones",
    "with_subelements": "write the combinations as a list",
}


def loop_key(keys: list[str]) -> str | None:
    """Return the key of a task that makes it a loop."""
    return next((key for key in keys if key == "loop" or key.startswith("with_")), None)


def items(key: str, value: object, rewriter: Rewriter) -> object:
    """Return what `items` takes. Raises Refused."""
    if key in _LISTS:
        return _list(key, value, rewriter)
    if key == "with_dict":
        return rewriter.expression(value) if isinstance(value, str) else _rewritten(value, rewriter)
    if key == "with_together" and isinstance(value, list) and value:
        lists = [literal(one, rewriter) for one in value]
        return f"{lists[0]} | zip({', '.join(lists[1:])})"
    if key == "with_sequence" and isinstance(value, str):
        return _sequence(value)
    raise Refused(f"the loop {key}", _HINTS.get(key, "write the list under `items`"))


def _list(key: str, value: object, rewriter: Rewriter) -> object:
    if isinstance(value, str):
        return rewriter.expression(value) if "{{" in value or key == "loop" else [value]
    if not isinstance(value, list):
        raise Refused(f"`{key}` is no list", "write the list under `items`")
    if key != "loop" and any(isinstance(one, str) and one.strip().startswith("{{") for one in value):
        # Where an element is itself a list, its elements are looped over.
        return f"[{', '.join(literal(one, rewriter) for one in value)}] | flatten(1)"
    if key in {"with_items", "with_flattened"}:
        value = [inner for one in value for inner in (one if isinstance(one, list) else [one])]
    return _rewritten(value, rewriter)


def _rewritten(value: object, rewriter: Rewriter) -> object:
    if isinstance(value, str):
        return rewriter.template(value)
    if isinstance(value, dict):
        return {key: _rewritten(inner, rewriter) for key, inner in value.items()}
    return [_rewritten(inner, rewriter) for inner in value] if isinstance(value, list) else value


def literal(value: object, rewriter: Rewriter) -> str:
    """Return an expression that gives a value with templates in it. Raises Refused."""
    if isinstance(value, str):
        return rewriter.value(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        pairs = (f"{key!r}: {literal(inner, rewriter)}" for key, inner in value.items())
        return f"{{{', '.join(pairs)}}}"
    if isinstance(value, list):
        return f"[{', '.join(literal(inner, rewriter) for inner in value)}]"
    return "none" if value is None else repr(value)


def _sequence(text: str) -> str:
    pairs, rest = split_pairs(text)
    numbers = {key: str(value) for key, value in pairs.items()}
    is_plain = all(number.lstrip("-").isdecimal() for number in numbers.values())
    if (
        rest
        or not is_plain
        or set(numbers) - {"start", "end", "count", "stride"}
        or not {"end", "count"} & set(numbers)
    ):
        raise Refused(f"with_sequence: {text}", "write the list under `items`, such as: range(1, 5) | list")
    start = int(numbers.get("start", "1"))
    stride = int(numbers.get("stride", "1"))
    end = int(numbers["end"]) if "end" in numbers else start + (int(numbers["count"]) - 1) * stride
    beyond = end + (1 if stride > 0 else -1)
    return f"range({start}, {beyond}{f', {stride}' if stride != 1 else ''}) | list"
