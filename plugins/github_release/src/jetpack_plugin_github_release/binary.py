# SPDX-License-Identifier: GPL-3.0-or-later
"""What a program file says of the machine it is for: ELF, Mach-O and PE headers."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Final

from jetpack_core.errors import TaskError
from jetpack_plugin_github_release.assets import Machine

_HEAD: Final = 4096
_ELF: Final = {3: "i686", 40: "armv7", 62: "x86_64", 183: "aarch64", 243: "riscv64", 21: "ppc64le", 22: "s390x"}
_ELF[258] = "loongarch64"
_MACH: Final = {7: "i686", 0x01000007: "x86_64", 12: "armv7", 0x0100000C: "aarch64"}
_PE: Final = {0x14C: "i686", 0x8664: "x86_64", 0xAA64: "aarch64"}
_ELF_SYSTEM: Final = frozenset({"linux", "freebsd", "openbsd", "netbsd", "illumos", "android"})
_SAME: Final = {"armv6": "armv7"}
_MOST_SLICES: Final = 16


def machines_of(head: bytes) -> tuple[str, frozenset[str]] | None:
    """Return the format (`elf`, `mach-o`, `pe`) and the processors of a program; None for anything else."""
    try:
        if head.startswith(b"\x7fELF"):
            order = "<" if head[5] == 1 else ">"
            (number,) = struct.unpack_from(f"{order}H", head, 18)
            return "elf", frozenset({_ELF.get(number, f"processor {number}")})
        if head[:4] in {b"\xcf\xfa\xed\xfe", b"\xce\xfa\xed\xfe"}:
            (number,) = struct.unpack_from("<I", head, 4)
            return "mach-o", frozenset({_MACH.get(number, f"processor {number}")})
        if head[:4] == b"\xca\xfe\xba\xbe":
            return _fat(head)
        if head[:2] == b"MZ":
            (place,) = struct.unpack_from("<I", head, 0x3C)
            (number,) = struct.unpack_from("<H", head, place + 4)
            return "pe", frozenset({_PE.get(number, f"processor {number}")})
    except (struct.error, IndexError):
        return None
    return None


def _fat(head: bytes) -> tuple[str, frozenset[str]] | None:
    (count,) = struct.unpack_from(">I", head, 4)
    if not 0 < count <= _MOST_SLICES:
        # Java classes begin with the same bytes.
        return None
    numbers = [struct.unpack_from(">I", head, 8 + 20 * index)[0] for index in range(count)]
    return "mach-o", frozenset(_MACH.get(number, f"processor {number}") for number in numbers)


def check_program(path: Path, name: str, host: Machine) -> str | None:
    """See that a program can run on a host. Raises TaskError; returns a doubt where it cannot be told."""
    with path.open("rb") as file:
        head = file.read(_HEAD)
    found = machines_of(head)
    if found is None:
        return None if head.startswith(b"#!") else f"{name} is neither a program nor a script"
    kind, processors = found
    system = {"mach-o": "darwin", "pe": "windows"}.get(kind)
    right_system = host.system in _ELF_SYSTEM if system is None else host.system == system
    wanted = {host.processor, _SAME.get(host.processor, host.processor)}
    if right_system and processors & wanted:
        return None
    for_what = f"{' and '.join(sorted(processors))} ({'ELF' if kind == 'elf' else system})"
    raise TaskError(
        f"{name} is a program for {for_what}, and the host is {host}",
        hint="the asset may be named wrongly; say another by 'asset', or 'check_binary: false'",
    )
