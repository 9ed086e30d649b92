# SPDX-License-Identifier: GPL-3.0-or-later
"""The file that grows while something is fetched. Python 3.6."""

import errno
import fcntl
import json
import os
import stat

from jetpack_plugin_download.onhost.session import address_key, strong
from jetpack_plugin_download.onhost.trouble import Impossible, Trouble


class Part:
    """The file that grows while it is fetched: private, locked, and beside its destination.

    :param path: Its name; only what this user made itself and nobody else may write to is gone on with.
    :param note: Where it is noted which address and validator it came from.
    """

    def __init__(self, path: str, note: "str | None") -> None:
        self.path = path
        self.note = note
        self.fd = self._open()
        try:
            fcntl.flock(self.fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self.fd)
            raise Trouble(f"another download is writing {path}")

    def _open(self) -> int:
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
        try:
            for _ in range(3):
                try:
                    fd = os.open(self.path, flags, 0o600)
                except OSError as error:
                    if error.errno not in (errno.ELOOP, errno.ENXIO, errno.EISDIR):
                        raise
                else:
                    if self._is_ours(os.fstat(fd)):
                        return fd
                    os.close(fd)
                os.unlink(self.path)
        except OSError as error:
            raise Impossible(f"{self.path}: {(error.strerror or str(error)).lower()}")
        raise Impossible(f"{self.path}: somebody else keeps making it")

    @staticmethod
    def _is_ours(info: "os.stat_result") -> bool:
        mine = info.st_uid == os.geteuid() and info.st_nlink == 1
        return stat.S_ISREG(info.st_mode) and mine and not stat.S_IMODE(info.st_mode) & 0o077

    def known(self, url: str) -> "tuple[int, str]":
        """Return how many bytes of the address's file are here, and the validator they belong to."""
        size = os.fstat(self.fd).st_size
        try:
            with open(self.note or "", encoding="utf-8") as file:
                noted = json.load(file)
            if size and noted["url"] == address_key(url) and strong(noted["etag"]):
                return size, str(noted["etag"])
        except (OSError, ValueError, KeyError, TypeError):
            # No note, or one that nobody can read: then nothing is known.
            return 0, ""
        return 0, ""

    def promise(self, url: str, etag: "str | None") -> None:
        """Note what the bytes to come belong to, so that they can be gone on with."""
        if not self.note:
            return
        if etag is None or not strong(etag):
            forget(self.note)
            return
        try:
            if not os.path.isdir(os.path.dirname(self.note)):
                os.makedirs(os.path.dirname(self.note), 0o700)
            fd = os.open(self.note, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            with os.fdopen(fd, "w") as file:
                json.dump({"url": address_key(url), "etag": etag}, file)
        except OSError:
            # Without the note the next attempt begins at the beginning, and that is all.
            self.note = None

    @property
    def resumable(self) -> bool:
        """Tell whether what is here can be gone on with."""
        return bool(self.note) and os.path.exists(self.note or "") and os.fstat(self.fd).st_size > 0

    def drop(self) -> None:
        """Remove it."""
        forget(self.path)
        if self.note:
            forget(self.note)

    def close(self) -> None:
        """Let it go."""
        os.close(self.fd)


def forget(path: str) -> None:
    """Remove a file as well as can be."""
    try:
        os.unlink(path)
    except OSError:
        # It is gone already, or the disk is: either way nothing more can be done.
        return
