# SPDX-License-Identifier: GPL-3.0-or-later
"""What the hosts of a run share on the control machine: private folders, locks, and the name of the run.

All of it is on disk, so that it is right for the threads of one run as well as for several runs at once.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final, cast

PRIVATE: Final = 0o700
_KEPT_FOR: Final = 14 * 24 * 3600
"""Seconds without use."""


def cache_folder(*names: str) -> Path:
    """Return the user's cache folder for something, made private. Raises OSError."""
    root = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()
    return private_folder(root.joinpath("jetpack", *names))


def private_folder(path: Path) -> Path:
    """Make a folder that only this user may enter, or see that one is. Raises OSError."""
    path.mkdir(mode=PRIVATE, parents=True, exist_ok=True)
    info = path.stat()
    if info.st_uid != os.geteuid():
        message = "belongs to somebody else"
        raise PermissionError(1, message, str(path))
    if info.st_mode & 0o077:
        path.chmod(PRIVATE)
    return path


@contextmanager
def locked(folder: Path, key: str) -> Iterator[None]:
    """Be the only one, on this machine, who works on a key; waits for others. Raises OSError."""
    # One of 256 files, so that they do not pile up; that two keys may share one costs a little waiting.
    fd = os.open(private_folder(folder / "locks") / key[:2], os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


def run_id() -> str:
    """Name this run, the same for all of its hosts: a process, and when it started."""
    pid = os.getpid()
    try:
        # proc(5): the command's name in brackets may hold spaces; the start time is the 20th field after it.
        started = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[19]
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except (OSError, IndexError):
        asked = subprocess.run(["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False)
        return f"{pid} {asked.stdout.strip()}"
    return f"{pid} {started} {boot}"


def load_json(path: Path) -> dict[str, object] | None:
    """Return the map in a file, or None where there is none that can be read."""
    try:
        loaded = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    return cast("dict[str, object]", loaded) if isinstance(loaded, dict) else None


def store_json(path: Path, content: Mapping[str, object]) -> None:
    """Put a map in a private file, atomically. Raises OSError."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(fd, "w", encoding="utf-8") as file:
            json.dump(content, file)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def forget_unused(folder: Path) -> None:
    """Remove the files of a folder that nobody used for two weeks; one that cannot be removed stays."""
    oldest = time.time() - _KEPT_FOR
    for path in folder.iterdir():
        try:
            state = path.stat()
            if path.is_file() and max(state.st_atime, state.st_mtime) < oldest:
                path.unlink()
        except OSError:
            continue
