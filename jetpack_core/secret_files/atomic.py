# SPDX-License-Identifier: GPL-3.0-or-later
"""Replace files so that each has its old content or its new one, and several of them all or none."""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from jetpack_core.content.files import shown
from jetpack_core.errors import UsageError

_PRIVATE: Final = 0o600


def write_all(contents: Mapping[Path, bytes], *, private: bool = False) -> None:
    """Write files so that either all have their new content or all are as before.

    Everything is written next to its place first; only when all of it is on the disk do the files get their names.
    A file keeps its mode; a new one is for its owner alone. A link stays a link. Raises UsageError.

    :param private: take the permissions of group and others away.
    """
    with contextlib.ExitStack() as stack:
        prepared = [stack.enter_context(_prepared(_real(file), text, private)) for file, text in contents.items()]
        _rename_all(prepared)


def write(file: Path, content: bytes, *, private: bool = False) -> None:
    """Write one file as `write_all` does, and make its folder where there is none."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _cannot_write(file, error) from None
    write_all({file: content}, private=private)


def write_new(file: Path, content: bytes) -> None:
    """Write a file that is not there yet, for its owner alone. Raises UsageError where it is there."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # Claims the name, so that nothing that comes there meanwhile is overwritten.
        os.close(os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, _PRIVATE))
    except FileExistsError:
        raise UsageError(f"{shown(file)} is there already", hint="it was left alone; name another file") from None
    except OSError as error:
        raise _cannot_write(file, error) from None
    try:
        write_all({file: content})
    except BaseException:
        file.unlink(missing_ok=True)
        raise


def _real(file: Path) -> Path:
    return Path(os.path.realpath(file))


@contextlib.contextmanager
def _prepared(file: Path, content: bytes, private: bool) -> Iterator[tuple[Path, Path]]:
    """Write content to a temporary file in the folder of a file; it is gone afterwards, if it was not renamed."""
    try:
        handle, name = tempfile.mkstemp(prefix=f".{file.name}.", suffix=".jetpack", dir=file.parent)
    except OSError as error:
        raise _cannot_write(file, error) from None
    temporary = Path(name)
    try:
        try:
            with os.fdopen(handle, "wb") as stream:
                os.fchmod(stream.fileno(), _mode(file, private))
                stream.write(content)
                stream.flush()
                os.fsync(stream.fileno())
        except OSError as error:
            raise _cannot_write(file, error) from None
        yield temporary, file
    finally:
        temporary.unlink(missing_ok=True)


def _mode(file: Path, private: bool) -> int:
    try:
        mode = stat.S_IMODE(file.stat().st_mode)
    except FileNotFoundError:
        return _PRIVATE
    return mode & 0o700 if private else mode


def _rename_all(prepared: list[tuple[Path, Path]]) -> None:
    """Give files their names; where that fails, those before get their old content back."""
    done: list[tuple[Path, bytes | None]] = []
    for temporary, file in prepared:
        try:
            before = file.read_bytes() if file.exists() else None
            temporary.replace(file)
        except BaseException as error:
            for changed, old in reversed(done):
                _restore(changed, old)
            if isinstance(error, OSError):
                raise _cannot_write(file, error) from None
            raise
        done.append((file, before))


def _restore(file: Path, content: bytes | None) -> None:
    if content is None:
        file.unlink(missing_ok=True)
        return
    with _prepared(file, content, private=False) as (temporary, _):
        temporary.replace(file)


def _cannot_write(file: Path, error: OSError) -> UsageError:
    return UsageError(f"cannot write {shown(file)}: {error.strerror}", hint="no file was changed")
