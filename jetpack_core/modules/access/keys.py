# SPDX-License-Identifier: GPL-3.0-or-later
"""Lines of authorized_keys: parsed, compared by the key itself, and edited so that every other line stays."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from jetpack_core.modules.files.document import Document

# sshd(8), AUTHORIZED_KEYS FILE FORMAT, and the key types of OpenSSH 9, certificates' authorities included.
_TYPE: Final = re.compile(r"(?:sk-)?(?:ssh|ecdsa)-[a-z0-9-]+(?:@openssh\.com)?")
# An option ends at a comma, the options at a blank; in quotes both are text, and so is a quote behind a backslash.
_OPTION: Final = re.compile(r'(?:[^",\s]|"(?:\\"|[^"])*")+')


@dataclass(frozen=True, slots=True)
class Key:
    """One line that lets somebody in."""

    type: str
    blob: str
    """The key in base64; what tells two keys apart."""
    comment: str = ""
    options: tuple[str, ...] | None = None
    """What is allowed with the key; None where nothing was said about it."""

    @property
    def line(self) -> str:
        """Return the line."""
        return " ".join(part for part in (",".join(self.options or ()), self.type, self.blob, self.comment) if part)

    def allows_as(self, other: Key) -> bool:
        """Tell whether the options are the same, in whatever order."""
        return _option_set(self.options or ()) == _option_set(other.options or ())


def _option_set(options: Iterable[str]) -> frozenset[tuple[str, str]]:
    """Return options to be compared; their names are the same in upper and lower case."""
    parts = (option.partition("=") for option in options)
    return frozenset((name.lower(), equals + value) for name, equals, value in parts)


def parse_options(text: str) -> tuple[tuple[str, ...], str] | None:
    """Return the options that a text starts with, and the rest behind the blanks; None where there are none."""
    options = []
    position = 0
    while match := _OPTION.match(text, position):
        options.append(match[0])
        position = match.end()
        if text[position : position + 1] != ",":
            break
        position += 1
    rest = text[position:]
    return (tuple(options), rest.lstrip()) if options and rest[:1] in {" ", "\t"} else None


def parse_key(line: str) -> Key | None:
    """Return the key in a line; None for a comment, an empty line or one that sshd could not read."""
    text = line.strip()
    if not text or text.startswith("#"):
        return None
    found = _bare_key(text, None)
    if found is not None:
        return found
    with_options = parse_options(text)
    return None if with_options is None else _bare_key(with_options[1], with_options[0])


def _bare_key(text: str, options: tuple[str, ...] | None) -> Key | None:
    kind, blob, comment = [*text.split(None, 2), "", "", ""][:3]
    if not _TYPE.fullmatch(kind) or not _is_blob(kind, blob):
        return None
    return Key(kind, blob, comment.strip(), options)


def _is_blob(kind: str, blob: str) -> bool:
    """Tell whether this is a key of a type: it starts with the type's length and name (RFC 4253, 6.6)."""
    try:
        data = base64.b64decode(blob, validate=True)
    except (binascii.Error, ValueError):
        return False
    name = kind.encode()
    return data.startswith(len(name).to_bytes(4, "big") + name) and len(data) > len(name) + 4


def without_keys(document: Document, keys: Sequence[Key]) -> Document:
    """Return the file without some keys, wherever and however often they are in it."""
    blobs = {key.blob for key in keys}
    lines = [index for index, text in enumerate(document.texts) if (key := parse_key(text)) and key.blob in blobs]
    return document.without(lines) if lines else document


def with_keys(document: Document, keys: Sequence[Key], *, exclusive: bool) -> Document:
    """Return the file with all keys in it; `exclusive` leaves no other line that could let somebody in."""
    wanted = {key.blob: key for key in keys}
    seen: set[str] = set()
    gone = []
    for index, text in enumerate(document.texts):
        now = parse_key(text)
        if now is None or now.blob not in wanted:
            if exclusive and text.strip() and not text.lstrip().startswith("#"):
                gone.append(index)
        elif now.blob in seen:
            gone.append(index)
        else:
            seen.add(now.blob)
            document = _with_options(document, index, now, wanted[now.blob])
    document = document.without(gone) if gone else document
    new = [key.line for blob, key in wanted.items() if blob not in seen]
    if not new:
        return document
    return replace(document.inserted(len(document.lines), new), ends_open=False)


def _with_options(document: Document, index: int, now: Key, wanted: Key) -> Document:
    """Give the line the options that are asked for; its comment stays."""
    if wanted.options is None or now.allows_as(wanted):
        return document
    return document.with_text(index, replace(now, options=wanted.options).line)
