# SPDX-License-Identifier: GPL-3.0-or-later
"""Failures of operations, by the codes that every connection shares. Python 3.6."""

import errno
import os

_CODES = {
    errno.ENOENT: "NOT_FOUND",
    errno.EEXIST: "EXISTS",
    errno.EACCES: "PERMISSION",
    errno.EPERM: "PERMISSION",
    errno.ENOTDIR: "NOT_A_DIRECTORY",
    errno.EISDIR: "IS_A_DIRECTORY",
    errno.ENOTEMPTY: "NOT_EMPTY",
    errno.ENOSPC: "NO_SPACE",
    errno.EDQUOT: "NO_SPACE",
    errno.EROFS: "READ_ONLY",
    errno.EFBIG: "TOO_LARGE",
    errno.EXDEV: "OTHER",
}


class Fail(Exception):
    """An operation failed: a code (the name of an OperationCode), what it is about, and details."""

    def __init__(self, code: str, subject: str, detail: str = "") -> None:
        super().__init__(code, subject, detail)
        self.code = code
        self.subject = subject
        self.detail = detail


class Cancelled(Exception):
    """The control side does not want the frame's result any more."""


def from_os_error(error: OSError, subject: str) -> Fail:
    """Return the failure that an error of the operating system stands for."""
    code = _CODES.get(error.errno or 0, "OTHER")
    detail = os.strerror(error.errno).lower() if code == "OTHER" and error.errno else ""
    return Fail(code, subject, detail)
