# SPDX-License-Identifier: GPL-3.0-or-later
"""Read mappings of a fixed set of keys, such as plays and roles; every fault is noted and reads as not given."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from jetpack_core.content.nodes import Mapping, Node, Scalar, Sequence
from jetpack_core.content.problems import suggest
from jetpack_core.content.yaml import check_tag, to_data, to_text
from jetpack_core.variables.data import SourceMap

if TYPE_CHECKING:
    import collections.abc

    from jetpack_core.content.problems import Problems
    from jetpack_core.records import Position

_NUMBER: Final = re.compile(r"[0-9]{1,9}")


class Section:
    """A mapping whose keys are known.

    :param noun: what it is, such as `a play`.
    :param hints: for keys that other tools have.
    """

    def __init__(
        self,
        node: Mapping,
        noun: str,
        known: collections.abc.Sequence[str],
        problems: Problems,
        hints: collections.abc.Mapping[str, str] | None = None,
    ) -> None:
        self.node = node
        self._problems = problems
        self._noun = noun
        self._values: dict[str, Node] = {}
        check_tag(node, problems)
        for key, value in node.pairs:
            if key.text not in known:
                hint = (hints or {}).get(key.text) or suggest(key.text, known)
                problems.add(key, f"{noun} has no key `{key.text}`", hint, code="unknown-key")
            elif not (isinstance(value, Scalar) and value.empty):
                self._values[key.text] = value

    @property
    def position(self) -> Position:
        """Return where it begins."""
        return self.node.position

    def get(self, key: str) -> Node | None:
        """Return a key's value; None where it is missing or empty."""
        return self._values.get(key)

    def require(self, key: str, hint: str) -> None:
        """Note a missing or empty key."""
        if key not in self._values:
            self._problems.add(self.node, f"{self._noun} needs `{key}`", hint, code="missing-key")

    def fault(self, key: str, message: str, hint: str = "") -> None:
        """Note that a key's value is wrong."""
        self._problems.add(self._values.get(key, self.node), f"`{key}` {message}", hint, code="wrong-value")

    def text(self, key: str) -> str | None:
        """Return text."""
        node = self._values.get(key)
        if node is None:
            return None
        if not isinstance(node, Scalar):
            self.fault(key, f"must be text, not {node.noun}")
            return None
        return to_text(node, self._problems)

    def number(self, key: str, lowest: int, highest: int) -> int | None:
        """Return a whole number."""
        text = self.text(key)
        if text is None:
            return None
        if _NUMBER.fullmatch(text) and lowest <= int(text) <= highest:
            return int(text)
        self.fault(key, f"must be a whole number from {lowest} to {highest}, not {text!r}")
        return None

    def variables(self, key: str) -> SourceMap:
        """Return a mapping of anything."""
        node = self._values.get(key)
        if node is None:
            return SourceMap()
        if isinstance(node, Mapping):
            data = to_data(node, self._problems)
            if isinstance(data, SourceMap):
                return data
        self.fault(key, "must be a mapping of variables", "write `name: value` lines below it")
        return SourceMap()

    def items(self, key: str, hint: str = "") -> collections.abc.Sequence[Node]:
        """Return the elements of a list."""
        node = self._values.get(key)
        if node is None:
            return ()
        if isinstance(node, Sequence):
            check_tag(node, self._problems)
            return node.items
        self.fault(key, f"must be a list, not {node.noun}", hint)
        return ()

    def texts(self, key: str, hint: str = "") -> list[tuple[str, Node]]:
        """Return the elements of a list of texts, each with its node."""
        found = []
        for node in self.items(key, hint):
            if isinstance(node, Scalar) and node.empty:
                self._problems.add(node, f"an element of `{key}` is empty")
            elif (text := to_text(node, self._problems)) is not None:
                found.append((text, node))
        return found
