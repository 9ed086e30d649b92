# SPDX-License-Identifier: GPL-3.0-or-later
"""What this user's machine remembers of guests: their numbers, as lists of guests are some seconds old."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

from jetpack_core.errors import JetpackError


@dataclass(frozen=True, slots=True)
class Note:
    """What is known of one guest."""

    host: str
    cluster: str
    vmid: int
    id: str
    """Which incarnation it is."""


class Notebook:
    """Notes of the guests of one cluster, one file each.

    :param folder: Private folder of this user; made where it is not there.
    """

    def __init__(self, folder: Path, cluster: str) -> None:
        self._folder = folder
        self._cluster = cluster

    def path(self, host: str) -> Path:
        """Return the file that holds what is known of a host."""
        digest = hashlib.sha256(f"{self._cluster}\n{host}".encode()).hexdigest()[:24]
        return self._folder / f"{digest}.json"

    def read(self, host: str) -> Note | None:
        """Return what is known of a host; None where nothing is."""
        try:
            found = json.loads(self.path(host).read_text(encoding="utf-8"))
            return Note(str(found["host"]), self._cluster, int(found["vmid"]), str(found["id"]))
        except (OSError, ValueError, KeyError, TypeError):
            # What cannot be read is as if it had never been written: the cluster knows its guests.
            return None

    def write(self, note: Note) -> None:
        """Remember a guest. Raises JetpackError."""
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(dir=self._folder, prefix=".new-")
            with os.fdopen(handle, "w", encoding="utf-8") as opened:
                json.dump(asdict(note), opened, indent=1)
            Path(name).replace(self.path(note.host))
        except OSError as error:
            raise JetpackError(f"{self._folder}: {note.host} cannot be remembered: {error.strerror}") from error

    def forget(self, host: str) -> None:
        """Forget a guest that is no more."""
        with contextlib.suppress(OSError):
            self.path(host).unlink()
