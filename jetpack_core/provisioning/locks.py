# SPDX-License-Identifier: GPL-3.0-or-later
"""Named locks that hold among the threads of a run and among runs of one user on this machine."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import time
from typing import TYPE_CHECKING, Final

from jetpack_core.errors import JetpackError
from jetpack_core.state import state_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

_POLL: Final = 0.05
_PATIENCE: Final = 600.0
"""Seconds; longer than any single call of a platform's API may take."""


@contextlib.contextmanager
def named_lock(folder: Path, name: str, check: Callable[[], None]) -> Iterator[None]:
    """Hold a lock by name. Raises JetpackError when it is not had in ten minutes, or the run is to end.

    The kernel frees it with the process that holds it, so nothing is ever left locked.

    :param folder: Private folder of this user; made where it is not there.
    :param check: Called while waiting; raises once the run is to end.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = folder / hashlib.sha256(name.encode()).hexdigest()[:32]
        opened = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise JetpackError(f"no lock can be made in {folder}: {error.strerror}") from error
    try:
        _wait_for(opened, name, check)
        yield
    finally:
        os.close(opened)


def _wait_for(opened: int, name: str, check: Callable[[], None]) -> None:
    until = time.monotonic() + _PATIENCE
    while True:
        try:
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            check()
            if time.monotonic() > until:
                message = f"another run has held the lock of {name} for {_PATIENCE:g} s"
                raise JetpackError(message, hint="look for it with: pgrep -af jetpack") from None
            time.sleep(_POLL)
        else:
            return


def lock_folder() -> Path:
    """Return where the locks of this user are."""
    return state_folder() / "locks"
