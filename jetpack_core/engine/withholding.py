# SPDX-License-Identifier: GPL-3.0-or-later
"""Takes values out of the state of a run that turned out to hold a secret after they had been written."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from jetpack_core.secrets.redaction import Redactor


def withhold(descriptor: int, redactor: Redactor) -> None:
    """Rewrite a state file without what holds a secret, where there is any. Raises OSError."""
    with os.fdopen(os.dup(descriptor), "rb") as file:
        file.seek(0)
        lines = file.read().decode("utf-8", "replace").splitlines(keepends=True)
    kept = [_kept(number, lines, redactor) for number in range(len(lines))]
    if kept == lines:
        return
    data = "".join(kept).encode("utf-8", "replace")
    os.ftruncate(descriptor, 0)
    while data:
        data = data[os.write(descriptor, data) :]


def _kept(number: int, lines: Sequence[str], redactor: Redactor) -> str:
    """Return a line as it may be kept."""
    line = lines[number]
    letter, _, rest = line.partition(" ")
    if letter not in {"V", "S"}:
        return line
    host, _, text = rest.partition(" ")
    values = json.loads(text)
    if not redactor.holds(values):
        return line
    if letter == "S":
        variables = {name: value for name, value in values["variables"].items() if not redactor.holds({name: value})}
        return f"S {host} {json.dumps({**values, 'variables': variables})}\n"
    task = _next_task(host, lines[number + 1 :])
    return f"R {host} {task}\n" if task is not None else ""


def _next_task(host: str, lines: Iterable[str]) -> str | None:
    """Return the task that ended next on a host, which found out what was noted before; None for a handler's."""
    for line in lines:
        letter, *rest = line.split()
        if letter == "P" or (letter in {"D", "C", "E", "F"} and rest[:1] == [host]):
            return None
        if letter == "T" and rest[:1] == [host]:
            return rest[1]
    return None
