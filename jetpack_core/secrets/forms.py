# SPDX-License-Identifier: GPL-3.0-or-later
"""How a secret may look in output: as it is, encoded, quoted, or one line of it."""

from __future__ import annotations

import base64
import json
import re
import shlex
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, quote_plus

from jetpack_core.secrets.redaction import SHORTEST

if TYPE_CHECKING:
    from collections.abc import Iterator

_ESCAPED: Final = re.compile(r"%[0-9A-F]{2}")


def forms(value: str) -> set[str]:
    """Return every text that stands for a secret, those of its single lines included."""
    found: set[str] = set()
    for text in {value, value.strip(), *(line.strip() for line in value.splitlines())}:
        if len(text) >= SHORTEST:
            found.update(one for one in _forms(text) if len(one) >= SHORTEST)
    return found


def _forms(text: str) -> Iterator[str]:
    data = text.encode("utf-8", "surrogateescape")
    yield text
    yield from _base64(data)
    yield data.hex()
    yield data.hex().upper()
    yield from _in_url(text)
    yield from _quoted(text)


def _base64(data: bytes) -> Iterator[str]:
    """Yield what is left of it in base64 wherever it begins among other bytes."""
    for before in range(3):
        whole = base64.b64encode(bytes(before) + data + bytes(2)).decode()
        # Of the first and last character, some bits are those of the neighbours.
        first, last = -(-before * 8 // 6), (before + len(data)) * 8 // 6
        core = whole[first:last]
        yield core
        yield core.replace("+", "-").replace("/", "_")


def _in_url(text: str) -> Iterator[str]:
    for safe in ("", "/", "/:@!$&'()*+,;=~-._"):
        for encode in (quote, quote_plus):
            encoded = encode(text, safe=safe, errors="surrogateescape")
            yield encoded
            yield _ESCAPED.sub(lambda found: found[0].lower(), encoded)


def _quoted(text: str) -> Iterator[str]:
    """Yield the insides of how JSON, shells, Python and HTML write it; the quotes around it may stay."""
    for ascii_only in (True, False):
        inside = json.dumps(text, ensure_ascii=ascii_only)[1:-1]
        yield inside
        yield inside.replace("/", "\\/")
        yield json.dumps(inside, ensure_ascii=ascii_only)[1:-1]
    yield shlex.quote(text).removeprefix("'").removesuffix("'")
    yield text.replace("'", "'\\''")
    yield re.sub(r'(["$`\\])', r"\\\1", text)
    yield re.sub(r"([^\w@%+=:,./-])", r"\\\1", text)
    yield repr(text)[1:-1]
    yield text.replace("'", "\\'")
    yield text.replace("'", "''")
    for apostrophe in ("&#x27;", "&#39;", "'"):
        html = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("'", apostrophe)
        yield html
        yield html.replace('"', "&quot;")
        yield html.replace('"', "&#34;")
