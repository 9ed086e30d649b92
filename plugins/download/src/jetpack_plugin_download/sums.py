# SPDX-License-Identifier: GPL-3.0-or-later
"""Checksums: as they are written in playbooks, and in the files that projects publish beside their own."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote, urlsplit

from jetpack_core.errors import TaskError

LENGTHS: Final = {"md5": 32, "sha1": 40, "sha256": 64, "sha512": 128}
"""Hexadecimal digits of each kind."""
_BSD: Final = re.compile(r"^(?P<kind>[A-Za-z0-9-]+)\s*\((?P<name>.+)\)\s*=\s*(?P<hex>[0-9A-Fa-f]+)$")
_GNU: Final = re.compile(r"^(?P<escaped>\\?)(?P<hex>[0-9A-Fa-f]{32,128})(?:\s+|\s+\*)(?P<name>\S.*)$")
_ALONE: Final = re.compile(r"^(?:(?P<kind>[a-z0-9]+):)?(?P<hex>[0-9A-Fa-f]{32,128})$")


@dataclass(frozen=True, slots=True)
class Checksum:
    """A digest and its kind."""

    kind: str
    hex: str

    def __str__(self) -> str:
        return f"{self.kind}:{self.hex}"


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a file of checksums; a file with nothing but a digest has an entry without a name."""

    name: str
    checksum: Checksum


def kind_of(digits: str) -> str | None:
    """Return the kind of a digest by its length."""
    return next((kind for kind, length in LENGTHS.items() if len(digits) == length), None)


def parse_checksum(text: str) -> Checksum | str:
    """Return a checksum, or the address of a file of them. Raises ValueError."""
    kind, colon, rest = text.strip().partition(":")
    if kind in {"http", "https"}:
        return text.strip()
    if colon and kind.lower() in LENGTHS and rest.startswith(("http://", "https://")):
        return rest
    digits = rest if colon else kind
    found = kind_of(digits)
    if found is None or set(digits.lower()) - set("0123456789abcdef") or (colon and kind.lower() != found):
        message = f"{text!r} is no checksum; write sha256:DIGITS, or the address of a file with checksums"
        raise ValueError(message)
    return Checksum(found, digits.lower())


def entries(text: str) -> Iterator[Entry]:
    """Yield what a file of checksums holds: `HEX  NAME`, `HEX *NAME`, `SHA256 (NAME) = HEX`, or a digest alone."""
    for line in text.splitlines():
        stripped = line.strip()
        match = _ALONE.match(stripped) or _BSD.match(stripped) or _GNU.match(stripped)
        if match is None:
            continue
        parts = match.groupdict()
        kind = kind_of(parts["hex"])
        if kind is None or (parts.get("kind") or kind).lower().replace("-", "") != kind:
            continue
        name = parts.get("name") or ""
        if parts.get("escaped"):
            name = name.replace("\\n", "\n").replace("\\\\", "\\")
        yield Entry(name.removeprefix("*"), Checksum(kind, parts["hex"].lower()))


def choose(text: str, names: tuple[str, ...], where: str, kind: str | None = None) -> Checksum:
    """Return the checksum of a file out of a text; the strongest where it has several. Raises TaskError.

    :param names: What the file may be called there; folders in front of a name do not count.
    :param where: The text's own address, for the error.
    """
    found = [entry for entry in entries(text) if kind in {None, entry.checksum.kind}]
    for name in names:
        matching = [entry for entry in found if entry.name == name]
        matching = matching or [entry for entry in found if posixpath.basename(entry.name) == posixpath.basename(name)]
        if matching:
            return _strongest(matching, name, where)
    alone = [entry for entry in found if not entry.name]
    if alone and len(alone) == len(found):
        return _strongest(alone, names[0], where)
    has = ", ".join(sorted({entry.name for entry in found if entry.name})[:8]) or "no checksums at all"
    raise TaskError(
        f"{where} has no checksum of {' or '.join(dict.fromkeys(names))}",
        hint=f"it has {has}; say which one is meant by 'checksum_name'",
    )


def _strongest(matching: list[Entry], name: str, where: str) -> Checksum:
    kind = max((entry.checksum.kind for entry in matching), key=lambda one: LENGTHS[one])
    digests = {entry.checksum for entry in matching if entry.checksum.kind == kind}
    if len(digests) > 1:
        raise TaskError(
            f"{where} has {len(digests)} different checksums of {name}",
            hint="say which one is meant by 'checksum_name', with the folder in front",
        )
    return digests.pop()


def name_in(url: str) -> str:
    """Return the file name at the end of an address."""
    return posixpath.basename(unquote(urlsplit(url).path))
