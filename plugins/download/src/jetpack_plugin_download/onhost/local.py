# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of this machine, as if a server had them. Python 3.6."""

import os
import stat
import urllib.parse

from jetpack_plugin_download.onhost.trouble import Refused

TYPE_CHECKING = False


class LocalAnswer:
    """What a server would answer about a file of this machine."""

    reason = ""

    def __init__(self, url: str, status: int, headers: "dict[str, str]", fd: int) -> None:
        self.headers = headers
        self._url = url
        self._status = status
        self._file = os.fdopen(fd, "rb")

    def getcode(self) -> int:
        """Return the status."""
        return self._status

    def geturl(self) -> str:
        """Return the address."""
        return self._url

    def read(self, size: int) -> bytes:
        """Return up to so many bytes."""
        return self._file.read(size)

    def close(self) -> None:
        """Let the file go."""
        self._file.close()

    def __enter__(self) -> "LocalAnswer":  # noqa: PYI034 - Python 3.6 has no Self
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def local_answer(url: str, headers: "dict[str, str]") -> LocalAnswer:
    """Return the answer for an address of a file; raises Refused where there is none that can be read."""
    path = urllib.parse.unquote(urllib.parse.urlsplit(url).path)
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise Refused(f"it cannot be read: {(error.strerror or str(error)).lower()}")
    info = os.fstat(fd)
    if not stat.S_ISREG(info.st_mode):
        os.close(fd)
        raise Refused("it is no file")
    etag = f'"{info.st_ino:x}-{info.st_size:x}-{info.st_mtime_ns:x}"'
    status = 304 if headers.get("If-None-Match") == etag else 200
    return LocalAnswer(url, status, {"Content-Length": str(info.st_size), "ETag": etag}, fd)
