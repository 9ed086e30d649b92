# SPDX-License-Identifier: GPL-3.0-or-later
"""Takes values out of the state of a run that turned out to hold a secret after they had been written."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jetpack_core.secrets.redaction import Redactor


def withhold(descriptor: int, redactor: Redactor) -> None:
    """Rewrite a state file without what holds a secret, where there is any.

    What made it is run again when the run is resumed. Raises OSError, and ValueError for a file that is damaged.
    """
    with os.fdopen(os.dup(descriptor), "rb") as file:
        file.seek(0)
        lines = file.read().decode("utf-8", "replace").splitlines(keepends=True)
    # A line that was never completed counts for nobody, and may end within a secret.
    kept = [_kept(line, redactor) for line in lines if line.endswith("\n")]
    if kept == lines:
        return
    data = "".join(kept).encode("utf-8", "replace")
    os.ftruncate(descriptor, 0)
    os.lseek(descriptor, 0, os.SEEK_SET)
    while data:
        data = data[os.write(descriptor, data) :]


def _kept(line: str, redactor: Redactor) -> str:
    """Return a line as it may be kept."""
    letter, _, rest = line.partition(" ")
    if letter not in {"V", "S"}:
        return line
    host, _, text = rest.partition(" ")
    if letter == "S":
        snapshot = json.loads(text)
        return f"S {host} {json.dumps(_cleaned(snapshot, redactor))}\n" if redactor.holds(snapshot) else line
    task, _, values = text.partition(" ")
    return f"R {host} {task}\n" if redactor.holds(json.loads(values)) else line


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
