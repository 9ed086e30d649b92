# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan to remove a path."""

from __future__ import annotations

from jetpack_core.contracts.attributes import seen
from jetpack_core.records import Change, FileKind, FileStat, PathEffect, Plan, PlanKind, TextDiff


def plan_removal(now: FileStat, diffs: tuple[TextDiff, ...] = ()) -> Plan:
    """Return the plan to remove what is at a path, if anything is; its data is what to expect there."""
    if not now.exists:
        return Plan(PlanKind.NONE)
    gone = PathEffect(FileStat(now.path), tree=now.is_directory)
    changes = (Change("kind", now.kind, FileKind.MISSING),)
    return Plan(PlanKind.REMOVE, changes, diffs, (gone,), data=seen(now))
