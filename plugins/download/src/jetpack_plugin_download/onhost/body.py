# SPDX-License-Identifier: GPL-3.0-or-later
"""The bytes of an answer: whole, and as they are stored. Python 3.6."""

import http.client
import time
import urllib.parse
import zlib

from jetpack_plugin_download.onhost.session import BLOCK, failure
from jetpack_plugin_download.onhost.trouble import Refused, Trouble

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any


class Pace:
    """Sees that a transfer is neither too slow nor too long."""

    def __init__(self, request: "dict[str, Any]") -> None:
        self._longest = request.get("max_time")
        self._slowest = request.get("min_speed")
        self._window = float(request.get("timeout") or 30)
        self._began = self._since = time.time()
        self._bytes = 0

    def add(self, count: int) -> None:
        """Count bytes in; raises Trouble."""
        now = time.time()
        self._bytes += count
        if self._longest is not None and now - self._began > self._longest:
            raise Trouble(f"it takes longer than {self._longest:g} s (max_time)")
        if now - self._since < self._window:
            return
        if self._slowest is not None and self._bytes < self._slowest * (now - self._since):
            raise Trouble(f"it sends less than {self._slowest} bytes a second (min_speed)")
        self._since, self._bytes = now, 0


_COMPRESSED_NAMES = (".gz", ".tgz", ".z", ".svgz")


def body(answer: "Any", url: str) -> "Iterator[bytes]":
    """Yield the file's bytes; raises Trouble where it ends too early."""
    encoding = (answer.headers.get("Content-Encoding") or "identity").lower()
    blocks = _raw(answer)
    # Servers often call a compressed file an encoded one; what was asked for is the file as it is stored.
    stored = urllib.parse.urlsplit(url).path.lower().endswith(_COMPRESSED_NAMES)
    if encoding == "identity" or (stored and "gzip" in encoding):
        return blocks
    if encoding not in ("gzip", "x-gzip"):
        raise Refused(f"it sends the file encoded as {encoding}, which nobody asked for")
    return _unzipped(blocks)


def _raw(answer: "Any") -> "Iterator[bytes]":
    length = answer.headers.get("Content-Length") or ""
    missing = int(length) if length.isdigit() else None
    # Whatever has arrived, so that the pace is seen of a server that sends byte by byte as well.
    take = getattr(answer, "read1", answer.read)
    while True:
        try:
            block = take(BLOCK)
        except (OSError, http.client.HTTPException) as error:
            raise failure(error)
        if not block:
            break
        if missing is not None:
            missing -= len(block)
        yield block
    if missing is not None and missing > 0:
        raise Trouble(f"the connection ended {missing} bytes too early")


def _unzipped(blocks: "Iterator[bytes]") -> "Iterator[bytes]":
    reader = zlib.decompressobj(16 + zlib.MAX_WBITS)
    for block in blocks:
        rest = block
        while rest:
            # Never more than a block at once, however much a few bytes stand for.
            out = reader.decompress(rest, BLOCK)
            rest = reader.unconsumed_tail
            if out:
                yield out
    out = reader.flush()
    if out:
        yield out
    if not reader.eof:
        raise Trouble("the compressed file ended too early")
