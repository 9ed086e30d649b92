# SPDX-License-Identifier: GPL-3.0-or-later
"""Takes values out of the state of a run that turned out to hold a secret after they had been written."""

from __future__ import annotations

import fcntl
import json
import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jetpack_core.secrets.redaction import Redactor


def withhold(descriptor: int, redactor: Redactor) -> None:
    """Write over what holds a secret in a state file, where there is any.

    What made it is run again when the run is resumed. Each line is written at once and keeps its place and length, so
    that the file is in order also where this is killed before its end. Raises OSError, and ValueError and the like for
    a file that is damaged.
    """
    # What follows the last newline was never completed: it counts for nobody, and may end within a secret.
    *complete, cut_off = os.pread(descriptor, os.fstat(descriptor).st_size, 0).split(b"\n")
    place, changes = 0, list[tuple[int, bytes]]()
    for line in complete:
        kept = _kept(line.decode("utf-8", "replace"), redactor)
        if kept is not None:
            changes.append((place, kept.encode().ljust(len(line))))
        place += len(line) + 1
    if changes or cut_off:
        _rewrite(descriptor, changes, place)


def _rewrite(descriptor: int, changes: Iterable[tuple[int, bytes]], size: int) -> None:
    flags = fcntl.fcntl(descriptor, fcntl.F_GETFL)
    # Linux would append, wherever it was told to write.
    fcntl.fcntl(descriptor, fcntl.F_SETFL, flags & ~os.O_APPEND)
    try:
        for place, data in changes:
            written = 0
            while written < len(data):
                written += os.pwrite(descriptor, data[written:], place + written)
        os.ftruncate(descriptor, size)
    finally:
        fcntl.fcntl(descriptor, fcntl.F_SETFL, flags)


def _kept(line: str, redactor: Redactor) -> str | None:
    """Return what is to be kept of a line, which is no longer than it; None for all of it."""
    letter, _, rest = line.partition(" ")
    if letter not in {"V", "S"}:
        return None
    host, _, text = rest.partition(" ")
    if letter == "S":
        snapshot = json.loads(text)
        if not redactor.holds(snapshot):
            return None
        return f"S {host} {json.dumps(_cleaned(snapshot, redactor), separators=(',', ':'))}"
    task, _, values = text.partition(" ")
    return f"R {host} {task}" if redactor.holds(json.loads(values)) else None


def _cleaned(snapshot: dict[str, Any], redactor: Redactor) -> dict[str, Any]:
    """Return how far an earlier run had come, without the values that hold a secret."""
    variables, made, again = {}, {}, {play: set(tasks) for play, tasks in snapshot["again"].items()}
    for name, value in snapshot["variables"].items():
        play, task = snapshot["made"][name]
        if redactor.holds({name: value}):
            again.setdefault(str(play), set()).add(task)
        else:
            variables[name], made[name] = value, (play, task)
    rerun = {play: sorted(tasks) for play, tasks in again.items()}
    return {**snapshot, "variables": variables, "made": made, "again": rerun}
