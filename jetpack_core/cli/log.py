# SPDX-License-Identifier: GPL-3.0-or-later
"""Keep every run's events in a private file."""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Final, TextIO

from jetpack_core.cli.invocation import warn
from jetpack_core.contracts.view import View
from jetpack_core.state import state_folder

if TYPE_CHECKING:
    from jetpack_core.events import Event

KEPT_RUNS: Final = 50
_PRIVATE_FOLDER: Final = 0o700
PRIVATE_FILE: Final = 0o600


class RunLog(View):
    """Writes events as JSON lines to $JET_LOG, or else to a new folder of the user's state directory.

    A log that cannot be written is one warning and nothing more.
    """

    def __init__(self) -> None:
        self._stream: TextIO | None = None
        self._lines: View | None = None
        self._dead = False

    def handle(self, event: Event) -> None:
        """Write one event; the first one says which run it is and so opens the file."""
        if self._dead:
            return
        try:
            self._write(event)
        except OSError as error:
            self._dead = True
            warn(f"this run is not logged: {error.filename or 'its log'}: {error.strerror}")

    def _write(self, event: Event) -> None:
        if self._lines is None:
            from jetpack_core.views.jsonl import JsonLinesView

            self._stream = _open(log_path(event.run))
            self._lines = JsonLinesView(self._stream)
        self._lines.handle(event)

    def close(self) -> None:
        """Close the file."""
        if self._stream is not None:
            # What could not be written has been told; closing tries to write it once more.
            with contextlib.suppress(OSError):
                self._stream.close()


def log_path(run: str) -> Path:
    """Return where a run's events go."""
    chosen = os.environ.get("JET_LOG")
    return Path(chosen) if chosen else runs_folder() / run / "events.jsonl"


def runs_folder() -> Path:
    """Return the folder that has a folder for each run."""
    return state_folder() / "runs"


def make_run_folder(run: str) -> Path:
    """Return a run's folder, made for its owner alone where it is not there, when old ones go. Raises OSError."""
    folder = runs_folder() / run
    if not folder.is_dir():
        folder.parent.mkdir(mode=_PRIVATE_FOLDER, parents=True, exist_ok=True)
        folder.mkdir(mode=_PRIVATE_FOLDER, exist_ok=True)
        _forget_old_runs()
    return folder


def newest_runs() -> list[Path]:
    """Return the folders of all runs, the newest first."""
    try:
        runs = [entry for entry in os.scandir(runs_folder()) if entry.is_dir(follow_symlinks=False)]
    except FileNotFoundError:
        return []
    return [Path(entry.path) for entry in sorted(runs, key=_age, reverse=True)]


def _open(path: Path) -> TextIO:
    """Open a log for appending, readable by its owner alone."""
    if not os.environ.get("JET_LOG"):
        make_run_folder(path.parent.name)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, PRIVATE_FILE)
    return open(descriptor, "a", encoding="utf-8", errors="surrogateescape", buffering=1)  # noqa: PTH123


def _forget_old_runs() -> None:
    """Remove the folders of all runs but the newest; another run may do the same meanwhile."""
    for old in newest_runs()[KEPT_RUNS:]:
        shutil.rmtree(old, ignore_errors=True)


def _age(entry: os.DirEntry[str]) -> tuple[int, str]:
    """Order by time, and by name what the clock of the file system cannot tell apart."""
    try:
        return entry.stat(follow_symlinks=False).st_mtime_ns, entry.name
    except OSError:
        return 0, entry.name
