# SPDX-License-Identifier: GPL-3.0-or-later
"""Writing below one directory, every name in a directory that was opened without following links. Python 3.6."""

import binascii
import hashlib
import os

from jetpack_plugin_unpack.onhost import comparing
from jetpack_plugin_unpack.onhost.archives import DIRECTORY, FILE, LINK
from jetpack_plugin_unpack.onhost.comparing import seen_of
from jetpack_plugin_unpack.onhost.streams import copy_parts
from jetpack_plugin_unpack.onhost.trouble import Trouble

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import BinaryIO, Optional

    from jetpack_plugin_unpack.onhost.archives import Archive
    from jetpack_plugin_unpack.onhost.comparing import Step
    from jetpack_plugin_unpack.onhost.streams import Limits
    from jetpack_plugin_unpack.onhost.vetting import Output

_OPEN = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class Tree:
    """The destination, as an open directory."""

    def __init__(self, dest: str, ids: "tuple[int, int]") -> None:
        self._ids = ids
        self._top = os.open(dest, _OPEN)
        self._path = ""
        self._folder = os.dup(self._top)
        self.written = 0
        """Bytes."""

    def close(self) -> None:
        """Close it."""
        os.close(self._folder)
        os.close(self._top)

    def _enter(self, path: str) -> "tuple[int, str]":
        """Return the open directory a path is in, and its name there; a link on the way raises OSError."""
        parent, _, name = path.rpartition("/")
        if parent != self._path:
            folder = os.dup(self._top)
            try:
                for part in parent.split("/") if parent else ():
                    inner = os.open(part, _OPEN | os.O_NOFOLLOW, dir_fd=folder)
                    os.close(folder)
                    folder = inner
            except BaseException:
                os.close(folder)
                raise
            os.close(self._folder)
            self._folder, self._path = folder, parent
        return self._folder, name

    def _forget(self) -> None:
        """Leave the directory that was entered last, which may be about to change."""
        os.close(self._folder)
        self._folder, self._path = os.dup(self._top), ""

    def look(self, path: str) -> "Optional[list[int]]":
        """Return what tells that a path is still the same, or None when nothing is there."""
        try:
            folder, name = self._enter(path)
            return seen_of(os.stat(name, dir_fd=folder, follow_symlinks=False))
        except (FileNotFoundError, NotADirectoryError):
            return None

    def make_directory(self, path: str) -> None:
        """Make a directory that only its owner may enter until all is in it."""
        folder, name = self._enter(path)
        os.mkdir(name, 0o700, dir_fd=folder)

    def finish_directory(self, output: "Output") -> None:
        """Give a directory its owner and permissions."""
        folder, name = self._enter(output.path)
        fd = os.open(name, _OPEN | os.O_NOFOLLOW, dir_fd=folder)
        try:
            self._own(fd, output.mode)
        finally:
            os.close(fd)

    def _own(self, fd: int, mode: int) -> None:
        if self._ids != (-1, -1):
            os.fchown(fd, self._ids[0], self._ids[1])
        os.fchmod(fd, mode)

    def write(self, output: "Output", parts: "Iterable[bytes]") -> None:
        """Put a file in place, all at once."""
        folder, name = self._enter(output.path)
        temporary = temporary_name()
        total = hashlib.sha256()
        fd = os.open(temporary, _NEW, 0o600, dir_fd=folder)
        try:
            try:
                for part in parts:
                    total.update(part)
                    self.written += len(part)
                    view = memoryview(part)
                    while view:
                        view = view[os.write(fd, view) :]
                self._own(fd, output.mode)
                _set_time(fd, output.mtime)
                output.size = os.fstat(fd).st_size
            finally:
                os.close(fd)
            os.rename(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
        except BaseException:
            _drop(temporary, folder)
            raise
        output.sha256 = total.hexdigest()

    def read(self, path: str) -> "Iterable[bytes]":
        """Open a file that was written, and return its bytes in parts, for whoever is in another directory by then."""
        folder, name = self._enter(path)
        stream = os.fdopen(os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder), "rb")
        return _parts(stream)

    def set_attributes(self, output: "Output") -> None:
        """Give a file or link that is there its owner and permissions."""
        folder, name = self._enter(output.path)
        if output.kind == LINK:
            os.chown(name, self._ids[0], self._ids[1], dir_fd=folder, follow_symlinks=False)
            return
        fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
        try:
            self._own(fd, output.mode)
        finally:
            os.close(fd)

    def link(self, output: "Output") -> None:
        """Make a symbolic link, or change one, all at once."""
        folder, name = self._enter(output.path)
        temporary = temporary_name()
        os.symlink(output.target, temporary, dir_fd=folder)
        try:
            if self._ids != (-1, -1):
                os.chown(temporary, self._ids[0], self._ids[1], dir_fd=folder, follow_symlinks=False)
            os.rename(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
        except BaseException:
            _drop(temporary, folder)
            raise

    def remove(self, path: str, directory: bool) -> None:
        """Remove a file, a link or an empty directory."""
        folder, name = self._enter(path)
        if directory:
            os.rmdir(name, dir_fd=folder)
        else:
            os.unlink(name, dir_fd=folder)
        self._forget()


def temporary_name() -> str:
    """Return a name that nobody can guess."""
    return ".jetpack-" + binascii.hexlify(os.urandom(12)).decode("ascii")


def _set_time(fd: int, mtime: int) -> None:
    try:
        os.utime(fd, (max(0, mtime), max(0, mtime)))
    except OverflowError:
        # A header may name any number; a file keeps the time at which it was written then.
        return


def _drop(name: str, folder: int) -> None:
    try:
        os.unlink(name, dir_fd=folder)
    except OSError:
        # Already renamed, or the file system is gone: nothing is left to do.
        return


def make_destination(dest: str, output: "Output", ids: "tuple[int, int]") -> None:
    """Make the destination with what is missing above it."""
    os.makedirs(os.path.dirname(dest), mode=0o755, exist_ok=True)
    os.mkdir(dest, 0o700)
    fd = os.open(dest, _OPEN | os.O_NOFOLLOW)
    try:
        if ids != (-1, -1):
            os.fchown(fd, ids[0], ids[1])
        os.fchmod(fd, output.mode)
    finally:
        os.close(fd)


def carry_out(
    dest: str, steps: "list[Step]", archive: "Optional[Archive]", limits: "Limits", ids: "tuple[int, int]"
) -> int:
    """Do the steps: removals, directories, files, links, and last the directories' own permissions.

    Returns how many bytes were written. Raises Trouble and OSError.
    """
    new_top = [one for one in steps if one.path == "" and one.action == comparing.CREATE]
    if new_top and new_top[0].output is not None:
        make_destination(dest, new_top[0].output, ids)
    tree = Tree(dest, ids)
    try:
        _carry_out(tree, [one for one in steps if one.path], archive, limits)
        return tree.written
    finally:
        tree.close()


def _parts(stream: "BinaryIO") -> "Iterator[bytes]":
    with stream:
        while True:
            part = stream.read(1 << 18)
            if not part:
                return
            yield part


def _carry_out(tree: Tree, steps: "list[Step]", archive: "Optional[Archive]", limits: "Limits") -> None:
    folders = []
    links = []
    files = {}  # type: dict[int, list[Output]]
    for step in steps:
        output = step.output
        if output is None or (step.action == comparing.REPLACE and output.kind == DIRECTORY):
            tree.remove(step.path, step.before is not None and step.before.kind == DIRECTORY)
        if output is None:
            continue
        if output.kind == DIRECTORY:
            folders.append(output)
            if step.action != comparing.ATTRIBUTES:
                tree.make_directory(step.path)
        elif step.action == comparing.ATTRIBUTES:
            tree.set_attributes(output)
        elif output.kind == FILE:
            files.setdefault(output.source, []).append(output)
        else:
            links.append(output)
    _write_files(tree, files, archive, limits)
    for output in links:
        tree.link(output)
    for output in reversed(folders):
        tree.finish_directory(output)


def _write_files(tree: Tree, files: "dict[int, list[Output]]", archive: "Optional[Archive]", limits: "Limits") -> None:
    if not files:
        return
    if archive is None:
        raise Trouble("stale", "the archive is gone")
    for member, content in archive.members():
        outputs = files.pop(member.index, None)
        if outputs is None or content is None:
            continue
        size = None if member.size < 0 else member.size
        tree.write(outputs[0], copy_parts(content, size))
        limits.check_size(tree.written, archive.size)
        for output in outputs[1:]:
            # A hard link becomes a copy: what is changed by one name stays as it is by the other.
            tree.write(output, tree.read(outputs[0].path))
    if files:
        raise Trouble("stale", "the archive changed while it was read")
