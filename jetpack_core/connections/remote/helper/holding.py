# SPDX-License-Identifier: GPL-3.0-or-later
"""Holding a host against other runs: a file that says who does, locked until the process that locked it ends.

The file lies where every user of the host may make files, so that runs of different login users exclude each other.
It is made under a name of its own, written and locked, and only then given its name by a hard link: whoever finds it
finds it locked and complete, and nobody ever writes to a file of somebody else.

A holder that is stopped or stuck keeps its lock. So it touches the file as long as it hears from its control side, and
whoever waits takes over once that has not happened for long: by what it saw itself, since clocks may jump. The one
who was silent finds the file gone before its next step, and does nothing more.

A run that comes to a host by two ways holds it by one of them. The other one joins: it looks before each step whether
the host is still held for its run, and holds it itself where the first has let go or is dead. Python 3.6.
"""

import binascii
import os
import stat
import time

from jetpack_core.connections.remote.helper.failures import Fail
from jetpack_core.connections.remote.helper.files import to_text

PLACES = (b"/run/lock", b"/tmp", b"/var/tmp", b"/dev/shm")
NAME = b"jetpack.lock"
LINE_LIMIT = 400
"""Bytes of the file that are read; it may be anybody's."""
EXPIRY = 90.0
"""Seconds for which a holder that touches its file may leave that; it hears from its control side every 15 s."""
TAKEN = "the host was taken from this run, which was silent for too long, or whose lock somebody removed"
_RENEWED = b"renewed"
"""The second line of a file that is touched."""
RENEW_EVERY = 5.0
_LONGEST_LOOK = 5.0
"""Seconds of silence that one look is evidence of: between two, the one who looks may have stood still, or the host."""
_ATTEMPTS = 20
_READ_ONLY = getattr(os, "ST_RDONLY", 1)
_OLD = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class RunLock:
    """This process's hold on the host; whoever has one calls `renew` time and again."""

    def __init__(self) -> None:
        self._fd = -1
        self._path = b""
        self._claim = ("", "")
        self._holder = b""
        """The process that holds the host for our run; empty where that is this one."""
        self._taken = False
        self._renewed = 0.0
        self._seen = ()  # type: tuple[int, ...]
        self._looked = 0.0
        self._silence = 0.0

    def take(self, run: str, owner: str) -> str:
        """Hold the host for a run; return why it cannot be held, or nothing.

        Raises Fail HELD, its detail the path of the file, the user it belongs to, and the line in it.
        """
        if self._fd >= 0 or self._taken:
            return ""
        self._claim = (run, owner)
        place = shared_place()
        if place is None:
            return "no directory is there that all users may write to"
        self._path = os.path.join(place, NAME)
        try:
            line = "{} {} {}\n".format(run, os.getpid(), owner).encode("utf-8", "replace")
            return self._take(run, line + _RENEWED + b"\n")
        except OSError as error:
            return "{}: {}".format(to_text(self._path), (error.strerror or "it cannot be used").lower())

    def _take(self, run: str, line: bytes) -> str:
        for _ in range(_ATTEMPTS):
            try:
                found = os.open(self._path, _OLD)
            except FileNotFoundError:
                if self._publish(line):
                    self._holder = b""
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
        keep = False  # type: bool | bytes
        try:
            if not stat.S_ISREG(os.fstat(fd).st_mode):
                raise OSError(0, "it is no file")
            if not _lock(fd):
                self._holder = keep = self._joined(fd, run)
            elif _is_at(fd, self._path):
                # It is another user's. To hold it is enough, though it names the holder before us.
                self._holder, keep = b"", not _unlinked(self._path)
            if keep:
                self._fd = fd
            return bool(keep)
        finally:
            if not keep:
                os.close(fd)

    def _joined(self, fd: int, run: str) -> bytes:
        """Return the process that holds the host for our run, or nothing where a silent one lost it; raises Fail."""
        line, _, rest = os.read(fd, LINE_LIMIT).partition(b"\n")
        words = line.split(b" ")
        alive = len(words) > 1 and _lives(words[1])
        if alive and words[0] == run.encode():
            return words[1]
        # Who holds the file of somebody who is dead cannot touch it.
        if alive and rest.startswith(_RENEWED + b"\n") and self._is_silent(fd) and self._made_free(fd):
            return b""
        shown = to_text(line) if alive else ""
        raise Fail("HELD", "", "{} {} {}".format(to_text(self._path), _user(os.fstat(fd).st_uid), shown).strip())

    def _is_silent(self, fd: int) -> bool:
        """Tell whether a holder has not touched its file for as long as we look."""
        info, now = os.fstat(fd), time.monotonic()
        seen = (info.st_dev, info.st_ino, info.st_mtime_ns, info.st_ctime_ns)
        if seen == self._seen:
            self._silence += min(now - self._looked, _LONGEST_LOOK)
        else:
            self._seen, self._silence = seen, 0.0
        self._looked = now
        return self._silence > EXPIRY

    def _made_free(self, fd: int) -> bool:
        """Remove the file of a silent holder, where that is ours to do; one at a time, lest it be the successor's."""
        try:
            place = os.open(os.path.dirname(self._path), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError:
            return False
        try:
            return _lock(place) and (not _is_at(fd, self._path) or _unlinked(self._path))
        finally:
            os.close(place)

    def renew(self) -> None:
        """Touch the file, as a sign of life; never raises."""
        now = time.monotonic()
        if self._fd < 0 or self._holder or now - self._renewed < RENEW_EVERY:
            return
        self._renewed = now
        try:
            os.utime(self._fd)
        except OSError:
            # It is another user's, or the file system is read-only by now.
            return

    def lost(self) -> str:
        """Return the path of the file where the host is not held for our run any more, or nothing."""
        if self._fd >= 0 and not self._taken and not self._still_held():
            self._taken = not self._holder or not self._held_anew()
        return to_text(self._path) if self._taken else ""

    def _still_held(self) -> bool:
        return _is_at(self._fd, self._path) and not (self._holder and not _lives(self._holder))

    def _held_anew(self) -> bool:
        """Join another way of our run, or hold the host ourselves, where the one we had joined is gone."""
        os.close(self._fd)
        self._fd = -1
        try:
            return not self.take(*self._claim)
        except Fail:
            return False

    def identity(self) -> "tuple[str, int, int] | None":
        """Return the path, device and number of the file, by which other helpers of this run know it."""
        if self._fd < 0:
            return None
        info = os.fstat(self._fd)
        return to_text(self._path), info.st_dev, info.st_ino

    def release(self) -> None:
        """Give the host free; never raises."""
        if self._fd < 0:
            return
        fd, self._fd = self._fd, -1
        if not self._holder and _is_at(fd, self._path):
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


def _user(uid: int) -> str:
    """Return a user's name, or the number where there is none that is one word."""
    import pwd

    try:
        name = pwd.getpwuid(uid).pw_name
    except KeyError:
        name = ""
    return str(uid) if not name or " " in name else name


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
