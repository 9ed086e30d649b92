# SPDX-License-Identifier: GPL-3.0-or-later
"""Encrypted zip archives, which Python reads and cannot write; APPNOTE.TXT 6.1."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib


def encrypted(name: str, content: bytes, password: bytes, *, method: int = 0) -> bytes:
    """Return an archive of one stored and encrypted file."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(zipfile.ZipInfo(name, (2020, 9, 13, 12, 26, 40)), bytes(12) + content)
    data = bytearray(stream.getvalue())
    start = 30 + len(name)
    checksum = zlib.crc32(content)
    data[start : start + 12 + len(content)] = _Keys(password).encrypt(bytes(11) + bytes([checksum >> 24]) + content)
    central = data.index(b"PK\x01\x02")
    for flags, crc, size in ((6, 14, 22), (central + 8, central + 16, central + 24)):
        struct.pack_into("<H", data, flags, 1)
        struct.pack_into("<H", data, flags + 2, method)
        struct.pack_into("<L", data, crc, checksum)
        struct.pack_into("<L", data, size, len(content))
    return bytes(data)


class _Keys:
    def __init__(self, password: bytes) -> None:
        self._one, self._two, self._three = 0x12345678, 0x23456789, 0x34567890
        for byte in password:
            self._add(byte)

    def _add(self, byte: int) -> None:
        self._one = _step(self._one, byte)
        self._two = ((self._two + (self._one & 0xFF)) * 134775813 + 1) & 0xFFFFFFFF
        self._three = _step(self._three, self._two >> 24)

    def encrypt(self, plain: bytes) -> bytes:
        """Return the bytes encrypted."""
        found = bytearray()
        for byte in plain:
            short = self._three | 2
            found.append(byte ^ ((short * (short ^ 1)) >> 8) & 0xFF)
            self._add(byte)
        return bytes(found)


def _step(key: int, byte: int) -> int:
    return zlib.crc32(bytes([byte]), key ^ 0xFFFFFFFF) ^ 0xFFFFFFFF
