# SPDX-License-Identifier: GPL-3.0-or-later
"""What a conversion could not do, and what somebody should look at."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jetpack_core.records import Position


class Kind(StrEnum):
    """How much of something was converted."""

    LEFT = "left"
    """Nothing: it stands in a comment, or in the original only."""
    LOOK = "look"
    """It was converted, and does not mean quite the same."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing to look at."""

    kind: Kind
    position: Position
    what: str
    why: str
    instead: str
    """What to write; empty where nothing needs to be written."""


class Refused(Exception):  # noqa: N818 - it is no error: the caller notes it
    """Something has no counterpart.

    :param instead: what to write.
    """

    def __init__(self, why: str, instead: str = "") -> None:
        super().__init__(why)
        self.why = why
        self.instead = instead


class Ledger:
    """A growing list of entries; the same one twice counts once."""

    def __init__(self) -> None:
        self._entries: dict[Entry, None] = {}

    def left(self, position: Position, what: str, why: str, instead: str = "") -> None:
        """Note what was not converted."""
        self._entries[Entry(Kind.LEFT, position, what, why, instead)] = None

    def look(self, position: Position, what: str, why: str, instead: str = "") -> None:
        """Note what was converted and needs a look."""
        self._entries[Entry(Kind.LOOK, position, what, why, instead)] = None

    def entries(self, kind: Kind) -> list[Entry]:
        """Return the entries of a kind, by file and line."""
        found = [entry for entry in self._entries if entry.kind is kind]
        return sorted(found, key=lambda one: (one.position.file, one.position.line, one.position.column))
