# SPDX-License-Identifier: GPL-3.0-or-later
"""The names of backups, and which of them are too many."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from jetpack_core.records import FileStat


def timestamp() -> str:
    """Return the time of the control machine as it stands in the name of a backup, such as 20250301T120000Z."""
    return datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")


def backup_name(folder: str, name: str, now: str, entries: Iterable[FileStat]) -> str:
    """Return a free path for a backup: `name.backup.TIME`, with `-2` and so on behind those of the same second."""
    taken = [number for time, number, _ in _backups(name, entries) if time == now]
    suffix = f"-{max(taken) + 1}" if taken else ""
    return posixpath.join(folder, f"{name}.backup.{now}{suffix}")


def expired(name: str, entries: Iterable[FileStat], keep: int) -> tuple[FileStat, ...]:
    """Return the oldest backups of a name, so that `keep` of them stay when one more is made."""
    found = sorted(_backups(name, entries), key=lambda one: one[:2])
    surplus = len(found) + 1 - keep
    return tuple(entry for _, _, entry in found[: max(0, surplus)])


def _backups(name: str, entries: Iterable[FileStat]) -> Iterator[tuple[str, int, FileStat]]:
    """Yield the backups of a name with their times and numbers."""
    shape = re.compile(re.escape(name) + r"\.backup\.(\d{8}T\d{6}Z)(?:-(\d+))?")
    for entry in entries:
        match = shape.fullmatch(posixpath.basename(entry.path))
        if match is not None:
            yield match[1], int(match[2] or 1), entry
