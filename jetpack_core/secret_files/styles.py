# SPDX-License-Identifier: GPL-3.0-or-later
"""Write a text as a YAML value: without quotes where it stays the same text, in quotes or as a block otherwise."""

from __future__ import annotations

import re
from typing import Final

from jetpack_core.content.scalars import plain_scalar

_SAFE: Final = re.compile(r"[A-Za-z0-9_/.+=$^(][A-Za-z0-9_/.+=$^()@%*!~&;-]*(?: [A-Za-z0-9_/.+=$^()@%*!~&;-]+)*")
_BREAKS_OF_YAML: Final = re.compile("[\r\x85\u2028\u2029]")
_ESCAPES: Final = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}
_BYTE: Final = 0xFF
_WORD: Final = 0xFFFF


def inline(text: str, *, tagged: bool) -> str:
    """Return a text as it stands on the line of its key.

    :param tagged: it has a tag, so that it cannot be taken for a number or the like.
    """
    if _SAFE.fullmatch(text) and (tagged or plain_scalar(text) == text) and not text.startswith(("...", "---")):
        return text
    return quoted(text)


def quoted(text: str) -> str:
    """Return a text in double quotes."""
    return '"' + "".join(map(_escaped, text)) + '"'


def _escaped(char: str) -> str:
    if char in _ESCAPES:
        return _ESCAPES[char]
    if char.isprintable():
        return char
    code = ord(char)
    if code <= _BYTE:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= _WORD else f"\\U{code:08x}"


def block(text: str) -> tuple[str, list[str]] | None:
    """Return the header and the lines of a text as a block; None where a block would change it."""
    lines = text.removesuffix("\n").split("\n")
    if len(lines) == 1 or _BREAKS_OF_YAML.search(text) or lines[0][:1] in {"", " ", "\t"} or not lines[-1].strip(" \t"):
        return None
    if not all(char.isprintable() or char == "\t" for line in lines for char in line):
        return None
    return ("|" if text.endswith("\n") else "|-"), lines
