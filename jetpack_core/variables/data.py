# SPDX-License-Identifier: GPL-3.0-or-later
"""Plain data that remembers where it was written."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jetpack_core.records import Position


class SourceMap(dict[str, object]):
    """A mapping read from a file; `positions` says where each key stands."""

    __slots__ = ("positions",)

    def __init__(self, items: Iterable[tuple[str, object]] = (), positions: dict[str, Position] | None = None) -> None:
        super().__init__(items)
        self.positions: dict[str, Position] = positions or {}


class SourceList(list[object]):
    """A list read from a file; `positions` says where each element stands."""

    __slots__ = ("positions",)

    def __init__(self, items: Iterable[object] = (), positions: list[Position] | None = None) -> None:
        super().__init__(items)
        self.positions: list[Position] = positions or []


class Replace:
    """A value tagged `!replace`: it replaces what lower layers say instead of merging with it."""

    __slots__ = ("value",)

    def __init__(self, value: object) -> None:
        self.value = value

    def __repr__(self) -> str:
        return f"Replace({self.value!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Replace) and other.value == self.value

    def __hash__(self) -> int:
        return hash((Replace, str(self.value)))
