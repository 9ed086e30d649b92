# SPDX-License-Identifier: GPL-3.0-or-later
"""Servers that are known by their keys. Python 3.6."""

import base64
import hashlib
import http.client
import urllib.parse
import urllib.request

from jetpack_plugin_download.onhost.trouble import Refused

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ssl
    from typing import Any

_VERSION = 0xA0
_BEFORE_KEY = 5
"""Serial number, algorithm, issuer, validity, subject: what stands before the key (RFC 5280, 4.1)."""


class PinnedHandler(urllib.request.HTTPSHandler):
    """Talks to the hosts of a request only if they have one of the keys."""

    def __init__(self, context: "ssl.SSLContext", urls: "list[str]", pins: "list[str]") -> None:
        urllib.request.HTTPSHandler.__init__(self, context=context)
        self._tls = context
        self._hosts = frozenset((urllib.parse.urlsplit(url).hostname or "").lower() for url in urls)
        self._pins = pins

    def https_open(self, req: "Any") -> "Any":
        """Open a connection that compares the key first."""
        return self.do_open(self._connection, req, context=self._tls)

    def _connection(self, host: str, **more: "Any") -> "_Connection":
        made = _Connection(host, **more)
        made.hosts, made.pins = self._hosts, tuple(self._pins)
        return made


class _Connection(http.client.HTTPSConnection):
    hosts = frozenset()  # type: frozenset[str]
    pins = ()  # type: tuple[str, ...]

    def connect(self) -> None:
        """Connect, and compare the server's key."""
        http.client.HTTPSConnection.connect(self)
        through = getattr(self, "_tunnel_host", None) or self.host
        found = pin_of(self.sock.getpeercert(binary_form=True) or b"")
        if through.lower() in self.hosts and found not in self.pins:
            self.close()
            raise Refused(f"its key is {found}, which is not pinned")


def pin_of(certificate: bytes) -> str:
    """Return the digest of the key in a certificate (DER), as curl writes it."""
    start, _ = _inside(certificate, 0)
    start, _ = _inside(certificate, start)
    if certificate[start] == _VERSION:
        start = _inside(certificate, start)[1]
    for _ in range(_BEFORE_KEY):
        start = _inside(certificate, start)[1]
    key = certificate[start : _inside(certificate, start)[1]]
    return "sha256//" + base64.b64encode(hashlib.sha256(key).digest()).decode("ascii")


def _inside(data: bytes, start: int) -> "tuple[int, int]":
    """Return where the content of the element at `start` begins and ends (X.690, 8.1)."""
    length = data[start + 1]
    begin = start + 2
    if length & 0x80:
        begin += length & 0x7F
        length = int.from_bytes(data[start + 2 : begin], "big")
    return begin, begin + length
