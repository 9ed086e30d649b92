# SPDX-License-Identifier: GPL-3.0-or-later
"""What a plan of `move` hands to `apply`."""

from __future__ import annotations

import posixpath
import secrets
from dataclasses import dataclass
from enum import Enum
from typing import Final

from jetpack_core.contracts.attributes import Attributes
from jetpack_core.records import FileStat

_STAGE_PREFIX: Final = ".jetpack-"


class Action(Enum):
    """What is to be done; its value is the `method` of the result."""

    ATTRIBUTES = "none"
    """The source was moved before; only owner, group or mode differ."""
    DROP = "drop"
    """The destination holds the same bytes, so the source goes."""
    MOVE = "rename"
    EXCHANGE = "exchange"


@dataclass(frozen=True, slots=True)
class Work:
    """A move, with all that the plan saw of it."""

    action: Action
    source: FileStat
    dest: FileStat
    wanted: Attributes
    backup: str | None = None
    """The path that the old destination is kept at."""
    expired: tuple[FileStat, ...] = ()
    """Older backups that go."""
    missing_parents: tuple[str, ...] = ()
    """The directories that are made first, from the top."""

    @property
    def needs_room(self) -> bool:
        """Tell whether the old destination must be out of the way first: a rename cannot replace a directory."""
        return self.dest.exists and (self.dest.is_directory or self.source.is_directory)


def beside(path: str) -> str:
    """Return a path in the same directory that nobody can guess."""
    return posixpath.join(posixpath.dirname(path), _STAGE_PREFIX + secrets.token_hex(8))
