# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of the control machine that are sent: one that changes meanwhile is never taken for whole."""

from __future__ import annotations

import errno
import os
import stat
from typing import TYPE_CHECKING, NamedTuple, Self

from jetpack_core.errors import SourceChangedError, StaleError

if TYPE_CHECKING:
    from pathlib import Path

NO_FILE = "is a device, socket or pipe and cannot be copied"


class SourceState(NamedTuple):
    """What differs once another content is in a file, or another file in its place.

    The time of the last change of the inode is left out: a chmod, another hard link or a new name alters it as well,
    and the content is the same. Whoever overwrites a file in place with as many bytes and then sets its time back to
    the nanosecond is not noticed.
    """

    device: int
    inode: int
    size: int
    """Bytes; 0 also for files that the system makes as they are read, as in /proc."""
    modified: int
    """Nanoseconds."""

    @classmethod
    def of(cls, state: os.stat_result) -> Self:
        """Return what counts of what the system says about a file."""
        return cls(state.st_dev, state.st_ino, state.st_size, state.st_mtime_ns)

    def same(self, other: SourceState) -> bool:
        """Tell whether the content is the same, as far as the system tells: without a size, it does not."""
        return self == other or self.size == other.size == 0


class SourceFile:
    """A file of the control machine, open to be sent; whoever has sent its last byte asks `check` first.

    Raises OSError if it cannot be opened or is no regular file, StaleError if it is not what was `seen`.

    :param doing: What is done with it, as a participle; errors say so.
    """

    def __init__(self, path: Path, seen: SourceState | None = None, *, doing: str = "sent") -> None:
        self.path = path
        self._doing = doing
        self.position = 0
        # A pipe that came in the place of a file must not make anybody wait for its other end.
        self.descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            self.state = self._now()
            if seen is not None and not seen.same(self.state):
                raise StaleError(f"the control machine's {path}", "changed since it was looked at")
        except BaseException:
            self.close()
            raise

    def _now(self) -> SourceState:
        state = os.fstat(self.descriptor)
        if stat.S_ISDIR(state.st_mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(self.path))
        if not stat.S_ISREG(state.st_mode):
            raise OSError(errno.EINVAL, f"it {NO_FILE}", str(self.path))
        return SourceState.of(state)

    @property
    def left(self) -> int:
        """How many bytes are to come, as far as the system knows."""
        return max(self.state.size - self.position, 0)

    def share(self, most: int) -> int:
        """Return how many bytes are to be read next, at most; 0 at the end. What was added since is not sent."""
        return min(most, self.left) if self.state.size else most

    def took(self, count: int) -> None:
        """Note that so many bytes were read at `position`. Raises SourceChangedError where they show it."""
        self.position += count
        # In /sys, files say that they are longer than they are.
        if (not count and self.left) or (count and not self.state.size):
            self.check()

    def read(self, most: int) -> bytes:
        """Return the next bytes; empty at the end. Raises OSError and SourceChangedError."""
        data = os.pread(self.descriptor, share, self.position) if (share := self.share(most)) else b""
        self.took(len(data))
        return data

    def check(self) -> None:
        """See that the file is still what was opened. Raises SourceChangedError."""
        if self.state != self._now():
            raise SourceChangedError(str(self.path), self._doing)

    def close(self) -> None:
        """Close the file."""
        os.close(self.descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
