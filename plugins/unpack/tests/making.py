# SPDX-License-Identifier: GPL-3.0-or-later
"""Archives for tests, honest and hostile."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
from collections.abc import Callable, Mapping

MTIME = 1_600_000_000
COMPRESSORS: Mapping[str, Callable[[bytes], bytes]] = {
    "": lambda data: data,
    "gz": lambda data: gzip.compress(data, mtime=0),
    "bz2": bz2.compress,
    "xz": lzma.compress,
}


def info(name: str, kind: bytes = tarfile.REGTYPE, *, mode: int = 0o644, target: str = "") -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.type = kind
    made.mode = mode
    made.mtime = MTIME
    made.linkname = target
    return made


def file(name: str, content: bytes | str = b"text\n", mode: int = 0o644) -> tuple[tarfile.TarInfo, bytes]:
    data = content.encode() if isinstance(content, str) else content
    made = info(name, mode=mode)
    made.size = len(data)
    return made, data


def directory(name: str, mode: int = 0o755) -> tuple[tarfile.TarInfo, bytes]:
    return info(name, tarfile.DIRTYPE, mode=mode), b""


def link(name: str, target: str) -> tuple[tarfile.TarInfo, bytes]:
    return info(name, tarfile.SYMTYPE, mode=0o777, target=target), b""


def hard_link(name: str, target: str) -> tuple[tarfile.TarInfo, bytes]:
    return info(name, tarfile.LNKTYPE, target=target), b""


def tar(*members: tuple[tarfile.TarInfo, bytes], form: int = tarfile.PAX_FORMAT) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=form) as archive:
        for one, data in members:
            archive.addfile(one, io.BytesIO(data))
    return stream.getvalue()


def zip_info(name: str, mode: int = 0o100644, *, system: int = 3) -> zipfile.ZipInfo:
    made = zipfile.ZipInfo(name, (2020, 9, 13, 12, 26, 40))
    made.create_system = system
    made.external_attr = mode << 16
    made.compress_type = zipfile.ZIP_DEFLATED
    return made


def zipped(*members: tuple[zipfile.ZipInfo | str, bytes | str]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for one, data in members:
            archive.writestr(zip_info(one) if isinstance(one, str) else one, data)
    return stream.getvalue()


APP = tar(
    directory("app-1.0"),
    directory("app-1.0/bin", 0o750),
    file("app-1.0/bin/run", "#!/bin/sh\necho 1\n", 0o755),
    file("app-1.0/conf/app.conf", "port: 80\n"),
    file("app-1.0/empty", b""),
    hard_link("app-1.0/bin/same", "app-1.0/bin/run"),
    link("app-1.0/latest", "bin/run"),
)
"""Directories with and without a member of their own, a hard and a symbolic link."""
APP_2 = tar(
    directory("app-2.0"),
    file("app-2.0/bin/run", "#!/bin/sh\necho 2\n", 0o755),
    file("app-2.0/conf/app.conf", "port: 80\n"),
    file("app-2.0/new", "new\n"),
)
