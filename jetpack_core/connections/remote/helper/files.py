# SPDX-License-Identifier: GPL-3.0-or-later
"""Looking at files: the operations that only read, and the comparison that guards the others. Python 3.6."""

import grp
import os
import pwd
import stat

from jetpack_core.connections.remote.helper.failures import Fail, from_os_error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Described = list[object]
    """kind, mode, uid, gid, owner, group, size, mtime, target, checksum, content as [offset, length]."""

BLOCK = 1 << 18
MISSING = ["m", 0, -1, -1, "", "", 0, 0, None, None, None]
_KINDS = {stat.S_IFREG: "f", stat.S_IFDIR: "d", stat.S_IFLNK: "l"}
_READ = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY


def to_bytes(path: str) -> bytes:
    """Return a path as the host's bytes, whatever its locale; raises Fail on a zero byte."""
    if "\0" in path:
        raise Fail("OTHER", path, "a path cannot contain a zero byte")
    return path.encode("utf-8", "surrogateescape")


def to_text(path: bytes) -> str:
    """Return the host's bytes as text that turns into the same bytes again."""
    return path.decode("utf-8", "surrogateescape")


def nothing() -> None:
    """Do nothing between two steps."""


class Accounts:
    """Names and numbers of users and groups, remembered for one frame."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Ask the host again from now on."""
        self._users = {}  # type: dict[int, str]
        self._groups = {}  # type: dict[int, str]

    def user(self, uid: int) -> str:
        """Return a user's name, or the number as text."""
        name = self._users.get(uid)
        if name is None:
            try:
                name = pwd.getpwuid(uid).pw_name
            except KeyError:
                name = str(uid)
            self._users[uid] = name
        return name

    def group(self, gid: int) -> str:
        """Return a group's name, or the number as text."""
        name = self._groups.get(gid)
        if name is None:
            try:
                name = grp.getgrgid(gid).gr_name
            except KeyError:
                name = str(gid)
            self._groups[gid] = name
        return name

    def ids(self, owner: "str | None", group: "str | None") -> "tuple[int, int]":
        """Return the numbers of an owner and a group, -1 for None; raises Fail NO_SUCH_ACCOUNT."""
        uid = gid = -1
        if owner is not None:
            try:
                uid = pwd.getpwnam(owner).pw_uid
            except (KeyError, ValueError, UnicodeError):
                uid = _number(owner)
        if group is not None:
            try:
                gid = grp.getgrnam(group).gr_gid
            except (KeyError, ValueError, UnicodeError):
                gid = _number(group)
        return uid, gid


def _number(name: str) -> int:
    if name.isdigit() and int(name) < (1 << 32) - 1:
        return int(name)
    raise Fail("NO_SUCH_ACCOUNT", name)


def describe(path: bytes, info: os.stat_result, accounts: Accounts, directory: "int | None" = None) -> "Described":
    """Return what the wire says of one path."""
    kind = _KINDS.get(stat.S_IFMT(info.st_mode), "o")
    target = None
    if kind == "l":
        target = to_text(os.readlink(path) if directory is None else os.readlink(path, dir_fd=directory))
    return [
        kind,
        stat.S_IMODE(info.st_mode),
        info.st_uid,
        info.st_gid,
        accounts.user(info.st_uid),
        accounts.group(info.st_gid),
        info.st_size,
        info.st_mtime_ns // 1000000000,
        target,
        None,
        None,
    ]


def examine(
    accounts: Accounts,
    name: str,
    follow: bool,
    checksum: bool,
    content: int,
    tick: "Callable[[], None]" = nothing,
) -> "tuple[Described, bytes | None]":
    """Describe one path, with its checksum and content where asked; raises Fail."""
    path = to_bytes(name)
    try:
        info = os.stat(path) if follow else os.lstat(path)
        described = describe(path, info, accounts)
        if described[0] != "f" or not (checksum or content):
            return described, None
        return _with_content(path, described, checksum, content, tick)
    except (FileNotFoundError, NotADirectoryError):
        return list(MISSING), None
    except OSError as error:
        raise from_os_error(error, name)


def _with_content(
    path: bytes, described: "Described", checksum: bool, content: int, tick: "Callable[[], None]"
) -> "tuple[Described, bytes | None]":
    size = int(str(described[6]))
    wanted = bool(content) and size <= content
    if not (wanted or checksum):
        return described, None
    fd = os.open(path, _READ)
    try:
        data = None
        if wanted:
            # A file that grew meanwhile is over the limit after all.
            data = read_up_to(fd, content + 1)
            if len(data) > content:
                data = None
            else:
                described[6] = len(data)
        if checksum:
            described[9] = digest(data) if data is not None else digest_file(fd, tick)
        return described, data
    finally:
        os.close(fd)


def read_up_to(fd: int, limit: int) -> bytes:
    """Read until the end of a file, or until there are `limit` bytes."""
    parts = []
    while limit > 0:
        part = os.read(fd, min(limit, BLOCK))
        if not part:
            break
        parts.append(part)
        limit -= len(part)
    return b"".join(parts)


def digest(data: bytes) -> str:
    """Return the SHA-256 of some bytes."""
    # Imported late: it loads OpenSSL, which not every run needs.
    import hashlib

    return hashlib.sha256(data).hexdigest()


def digest_file(fd: int, tick: "Callable[[], None]" = nothing) -> str:
    """Return the SHA-256 of an open file, from its start."""
    import hashlib

    total = hashlib.sha256()
    os.lseek(fd, 0, os.SEEK_SET)
    while True:
        part = os.read(fd, BLOCK)
        if not part:
            return total.hexdigest()
        total.update(part)
        tick()


def digest_of_path(path: bytes, tick: "Callable[[], None]" = nothing) -> str:
    """Return the SHA-256 of the file at a path."""
    fd = os.open(path, _READ)
    try:
        return digest_file(fd, tick)
    finally:
        os.close(fd)


def entries(accounts: Accounts, name: str) -> "list[list[object]]":
    """Return the path and the description of each entry of a directory, in no order; raises Fail."""
    try:
        return list(_scan(accounts, to_bytes(name)))
    except OSError as error:
        raise from_os_error(error, name)


def _scan(accounts: Accounts, path: bytes) -> "Iterator[list[object]]":
    with os.scandir(path) as found:
        for entry in found:
            try:
                info = entry.stat(follow_symlinks=False)
                yield [to_text(entry.path)] + describe(entry.path, info, accounts)
            except FileNotFoundError:
                # Gone since the directory was read: not an entry any more.
                continue


def walk(accounts: Accounts, name: str, checksum: bool, tick: "Callable[[], None]" = nothing) -> "list[list[object]]":
    """Return what is below a directory, each with its path, in no order; raises Fail."""
    found = []
    pending = [name]
    while pending:
        directory = pending.pop()
        try:
            for one in _scan(accounts, to_bytes(directory)):
                if one[1] == "d":
                    pending.append(str(one[0]))
                elif one[1] == "f" and checksum:
                    one[10] = digest_of_path(to_bytes(str(one[0])), tick)
                found.append(one)
                tick()
        except OSError as error:
            raise from_os_error(error, directory)
    return found


def read(name: str, limit: int) -> bytes:
    """Return a file's bytes; raises Fail, TOO_LARGE when there are more than `limit`."""
    try:
        fd = os.open(to_bytes(name), _READ)
        try:
            if stat.S_ISDIR(os.fstat(fd).st_mode):
                raise Fail("IS_A_DIRECTORY", name)
            data = read_up_to(fd, limit + 1)
        finally:
            os.close(fd)
    except OSError as error:
        raise from_os_error(error, name)
    if len(data) > limit:
        raise Fail("TOO_LARGE", name, "larger than {} bytes".format(limit))
    return data


def stream(name: str, accounts: Accounts) -> "Iterator[object]":
    """Yield the description of a regular file, then its bytes in chunks; raises Fail."""
    try:
        fd = os.open(to_bytes(name), _READ)
        try:
            info = os.fstat(fd)
            if stat.S_ISDIR(info.st_mode):
                raise Fail("IS_A_DIRECTORY", name)
            yield describe(to_bytes(name), info, accounts)
            while True:
                part = os.read(fd, BLOCK)
                if not part:
                    return
                yield part
        finally:
            os.close(fd)
    except OSError as error:
        raise from_os_error(error, name)


def check_expected(
    name: str,
    path: bytes,
    info: "os.stat_result | None",
    expect: "list[object] | None",
    directory: "int | None" = None,
) -> None:
    """Raise Fail STALE when a path is not what it was; `expect` is described as on the wire.

    Size and time of a directory change with its entries, so they do not count; nor does a link's mode.
    """
    if expect is None:
        return
    kind, mode, uid, gid, _, _, size, mtime, target, checksum = expect[:10]
    actual = "m" if info is None else _KINDS.get(stat.S_IFMT(info.st_mode), "o")
    same = actual == kind
    if same and info is not None:
        same = uid in (-1, info.st_uid) and gid in (-1, info.st_gid)
        if kind != "l":
            same = same and (uid == -1 or mode == stat.S_IMODE(info.st_mode))
        elif target is not None:
            same = same and to_text(_readlink(path, directory)) == target
        if kind == "f" and same and (checksum is not None or uid != -1):
            same = size == info.st_size
            if same and checksum is not None:
                same = _digest_at(path, directory) == checksum
            elif same:
                same = mtime == info.st_mtime_ns // 1000000000
    if not same:
        raise Fail("STALE", name)


def _readlink(path: bytes, directory: "int | None") -> bytes:
    return os.readlink(path) if directory is None else os.readlink(path, dir_fd=directory)


def _digest_at(path: bytes, directory: "int | None") -> str:
    fd = os.open(path, _READ | os.O_NOFOLLOW, dir_fd=directory)
    try:
        return digest_file(fd)
    finally:
        os.close(fd)
