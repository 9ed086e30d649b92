# SPDX-License-Identifier: GPL-3.0-or-later
"""Private temporary directories, removed when the helper ends; what killed helpers left goes with the next one.

Python 3.6.
"""

import binascii
import os
import stat
import time

from jetpack_core.connections.remote.helper.changes import remove_tree
from jetpack_core.connections.remote.helper.failures import Fail, from_os_error
from jetpack_core.connections.remote.helper.files import to_bytes, to_text

_NOEXEC = getattr(os, "ST_NOEXEC", 8)
_READ_ONLY = getattr(os, "ST_RDONLY", 1)


class TemporaryDirectories:
    """The temporary directories of one helper, below one private directory of its user."""

    def __init__(self) -> None:
        self._mine = None  # type: bytes | None
        self._lock = -1
        self._count = 0

    def make(self, prefix: str) -> str:
        """Make a directory and return its path; raises Fail."""
        if self._mine is not None and not self._is_there(self._mine):
            # Somebody tidied up; what now has its name may be anybody's.
            self._mine = None
            os.close(self._lock)
        if self._mine is None:
            self._mine = self._prepare()
        self._count += 1
        name = to_bytes(prefix.replace("/", "_")) + b"-%d" % self._count
        path = os.path.join(self._mine, name)
        try:
            os.mkdir(path, 0o700)
        except OSError as error:
            raise from_os_error(error, to_text(path))
        return to_text(path)

    def _is_there(self, path: bytes) -> bool:
        try:
            return os.path.samestat(os.stat(path, follow_symlinks=False), os.fstat(self._lock))
        except OSError:
            return False

    def close(self) -> None:
        """Remove them all; never raises."""
        if self._mine is None:
            return
        mine, self._mine = self._mine, None
        remove_quietly(mine)
        os.close(self._lock)
        try:
            os.rmdir(os.path.dirname(mine))
        except OSError:
            # Another run keeps its own there.
            return

    def _prepare(self) -> bytes:
        refused = {}  # type: dict[bytes, str]
        for base in candidates() * 2:
            # Twice, since another run that ends may just remove the directory that both share.
            try:
                return self._prepare_below(base)
            except OSError as error:
                refused[base] = os.strerror(error.errno or 0).lower()
        for base in places():
            refused.setdefault(base, "not writable" if os.path.isdir(base) else "no directory")
        tried = ("{} ({})".format(to_text(base), refused[base]) for base in places())
        raise Fail("READ_ONLY", "temporary directory", "no place for private files in {}".format(", ".join(tried)))

    def _prepare_below(self, base: bytes) -> bytes:
        import fcntl

        top = private_directory(base)
        _sweep(top)
        mine = os.path.join(top, b"%d-" % os.getpid() + binascii.hexlify(os.urandom(6)))
        os.mkdir(mine, 0o700)
        self._lock = os.open(mine, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return mine


def places() -> "list[bytes]":
    """Return the absolute paths below which there may be a place for temporary files."""
    environment = os.environb
    wanted = [environment.get(b"TMPDIR", b""), b"/tmp", environment.get(b"HOME", b""), b"/var/tmp", b"/dev/shm"]
    return [base for position, base in enumerate(wanted) if base.startswith(b"/") and base not in wanted[:position]]


def candidates() -> "list[bytes]":
    """Return where temporary files may go, best first: writable places from which programs may be started."""
    usable = []  # type: list[bytes]
    poor = []  # type: list[bytes]
    for base in places():
        try:
            flags = os.statvfs(base).f_flag
        except OSError:
            continue
        if not flags & _READ_ONLY and os.access(base, os.W_OK | os.X_OK):
            (poor if flags & _NOEXEC else usable).append(base)
    return usable + poor


def private_directory(base: bytes) -> bytes:
    """Return the user's private directory below a shared one, made if needed; raises OSError."""
    top = os.path.join(base, b".jetpack-%d" % os.geteuid())
    try:
        os.mkdir(top, 0o700)
    except FileExistsError:
        info = os.lstat(top)
        if not stat.S_ISDIR(info.st_mode) or info.st_uid != os.geteuid() or info.st_mode & 0o077:
            # Somebody else sits on the name, by accident or to spy; go where nobody can wait for us.
            top += b"-" + binascii.hexlify(os.urandom(8))
            os.mkdir(top, 0o700)
    return top


def _sweep(top: bytes) -> None:
    """Remove the directories whose helper is dead: the kernel gave up their lock."""
    import fcntl

    for name in os.listdir(top):
        path = os.path.join(top, name)
        try:
            fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError:
            continue
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # One that was made this moment may be about to be locked; the clock may have been set since.
            if abs(time.time() - os.fstat(fd).st_mtime) > 2 or not _lives(name):
                remove_quietly(path)
        except OSError:
            # Locked: its helper lives.
            continue
        finally:
            os.close(fd)


def _lives(name: bytes) -> bool:
    """Tell whether the process that a directory is named after is there."""
    number = name.split(b"-")[0]
    try:
        os.kill(int(number), 0)
    except ProcessLookupError:
        return False
    except (ValueError, OverflowError, OSError):
        # Another user's process has taken the number, or the name is not one of ours.
        return True
    return True


def remove_quietly(path: bytes) -> None:
    """Remove a directory as far as that can be done; never raises."""
    try:
        remove_tree(path)
    except OSError:
        # A mount or an immutable file inside; the next run tries again.
        return
