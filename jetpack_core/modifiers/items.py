# SPDX-License-Identifier: GPL-3.0-or-later
"""The `items` modifier."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

from jetpack_core.contracts.fields import ExpressionText
from jetpack_core.contracts.modifier import Modifier
from jetpack_core.errors import TaskError

if TYPE_CHECKING:
    from jetpack_core.contracts.host import Scope


class Items(Modifier):
    """Run the task once for each element of a list, as `item` with its number `item_index` (from 0).

    The value is an expression (the name of a variable is one) or a list of anything, whose texts are templates. A
    mapping stands for the list of its pairs, each an item with `key` and `value`. What is empty skips the task. The
    loop ends at the first item that fails, unless failures are ignored.

    Example::

        - !directory
          path: "/srv/{{ item }}"
          with:
            items: [app, logs]
    """

    section: ClassVar[str] = "with"
    value: ExpressionText | list[object] | dict[str, object]

    def expand(self, scope: Scope) -> Sequence[object]:
        """Return the items. Raises TaskError when the expression gives no list."""
        found = scope.evaluate(self.value) if isinstance(self.value, str) else _render(self.value, scope)
        if isinstance(found, Mapping):
            return [{"key": key, "value": value} for key, value in found.items()]
        if isinstance(found, str | bytes) or not isinstance(found, Sequence):
            message = f"'items' needs a list, and {self.value} is {_kind(found)}"
            raise TaskError(message)
        return found


def _kind(value: object) -> str:
    names = {str: "text", dict: "a mapping", int: "a number", float: "a number", bool: "a boolean"}
    return "nothing" if value is None else names.get(type(value), f"a {type(value).__name__}")


def _render(item: object, scope: Scope) -> object:
    match item:
        case str():
            return scope.render(item)
        case Mapping():
            return {key: _render(value, scope) for key, value in item.items()}
        case list():
            return [_render(value, scope) for value in item]
        case _:
            return item
