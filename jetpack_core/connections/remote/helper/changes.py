# SPDX-License-Identifier: GPL-3.0-or-later
"""Changing files: every operation is made in the directory that was opened first, so no link can lead it astray.

Python 3.6.
"""

import binascii
import os
import stat

from jetpack_core.connections.remote.helper.failures import Fail, from_os_error
from jetpack_core.connections.remote.helper.files import (
    BLOCK,
    Accounts,
    check_expected,
    describe,
    nothing,
    to_bytes,
    to_text,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from jetpack_core.connections.remote.helper.files import Described

_HERE = getattr(os, "O_PATH", os.O_RDONLY) | os.O_CLOEXEC
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class Place:
    """A name in an opened directory."""

    def __init__(self, shown: str, follow: bool = False) -> None:
        path = to_bytes(shown)
        if follow:
            path = os.path.realpath(path)
        head, self.name = os.path.split(path.rstrip(b"/") or b"/")
        if self.name in (b"", b".", b".."):
            raise Fail("OTHER", shown, "a path must end in a name")
        self.shown = shown
        self.path = path
        self.directory = os.open(head or b".", _HERE | os.O_DIRECTORY)

    def __enter__(self) -> "Place":
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self.directory)

    def look(self) -> "os.stat_result | None":
        """Return what is at the name, links not followed."""
        try:
            return os.stat(self.name, dir_fd=self.directory, follow_symlinks=False)
        except FileNotFoundError:
            return None

    def check(self, info: "os.stat_result | None", expect: "list[object] | None") -> None:
        """Raise Fail STALE when it is not what was expected."""
        check_expected(self.shown, self.name, info, expect, self.directory)

    def recheck(self, info: "os.stat_result | None", expect: "list[object] | None") -> None:
        """Raise Fail STALE when it is not what `look` found a moment ago, where anything was expected."""
        if expect is None:
            return
        now = self.look()
        if _identity(now) != _identity(info):
            raise Fail("STALE", self.shown)

    def remove(self, name: bytes) -> None:
        """Remove a temporary name, if it is still there."""
        try:
            os.unlink(name, dir_fd=self.directory)
        except OSError:
            # Already renamed, or the file system is gone: nothing is left to do.
            return

    def describe(self, info: os.stat_result, accounts: Accounts) -> "Described":
        """Return what the wire says of it."""
        return describe(self.name, info, accounts, self.directory)


def _identity(info: "os.stat_result | None") -> "tuple[int, ...]":
    if info is None:
        return ()
    return (info.st_dev, info.st_ino, info.st_mtime_ns, info.st_ctime_ns, info.st_size)


def temporary_name() -> bytes:
    """Return a name that nobody can guess, for a file beside its destination."""
    return b".jetpack-" + binascii.hexlify(os.urandom(12))


def write(
    accounts: Accounts,
    name: str,
    parts: "Iterable[bytes]",
    mode: "int | None",
    owner: "str | None",
    group: "str | None",
    follow: bool,
    expect: "list[object] | None",
    tick: "Callable[[], None]" = nothing,
) -> "Described":
    """Put a file in place atomically; raises Fail."""
    uid, gid = accounts.ids(owner, group)
    try:
        with Place(name, follow) as place:
            old = place.look()
            place.check(old, expect)
            if old is not None and stat.S_ISDIR(old.st_mode):
                raise Fail("IS_A_DIRECTORY", name)
            if old is not None and stat.S_ISREG(old.st_mode):
                mode = stat.S_IMODE(old.st_mode) if mode is None else mode
                uid = old.st_uid if uid == -1 else uid
                gid = old.st_gid if gid == -1 else gid
            return _replace(accounts, place, old, parts, 0o644 if mode is None else mode, (uid, gid), expect, tick)
    except OSError as error:
        raise from_os_error(error, name)


def _replace(
    accounts: Accounts,
    place: Place,
    old: "os.stat_result | None",
    parts: "Iterable[bytes]",
    mode: int,
    ids: "tuple[int, int]",
    expect: "list[object] | None",
    tick: "Callable[[], None]",
) -> "Described":
    temporary = temporary_name()
    fd = os.open(temporary, _NEW, 0o600, dir_fd=place.directory)
    try:
        try:
            for part in parts:
                _write_part(fd, part)
                tick()
            info = os.fstat(fd)
            own(fd, info, ids)
            os.fchmod(fd, mode)
            info = os.fstat(fd)
        finally:
            os.close(fd)
        place.recheck(old, expect)
        os.rename(temporary, place.name, src_dir_fd=place.directory, dst_dir_fd=place.directory)
    except BaseException:
        place.remove(temporary)
        raise
    return place.describe(info, accounts)


def _write_part(fd: int, part: bytes) -> None:
    view = memoryview(part)
    while view:
        view = view[os.write(fd, view) :]


def own(fd: int, info: os.stat_result, ids: "tuple[int, int]") -> None:
    """Change owner and group of an open file where they differ; -1 leaves one as it is."""
    uid, gid = ids
    if uid in (-1, info.st_uid) and gid in (-1, info.st_gid):
        return
    os.fchown(fd, uid, gid)


def set_attributes(
    accounts: Accounts,
    names: "list[str]",
    mode: "int | None",
    owner: "str | None",
    group: "str | None",
    follow: bool,
    expect: "list[object] | None",
) -> None:
    """Set mode, owner and group of paths, in order; raises Fail."""
    ids = accounts.ids(owner, group)
    for name in names:
        try:
            _set_one(name, mode, ids, follow, expect)
        except OSError as error:
            raise from_os_error(error, name)


def _set_one(
    name: str, mode: "int | None", ids: "tuple[int, int]", follow: bool, expect: "list[object] | None"
) -> None:
    path = to_bytes(name)
    if follow:
        path = os.path.realpath(path)
    fd = os.open(path, _HERE | os.O_NOFOLLOW)
    try:
        info = os.fstat(fd)
        check_expected(name, path, info, expect)
        changed = ids[0] not in (-1, info.st_uid) or ids[1] not in (-1, info.st_gid)
        if stat.S_ISLNK(info.st_mode):
            if changed:
                os.chown(path, ids[0], ids[1], follow_symlinks=False)
            return
        # The descriptor may not be readable, so it cannot be changed itself; its name in /proc can, without a race.
        handle = b"/proc/self/fd/%d" % fd
        if not os.path.exists(handle):
            handle = path
        if changed:
            os.chown(handle, ids[0], ids[1])
        if mode is not None:
            os.chmod(handle, mode)
    finally:
        os.close(fd)


def make_directory(
    accounts: Accounts, name: str, mode: "int | None", owner: "str | None", group: "str | None", parents: bool
) -> "Described":
    """Make a directory, with what is missing above it where asked; raises Fail."""
    ids = accounts.ids(owner, group)
    try:
        if parents:
            _make_parents(to_bytes(name))
        with Place(name) as place:
            return _make_one(accounts, place, 0o755 if mode is None else mode, ids)
    except OSError as error:
        raise from_os_error(error, name)


def _make_parents(path: bytes) -> None:
    missing = []
    head = os.path.dirname(path.rstrip(b"/"))
    while head and not os.path.lexists(head):
        missing.append(head)
        head = os.path.dirname(head)
    for one in reversed(missing):
        with Place(to_text(one)) as place:
            try:
                _make_one(Accounts(), place, 0o755, (-1, -1))
            except FileExistsError:
                # Somebody else made it a moment ago, which is all that was wanted.
                continue


def _make_one(accounts: Accounts, place: Place, mode: int, ids: "tuple[int, int]") -> "Described":
    os.mkdir(place.name, 0o700, dir_fd=place.directory)
    try:
        fd = os.open(place.name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=place.directory)
        try:
            own(fd, os.fstat(fd), ids)
            os.fchmod(fd, mode)
            return place.describe(os.fstat(fd), accounts)
        finally:
            os.close(fd)
    except BaseException:
        os.rmdir(place.name, dir_fd=place.directory)
        raise


def remove(name: str, recursive: bool, expect: "list[object] | None", tick: "Callable[[], None]" = nothing) -> None:
    """Remove a path; nothing there is fine; raises Fail."""
    if os.path.realpath(to_bytes(name)) == b"/":
        raise Fail("OTHER", name, "the root directory is never removed")
    try:
        with Place(name) as place:
            info = place.look()
            place.check(info, expect)
            if info is None:
                return
            if not stat.S_ISDIR(info.st_mode):
                os.unlink(place.name, dir_fd=place.directory)
            elif recursive:
                remove_tree(place.name, place.directory, tick)
            else:
                os.rmdir(place.name, dir_fd=place.directory)
    except (FileNotFoundError, NotADirectoryError):
        check_expected(name, b"", None, expect)
    except OSError as error:
        raise from_os_error(error, name)


def remove_tree(name: bytes, directory: "int | None" = None, tick: "Callable[[], None]" = nothing) -> None:
    """Remove a directory and all below it, never leaving it by a link; raises OSError."""
    fd = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=directory)
    try:
        for text in os.listdir(fd):
            entry = os.fsencode(text)
            tick()
            try:
                info = os.stat(entry, dir_fd=fd, follow_symlinks=False)
                if stat.S_ISDIR(info.st_mode):
                    remove_tree(entry, fd, tick)
                else:
                    os.unlink(entry, dir_fd=fd)
            except FileNotFoundError:
                continue
    finally:
        os.close(fd)
    os.rmdir(name, dir_fd=directory)


def rename(source: str, destination: str, replace: bool, expect: "list[object] | None") -> None:
    """Rename within one file system; raises Fail."""
    subject = source
    try:
        with Place(source) as old:
            info = old.look()
            old.check(info, expect)
            if info is None:
                raise Fail("NOT_FOUND", source)
            subject = destination
            with Place(destination) as new:
                # Python cannot ask the kernel for "rename, but replace nothing", so this is looked up just before.
                if not replace and new.look() is not None:
                    raise Fail("EXISTS", destination)
                os.rename(old.name, new.name, src_dir_fd=old.directory, dst_dir_fd=new.directory)
    except OSError as error:
        raise from_os_error(error, subject)


def copy(
    accounts: Accounts, source: str, destination: str, replace: bool, tick: "Callable[[], None]" = nothing
) -> "Described":
    """Copy a regular file atomically, with its attributes where permitted; raises Fail."""
    subject = source
    try:
        fd = os.open(to_bytes(source), os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            info = os.fstat(fd)
            if stat.S_ISDIR(info.st_mode):
                raise Fail("IS_A_DIRECTORY", source)
            if not stat.S_ISREG(info.st_mode):
                raise Fail("OTHER", source, "not a regular file")
            subject = destination
            with Place(destination) as place:
                return _copy_to(accounts, fd, info, place, replace, tick)
        finally:
            os.close(fd)
    except OSError as error:
        raise from_os_error(error, subject)


def _copy_to(
    accounts: Accounts, source: int, info: os.stat_result, place: Place, replace: bool, tick: "Callable[[], None]"
) -> "Described":
    old = place.look()
    if old is not None and not replace:
        raise Fail("EXISTS", place.shown)
    if old is not None and stat.S_ISDIR(old.st_mode):
        raise Fail("IS_A_DIRECTORY", place.shown)
    temporary = temporary_name()
    fd = os.open(temporary, _NEW, 0o600, dir_fd=place.directory)
    try:
        try:
            while True:
                part = os.read(source, BLOCK)
                if not part:
                    break
                _write_part(fd, part)
                tick()
            _copy_attributes(fd, info)
            made = os.fstat(fd)
        finally:
            os.close(fd)
        os.rename(temporary, place.name, src_dir_fd=place.directory, dst_dir_fd=place.directory)
    except BaseException:
        place.remove(temporary)
        raise
    return place.describe(made, accounts)


def _copy_attributes(fd: int, info: os.stat_result) -> None:
    mode = stat.S_IMODE(info.st_mode)
    try:
        own(fd, os.fstat(fd), (info.st_uid, info.st_gid))
    except PermissionError:
        # The copy belongs to somebody else, so it must not run with that user's rights by surprise.
        mode &= ~(stat.S_ISUID | stat.S_ISGID)
    os.fchmod(fd, mode)
    os.utime(fd, ns=(info.st_atime_ns, info.st_mtime_ns))


def link(
    accounts: Accounts, name: str, target: str, hard: bool, replace: bool, expect: "list[object] | None"
) -> "Described":
    """Make a symbolic or hard link, swapping what is there where asked; raises Fail."""
    try:
        with Place(name) as place:
            old = place.look()
            place.check(old, expect)
            if old is not None and stat.S_ISDIR(old.st_mode):
                raise Fail("IS_A_DIRECTORY", name)
            if old is not None and not replace:
                raise Fail("EXISTS", name)
            _swap_link(place, to_bytes(target), hard, old is not None)
            return place.describe(os.stat(place.name, dir_fd=place.directory, follow_symlinks=False), accounts)
    except OSError as error:
        raise from_os_error(error, name)


def _swap_link(place: Place, target: bytes, hard: bool, swap: bool) -> None:
    made = temporary_name() if swap else place.name
    if hard:
        os.link(target, made, dst_dir_fd=place.directory, follow_symlinks=False)
    else:
        os.symlink(target, made, dir_fd=place.directory)
    if not swap:
        return
    try:
        os.rename(made, place.name, src_dir_fd=place.directory, dst_dir_fd=place.directory)
    finally:
        # Renaming one name of a file over another name of it does nothing, and leaves both.
        place.remove(made)
