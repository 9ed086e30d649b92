# SPDX-License-Identifier: GPL-3.0-or-later
"""Seeing from another user's helper whether the host is still held for the run. Python 3.6."""

import os


class Followed:
    """What another helper of this run holds, as one that acts as another user sees it."""

    def __init__(self, path: str, device: int, number: int) -> None:
        self._path = path
        self._file = (device, number)
        self._seen = self._is_there()
        """Where users have a /tmp of their own, it never is."""

    def _is_there(self) -> bool:
        try:
            info = os.stat(self._path, follow_symlinks=False)
        except OSError:
            return False
        return (info.st_dev, info.st_ino) == self._file

    def lost(self) -> str:
        """Return the path of the file where it is not the same any more, or nothing."""
        return self._path if self._seen and not self._is_there() else ""
