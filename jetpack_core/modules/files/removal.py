# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan to remove a path, and the paths that are never removed."""

from __future__ import annotations

import posixpath
import re
from typing import Final

from jetpack_core.modules.files.attributes import seen
from jetpack_core.records import Change, FileKind, FileStat, PathEffect, Plan, PlanKind, TextDiff

_VITAL: Final = re.compile(
    r"(Applications|Library|System|Users|Volumes|bin|boot|dev|etc|home|lib|lib32|lib64|libx32|media|mnt|nix|opt|private"
    r"|proc|root|run|sbin|srv|sys|tmp|usr|var"
    r"|usr/(bin|include|lib|lib32|lib64|libexec|local|sbin|share|src)"
    r"|var/(cache|lib|local|log|mail|opt|run|spool|tmp))?"
)
"""What a system is made of: the Filesystem Hierarchy Standard 3.0, and the top of macOS."""


def is_vital(path: str) -> bool:
    """Tell whether a path is the root, part of what any system consists of, or hides where it leads."""
    if ".." in path.split("/"):
        return True
    return _VITAL.fullmatch(posixpath.normpath(path).strip("/")) is not None


def plan_removal(now: FileStat, diffs: tuple[TextDiff, ...] = ()) -> Plan:
    """Return the plan to remove what is at a path, if anything is; its data is what to expect there."""
    if not now.exists:
        return Plan(PlanKind.NONE)
    gone = PathEffect(FileStat(now.path), tree=now.is_directory)
    changes = (Change("kind", now.kind, FileKind.MISSING),)
    return Plan(PlanKind.REMOVE, changes, diffs, (gone,), data=seen(now))
