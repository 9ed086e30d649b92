# SPDX-License-Identifier: GPL-3.0-or-later
"""The members of an archive, as they stand in it: nothing here is trusted yet. Python 3.6."""

import hashlib
import os
import stat

from jetpack_plugin_unpack.onhost.streams import (
    CHUNK,
    SUFFIXES,
    Forward,
    Limits,
    Program,
    compression_of,
    decompressed,
)
from jetpack_plugin_unpack.onhost.trouble import Trouble, damaged, reading, refused

TYPE_CHECKING = False
if TYPE_CHECKING:
    import tarfile
    import zipfile
    from collections.abc import Iterator
    from typing import BinaryIO, Optional

    from jetpack_plugin_unpack.onhost.streams import Reader

FILE, DIRECTORY, LINK, HARD_LINK, REFUSED = "f", "d", "l", "h", "?"
_BLOCK = 512
_LONGEST_TARGET = 4096
_SMALLEST_EMPTY_TAR = 2 * _BLOCK
_EMPTY_TAR = 10240
_FOREIGN = ((b"7z\xbc\xaf\x27\x1c", "7z"), (b"Rar!\x1a\x07", "RAR"), (b"\x04\x22\x4d\x18", "LZ4"))
_TAR_KINDS = {b"3": "a character device", b"4": "a block device", b"6": "a named pipe"}
_UNIX = 3
_AES = 99
"""The compression method of WinZip's AE-1 and AE-2."""


class Member:
    """One entry of an archive."""

    def __init__(
        self,
        index: int,
        name: str,
        kind: str,
        size: int = 0,
        mode: "Optional[int]" = None,
        mtime: int = 0,
        target: str = "",
    ) -> None:
        self.index = index
        self.name = name
        self.kind = kind
        self.size = size
        """Bytes; -1 where only reading tells."""
        self.mode = mode
        self.mtime = mtime
        self.target = target
        """Where a link points; for REFUSED, what it is."""


class Archive:
    """An archive in an open file; `members` may be gone through several times."""

    def __init__(
        self,
        source: "BinaryIO",
        name: str,
        limits: Limits,
        wanted: str = "auto",
        password: "Optional[str]" = None,
    ) -> None:
        self._source = source
        self._password = password
        self._name = os.path.basename(name)
        self._limits = limits
        self.size = os.fstat(source.fileno()).st_size
        with reading():
            head = source.read(_BLOCK)
        if not head:
            raise Trouble("damaged", "the archive is empty", "fetch it again")
        self._compression = compression_of(head)
        self.kind = self._kind_of(head, wanted)

    @property
    def format(self) -> str:
        """Return the format as it is named, such as `tar.gz`."""
        if self.kind == "file":
            return self._compression or "file"
        return self.kind + ("." + self._compression if self._compression else "")

    def digest(self) -> str:
        """Return the SHA-256 of the archive itself."""
        total = hashlib.sha256()
        self._source.seek(0)
        while True:
            part = self._source.read(CHUNK)
            if not part:
                return total.hexdigest()
            total.update(part)

    def _kind_of(self, head: bytes, wanted: str) -> str:
        if head.startswith((b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")):
            return self._agreed("zip", wanted)
        for magic, name in _FOREIGN:
            if head.startswith(magic):
                raise Trouble("unsupported", "the archive is a {} file".format(name), "repack it as tar or zip")
        if self._compression is None:
            if not _is_tar(head) and head.strip(b"\0"):
                message = "the file is neither a tar nor a zip archive, nor compressed"
                raise Trouble("unsupported", message, "is it the archive, or an error page that was saved?")
            return self._agreed("tar", wanted)
        if wanted in ("tar", "file"):
            return wanted
        stream = self._stream()
        try:
            with reading():
                first = stream.read(_BLOCK)
                # Nothing but zeros is an empty tar archive, if it is of the usual size; else the image of a disk.
                rest = b"" if first.strip(b"\0") else stream.read(_EMPTY_TAR)
            blank = not first.strip(b"\0") and not rest.strip(b"\0")
            size = len(first) + len(rest)
            empty = blank and _SMALLEST_EMPTY_TAR <= size <= _EMPTY_TAR and size % _BLOCK == 0
            return self._agreed("tar" if empty or _is_tar(first) else "file", wanted)
        finally:
            self._close(stream)

    @staticmethod
    def _agreed(found: str, wanted: str) -> str:
        if wanted not in ("auto", found):
            raise Trouble("unsupported", "the archive is a {} file, not {}".format(found, wanted), "leave format out")
        return found

    def _stream(self) -> Forward:
        with reading():
            self._reader = decompressed(self._source, self._compression)
        return Forward(self._reader, self._limits, self.size)

    def _close(self, stream: Forward) -> None:
        del stream
        if isinstance(self._reader, Program):
            self._reader.close()

    def members(self) -> "Iterator[tuple[Member, Optional[Reader]]]":
        """Yield each member with a reader of its content, which is good until the next one. Raises Trouble."""
        if self.kind == "zip":
            return self._zip_members()
        return self._tar_members() if self.kind == "tar" else self._single_member()

    def _single_member(self) -> "Iterator[tuple[Member, Optional[Reader]]]":
        name = self._name
        for suffix in SUFFIXES.get(self._compression or "", ()):
            if name.lower().endswith(suffix) and len(name) > len(suffix):
                name = name[: -len(suffix)]
        stream = self._stream()
        try:
            yield Member(0, name, FILE, -1, mtime=int(os.fstat(self._source.fileno()).st_mtime)), stream
        finally:
            self._close(stream)

    def _tar_members(self) -> "Iterator[tuple[Member, Optional[Reader]]]":
        import tarfile

        stream = self._stream()
        try:
            with reading():
                tar = tarfile.TarFile(
                    mode="r",
                    fileobj=stream,  # type: ignore[arg-type]
                    encoding="utf-8",
                    errors="surrogateescape",
                )
            index = 0
            while True:
                with reading():
                    info = tar.next()
                if info is None:
                    break
                self._limits.check_count(index + 1)
                member = _tar_member(index, info)
                with reading():
                    content = tar.extractfile(info) if member.kind == FILE else None
                yield member, content
                # `tarfile` keeps all it has seen; what is read forwards only needs none of it.
                tar.members = []  # type: ignore[attr-defined]
                index += 1
            if stream.last != bytes(_BLOCK):
                raise damaged("its end marker is missing")
            with reading():
                stream.drain()
        finally:
            self._close(stream)

    def _zip_members(self) -> "Iterator[tuple[Member, Optional[Reader]]]":
        import zipfile

        with reading():
            opened = zipfile.ZipFile(self._source)
            infos = opened.infolist()
        self._limits.check_count(len(infos))
        _refuse_overlaps(infos)
        for index, info in enumerate(infos):
            member = _zip_member(index, info)
            content = None
            if member.kind in (FILE, LINK):
                content = self._zip_content(opened, info, member)
            if member.kind == LINK and content is not None:
                member.target = _link_target(member, content)
            yield member, content if member.kind == FILE else None

    def _zip_content(self, opened: "zipfile.ZipFile", info: "zipfile.ZipInfo", member: Member) -> "Reader":
        """Open one member. Raises Trouble, also where it is encrypted and cannot be decrypted."""
        if not info.flag_bits & 0x1:
            with reading():
                return opened.open(info)
        if self._password is None:
            raise refused(member.name, "it is encrypted", "give its password, or exclude it")
        if info.compress_type == _AES:
            raise refused(member.name, "it is encrypted by AES, which Python cannot read", "unpack it by another tool")
        try:
            with reading():
                return opened.open(info, pwd=self._password.encode("utf-8"))
        except Trouble as trouble:
            if "password" not in trouble.message.lower():
                raise
        raise Trouble("failed", "the password is not that of member {!r}".format(member.name), "correct password")


def _is_tar(head: bytes) -> bool:
    """Tell a tar archive by the checksum of its first header, which the oldest ones have as well."""
    if len(head) < _BLOCK:
        return False
    digits = head[148:156].replace(b"\0", b" ").strip()
    try:
        told = int(digits, 8) if digits else -1
    except ValueError:
        return False
    plain = head[:148] + b" " * 8 + head[156:]
    signed = sum(byte - 256 if byte > 127 else byte for byte in plain)
    return told in (sum(plain), signed)


def _tar_member(index: int, info: "tarfile.TarInfo") -> Member:
    import tarfile

    name = info.name
    if info.size < 0 or info.size > 1 << 62:
        raise refused(name, "its size is {}".format(info.size), "fetch the archive again")
    kind, target = REFUSED, _TAR_KINDS.get(info.type, "of an unknown type")
    size = 0
    if info.type in (tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.CONTTYPE, tarfile.GNUTYPE_SPARSE):
        kind, size, target = FILE, info.size, ""
    elif info.type == tarfile.DIRTYPE:
        kind, target = DIRECTORY, ""
    elif info.type == tarfile.SYMTYPE:
        kind, target = LINK, info.linkname
    elif info.type == tarfile.LNKTYPE:
        kind, target = HARD_LINK, info.linkname
    with reading():
        mtime = int(info.mtime)
    return Member(index, name, kind, size, stat.S_IMODE(info.mode), mtime, target)


def _zip_member(index: int, info: "zipfile.ZipInfo") -> Member:
    # `filename` is cut off at a zero byte; the name as it stands tells.
    name = info.orig_filename
    unix = info.create_system == _UNIX
    if not unix:
        name = name.replace("\\", "/")
    mode = info.external_attr >> 16 if unix else 0
    form = stat.S_IFMT(mode)
    mtime = _zip_time(info)
    permissions = stat.S_IMODE(mode) if mode else None
    if name.endswith("/") or form == stat.S_IFDIR:
        return Member(index, name, DIRECTORY, 0, permissions, mtime)
    if form == stat.S_IFLNK:
        return Member(index, name, LINK, 0, None, mtime)
    if form not in (0, stat.S_IFREG):
        return Member(index, name, REFUSED, 0, None, mtime, "a device, socket or named pipe")
    return Member(index, name, FILE, info.file_size, permissions, mtime)


def _zip_time(info: "zipfile.ZipInfo") -> int:
    import calendar

    year, month, day, hour, minute, second = info.date_time
    try:
        return calendar.timegm((year, max(1, month), max(1, day), hour, minute, second))
    except (ValueError, OverflowError):
        return 0


def _link_target(member: Member, content: "Reader") -> str:
    with reading():
        target = content.read(_LONGEST_TARGET + 1)
    if len(target) > _LONGEST_TARGET:
        raise refused(member.name, "it is a link whose target is too long")
    return target.decode("utf-8", "surrogateescape")


def _refuse_overlaps(infos: "list[zipfile.ZipInfo]") -> None:
    """Refuse members that share bytes, as zip bombs do that list one stream a million times."""
    end = 0
    for info in sorted(infos, key=lambda one: one.header_offset):
        if info.header_offset < end:
            raise refused(info.orig_filename, "it overlaps another member", "fetch the archive again")
        end = info.header_offset + 30 + len(info.orig_filename) + info.compress_size
