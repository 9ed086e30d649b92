# SPDX-License-Identifier: GPL-3.0-or-later
"""A folder for clear text: for its owner alone, in memory where the machine has such a place, and removed."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import stat
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import FrameType
from typing import Final

PREFIX: Final = "jetpack-secrets-"
_ENDING: Final = (signal.SIGTERM, signal.SIGHUP)


@contextlib.contextmanager
def private_folder(environment: Mapping[str, str]) -> Iterator[Path]:
    """Make a folder that nobody else may read, and remove it with all that is in it, whatever happens.

    SIGTERM and SIGHUP end the program by way of SystemExit meanwhile, so that the folder is removed then, too.
    """
    before = {number: signal.signal(number, _leave) for number in _ENDING}
    folder: Path | None = None
    try:
        folder = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-", dir=_place(environment)))
        yield folder
    finally:
        if folder is not None:
            _remove(folder)
        for number, handler in before.items():
            signal.signal(number, handler)


def _leave(number: int, _: FrameType | None) -> None:
    raise SystemExit(128 + number)


def left_over(environment: Mapping[str, str]) -> list[Path]:
    """Return folders of this user that a killed program left behind."""
    found: list[Path] = []
    for place in {Path(one) for one in (*_places(environment), tempfile.gettempdir())}:
        with contextlib.suppress(OSError):
            found += [
                one for one in place.glob(f"{PREFIX}*") if one.lstat().st_uid == os.getuid() and not _at_work(one)
            ]
    return sorted(found)


def _at_work(folder: Path) -> bool:
    """Tell whether the program that made a folder still runs."""
    number = folder.name.removeprefix(PREFIX).partition("-")[0]
    if not number.isdecimal():
        return False
    try:
        os.kill(int(number), 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def in_memory(environment: Mapping[str, str]) -> bool:
    """Tell whether clear text stays off the disk."""
    return _place(environment) is not None


def _places(environment: Mapping[str, str]) -> list[str]:
    return [one for one in (environment.get("XDG_RUNTIME_DIR", ""), "/dev/shm") if one]  # noqa: S108 - memory, not disk


def _place(environment: Mapping[str, str]) -> str | None:
    """Return a folder that is in memory; None where there is none, for the usual temporary one."""
    for place in _places(environment):
        with contextlib.suppress(OSError):
            if stat.S_ISDIR(Path(place).stat().st_mode) and os.access(place, os.W_OK | os.X_OK):
                return place
    return None


def _remove(folder: Path) -> None:
    """Remove a folder, its files written over first; memory and modern disks promise nothing about that."""
    for file in folder.rglob("*"):
        with contextlib.suppress(OSError):
            if file.is_file() and not file.is_symlink():
                with file.open("r+b") as stream:
                    stream.write(b"\0" * file.stat().st_size)
    shutil.rmtree(folder, ignore_errors=True)
