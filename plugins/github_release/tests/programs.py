# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that look like programs and archives, made for the tests."""

from __future__ import annotations

import io
import struct
import tarfile
import zipfile

_ELF = {"x86_64": 62, "aarch64": 183, "armv7": 40, "riscv64": 243}
_MACH = {"x86_64": 0x01000007, "aarch64": 0x0100000C}


def elf(processor: str, body: bytes = b"") -> bytes:
    """Return the head of a program for Linux."""
    return b"\x7fELF\x02\x01\x01" + bytes(9) + struct.pack("<HHI", 2, _ELF[processor], 1) + bytes(40) + body


def mach(*processors: str) -> bytes:
    """Return the head of a program for macOS; of several processors in one file, where several are given."""
    if len(processors) == 1:
        return b"\xcf\xfa\xed\xfe" + struct.pack("<I", _MACH[processors[0]]) + bytes(40)
    slices = b"".join(struct.pack(">IIIII", _MACH[one], 3, 4096, 100, 12) for one in processors)
    return b"\xca\xfe\xba\xbe" + struct.pack(">I", len(processors)) + slices


def portable(machine: int) -> bytes:
    """Return the head of a program for Windows."""
    return b"MZ" + bytes(58) + struct.pack("<I", 64) + b"PE\0\0" + struct.pack("<H", machine) + bytes(20)


def tar(files: dict[str, bytes], *, mode: str = "w:gz", executable: tuple[str, ...] = ()) -> bytes:
    """Return a tar archive; files under bin/ and those named are executable."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as archive:  # type: ignore[call-overload]
        for name, body in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(body)
            info.mode = 0o755 if name in executable or "bin/" in name else 0o644
            archive.addfile(info, io.BytesIO(body))
    return out.getvalue()


def zipped(files: dict[str, bytes]) -> bytes:
    """Return a zip archive."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, body in files.items():
            archive.writestr(name, body)
    return out.getvalue()
