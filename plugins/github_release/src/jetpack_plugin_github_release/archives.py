# SPDX-License-Identifier: GPL-3.0-or-later
"""Takes the one program out of an asset, on the control machine: a single file is read, nothing is unpacked."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import lzma
import os
import posixpath
import secrets
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import IO, Final, cast

from jetpack_core.errors import TaskError

LIMIT: Final = 4 * 1024**3
"""Bytes of a program; a larger one is a bomb."""
_MOST_MEMBERS: Final = 200_000
_BLOCK: Final = 1024 * 1024
_EXECUTABLE: Final = 0o111
_BROKEN: Final = (
    tarfile.TarError,
    zipfile.BadZipFile,
    lzma.LZMAError,
    zlib.error,
    EOFError,
    OSError,
    ValueError,
    struct.error,
    RuntimeError,
    LookupError,
    ArithmeticError,
)
"""RuntimeError is what an encrypted zip, a method nobody knows, and headers in headers without end come to."""


@dataclass(frozen=True, slots=True)
class Program:
    """A program on the control machine."""

    path: Path
    sha256: str
    size: int
    name: str
    """What it is called in the asset."""


@dataclass(frozen=True, slots=True)
class _Member:
    name: str
    executable: bool
    open: Callable[[], IO[bytes] | None]


def program_in(asset: Path, asset_name: str, wanted: str, folder: Path) -> Program:
    """Return the program out of an asset, which may be the program itself. Raises TaskError.

    :param wanted: The program's name, a path in the archive, or a pattern of either.
    :param folder: A private folder for it.
    """
    try:
        with _members(asset) as members:
            if members is None:
                return _single(asset, asset_name, folder)
            member = _choose(list(members), wanted, asset_name)
            stream = member.open()
            if stream is None:
                raise TaskError(f"{member.name} in {asset_name} is not a file")
            with stream:
                return _store(stream, member.name, folder)
    except _BROKEN as error:
        raise TaskError(f"{asset_name} cannot be read: {error}") from error


@contextmanager
def _members(asset: Path) -> Iterator[Iterator[_Member] | None]:
    """Open an archive and list its files; None where it is none."""
    if zipfile.is_zipfile(asset) and asset.open("rb").read(2) == b"PK":
        with zipfile.ZipFile(asset) as archive:
            yield _of_zip(archive)
    elif tarfile.is_tarfile(asset):
        with tarfile.open(asset) as archive_of_tape:
            yield _of_tar(archive_of_tape)
    else:
        yield None


def _of_zip(archive: zipfile.ZipFile) -> Iterator[_Member]:
    for info in archive.infolist():
        if not info.is_dir():
            mode = info.external_attr >> 16
            yield _Member(info.filename, bool(mode & _EXECUTABLE), lambda info=info: archive.open(info))  # type: ignore[misc]


def _of_tar(archive: tarfile.TarFile) -> Iterator[_Member]:
    for count, info in enumerate(archive):
        if count > _MOST_MEMBERS:
            raise TaskError(f"the archive has more than {_MOST_MEMBERS} members")
        if info.isreg():
            executable = bool(info.mode & _EXECUTABLE)
            yield _Member(info.name, executable, lambda info=info: archive.extractfile(info))  # type: ignore[misc]


def _choose(members: list[_Member], wanted: str, asset_name: str) -> _Member:
    exact = [one for one in members if one.name.removeprefix("./") == wanted]
    by_name = [one for one in members if fnmatchcase(posixpath.basename(one.name), wanted)]
    by_path = [one for one in members if fnmatchcase(one.name.removeprefix("./"), wanted)]
    for found in (exact, by_name, by_path):
        runnable = [one for one in found if one.executable] or found
        if len(runnable) == 1:
            return runnable[0]
        if runnable:
            names = ", ".join(one.name for one in runnable[:8])
            raise TaskError(f"{asset_name} holds several files {wanted}: {names}", hint="give the whole path as 'bin'")
    programs = [one for one in members if one.executable]
    if len(programs) == 1:
        return programs[0]
    names = ", ".join(one.name for one in (programs or members)[:12])
    raise TaskError(f"{asset_name} holds no {wanted}", hint=f"say which one by 'bin'; it holds {names}")


def _single(asset: Path, asset_name: str, folder: Path) -> Program:
    """Return an asset that is the program, compressed or not."""
    with asset.open("rb") as file:
        head = file.read(6)
    openers = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ\0": lzma.open}
    opener = next((one for magic, one in openers.items() if head.startswith(magic)), None)
    if opener is None:
        return Program(asset, _sha256(asset), asset.stat().st_size, asset_name)
    with cast("IO[bytes]", opener(asset, "rb")) as stream:  # type: ignore[operator]
        return _store(stream, asset_name.rpartition(".")[0], folder)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _store(stream: IO[bytes], name: str, folder: Path) -> Program:
    """Write a program to a private file, which is named by its content."""
    temporary = folder / f".{secrets.token_hex(8)}"
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    digest, size = hashlib.sha256(), 0
    try:
        with os.fdopen(fd, "wb") as file:
            while block := stream.read(_BLOCK):
                size += len(block)
                if size > LIMIT:
                    raise TaskError(f"{name} is larger than {LIMIT} bytes")
                digest.update(block)
                file.write(block)
        path = folder / digest.hexdigest()
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return Program(path, digest.hexdigest(), size, name)
