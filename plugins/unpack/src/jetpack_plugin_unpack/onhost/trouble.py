# SPDX-License-Identifier: GPL-3.0-or-later
"""What the extractor says when it does not go on. Python 3.6."""

import contextlib
import struct
import zlib

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator


class Trouble(Exception):
    """Why an archive is not unpacked.

    `code` is `refused`, `damaged`, `unsupported`, `missing`, `stale` or `failed`.
    """

    def __init__(self, code: str, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint


def refused(name: str, reason: str, hint: str = "exclude it, if the rest is trusted") -> Trouble:
    """Return the trouble with one member."""
    return Trouble("refused", "member {!r} is refused: {}".format(name, reason), hint)


def damaged(detail: object) -> Trouble:
    """Return the trouble with an archive that cannot be read to its end."""
    return Trouble("damaged", "the archive is damaged or cut off: {}".format(detail), "fetch it again")


@contextlib.contextmanager
def reading() -> "Iterator[None]":
    """Take whatever a reader of the standard library raises for damage."""
    import tarfile
    import zipfile

    # Readers raise all of these on hostile input; an archive is never a reason for a traceback.
    kinds = (
        tarfile.TarError,
        zipfile.BadZipFile,
        zlib.error,
        struct.error,
        OSError,
        EOFError,
        ValueError,
        LookupError,
        TypeError,
        ArithmeticError,
        RuntimeError,
        MemoryError,
        AttributeError,
    )
    try:
        yield
    except NotImplementedError as error:
        message = "Python cannot read this archive: {}".format(error)
        raise Trouble("unsupported", message, "unpack it by another tool, or repack it")
    except kinds as error:
        raise damaged(error)
    except Trouble:
        raise
    except Exception as error:
        if type(error).__name__ != "LZMAError":
            raise
        raise damaged(error)
