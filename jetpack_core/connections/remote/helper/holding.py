# SPDX-License-Identifier: GPL-3.0-or-later
"""Holding a host against other runs: a file that says who does, locked until the process that locked it ends.

The file lies where every user of the host may make files, so that runs of different login users exclude each other.
It is made under a name of its own, written and locked, and only then given its name by a hard link: whoever finds it
finds it locked and complete, and nobody ever writes to a file of somebody else. Python 3.6.
"""

import binascii
import os
import stat

from jetpack_core.connections.remote.helper.failures import Fail
from jetpack_core.connections.remote.helper.files import to_text

PLACES = (b"/run/lock", b"/tmp", b"/var/tmp", b"/dev/shm")
NAME = b"jetpack.lock"
LINE_LIMIT = 400
"""Bytes of the file that are read; it may be anybody's."""
_ATTEMPTS = 20
_READ_ONLY = getattr(os, "ST_RDONLY", 1)
_OLD = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class RunLock:
    """This process's hold on the host."""

    def __init__(self) -> None:
        self._fd = -1
        self._path = b""

    def take(self, run: str, owner: str) -> str:
        """Hold the host for a run; return why it cannot be held, or nothing.

        Raises Fail HELD, its detail the path of the file and the line in it.
        """
        if self._fd >= 0:
            return ""
        place = shared_place()
        if place is None:
            return "no directory is there that all users may write to"
        self._path = os.path.join(place, NAME)
        try:
            return self._take(run, "{} {} {}\n".format(run, os.getpid(), owner).encode("utf-8", "replace"))
        except OSError as error:
            return "{}: {}".format(to_text(self._path), (error.strerror or "it cannot be used").lower())

    def _take(self, run: str, line: bytes) -> str:
        for _ in range(_ATTEMPTS):
            try:
                found = os.open(self._path, _OLD)
            except FileNotFoundError:
                if self._publish(line):
                    return ""
                continue
            if self._try_old(found, run):
                return ""
        raise Fail("HELD", "", to_text(self._path))

    def _publish(self, line: bytes) -> bool:
        """Make the file; return False where another one was made first."""
        private = self._path + b"." + binascii.hexlify(os.urandom(8))
        fd = os.open(private, _NEW, 0o644)
        try:
            os.fchmod(fd, 0o644)
            os.write(fd, line)
            _lock(fd)
            os.link(private, self._path)
        except OSError as error:
            os.close(fd)
            if isinstance(error, FileExistsError):
                return False
            raise
        finally:
            os.unlink(private)
        self._fd = fd
        return True

    def _try_old(self, fd: int, run: str) -> bool:
        """Take over from a holder that is dead, or join our own run; return False when the file is not there now.

        Raises Fail HELD.
        """
        keep = False
        try:
            if not stat.S_ISREG(os.fstat(fd).st_mode):
                raise OSError(0, "it is no file")
            if not _lock(fd):
                return self._join(fd, run)
            if _is_at(fd, self._path):
                keep = not _unlinked(self._path)
            if keep:
                # It is another user's. To hold it is enough, though it names the holder before us.
                self._fd = fd
            return keep
        finally:
            if not keep:
                os.close(fd)

    def _join(self, fd: int, run: str) -> bool:
        line = os.read(fd, LINE_LIMIT).split(b"\n", 1)[0]
        words = line.split(b" ")
        alive = len(words) > 1 and _lives(words[1])
        if alive and words[0] == run.encode():
            return True
        raise Fail("HELD", "", "{} {}".format(to_text(self._path), to_text(line) if alive else "").strip())

    def release(self) -> None:
        """Give the host free; never raises."""
        if self._fd < 0:
            return
        fd, self._fd = self._fd, -1
        if _is_at(fd, self._path):
            _unlinked(self._path)
        os.close(fd)


def shared_place() -> "bytes | None":
    """Return the directory for the file: by a rule that has the same answer for every user."""
    for place in PLACES:
        try:
            info = os.stat(place)
            read_only = os.statvfs(place).f_flag & _READ_ONLY
        except OSError:
            continue
        if stat.S_ISDIR(info.st_mode) and info.st_mode & 0o1777 == 0o1777 and info.st_uid == 0 and not read_only:
            return place
    return None


def _lock(fd: int) -> bool:
    import fcntl

    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_at(fd: int, path: bytes) -> bool:
    try:
        found = os.stat(path, follow_symlinks=False)
    except OSError:
        return False
    return os.path.samestat(found, os.fstat(fd))


def _unlinked(path: bytes) -> bool:
    try:
        os.unlink(path)
    except OSError:
        return False
    return True


def _lives(pid: bytes) -> bool:
    if not pid.isdigit():
        return False
    try:
        os.kill(int(pid), 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        # It is another user's.
        return True
    return True
