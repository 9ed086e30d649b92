# SPDX-License-Identifier: GPL-3.0-or-later
"""A web server for tests: real HTTP on a real socket, with every misbehaviour a download meets."""

from __future__ import annotations

import contextlib
import gzip
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@dataclass(frozen=True)
class Fault:
    """What goes wrong with one answer."""

    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    die_after: int | None = None
    """Bytes of the body after which the connection is reset."""
    wait: float = 0.0
    """Seconds before the answer."""
    pause: float = 0.0
    """Seconds in the middle of the body."""
    claim: int = 0
    """How many bytes more than there are `Content-Length` promises."""


@dataclass
class Resource:
    """A file on the server."""

    body: bytes
    etag: str | None = None
    last_modified: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    """One for each of the next answers to GET."""
    ranges: bool = True
    head: bool = True
    conditions: bool = True
    length: bool = True
    zipped: bool = False
    needs: str | None = None
    """The `Authorization` without which the answer is 401."""
    redirect: tuple[int, str] | None = None


@dataclass(frozen=True)
class Asked:
    """One request that arrived."""

    method: str
    path: str
    headers: Mapping[str, str]
    status: int
    sent: int


class Site:
    """A server on a port of its own, its resources and the log of what it was asked."""

    def __init__(self, address: str = "127.0.0.1", tls: ssl.SSLContext | None = None) -> None:
        self.resources: dict[str, Resource] = {}
        self.dynamic: Callable[[BaseHTTPRequestHandler], tuple[int, dict[str, str], bytes]] | None = None
        self.log: list[Asked] = []
        self._server = ThreadingHTTPServer((address, 0), self._handler())
        self._server.daemon_threads = True
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self.scheme = "http" if tls is None else "https"
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def put(self, path: str, body: bytes = b"hello\n", **how: object) -> Resource:
        """Offer a file."""
        self.resources[path] = Resource(body, **how)  # type: ignore[arg-type]
        return self.resources[path]

    def url(self, path: str, host: str = "127.0.0.1") -> str:
        """Return the address of a path."""
        return f"{self.scheme}://{host}:{self.port}{path}"

    def asked(self, method: str = "", path: str = "") -> list[Asked]:
        """Return the requests of a method, for a path."""
        return [one for one in self.log if method in {"", one.method} and path in {"", one.path}]

    def sent(self) -> int:
        """Return how many bytes of bodies left."""
        return sum(one.sent for one in self.log)

    def close(self) -> None:
        """Stop."""
        self._server.shutdown()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        site = self

        class Handler(_Handler):
            """Serves the site."""

            def answer(self) -> None:
                site._answer(self)

        return Handler

    def _answer(self, handler: _Handler) -> None:
        path = handler.path.split("?")[0]
        resource = self.resources.get(path)
        if self.dynamic is not None:
            status, headers, body = self.dynamic(handler)
            self._send(handler, status, headers, body)
        elif resource is None:
            self._send(handler, 404, {}, b"nothing here")
        else:
            self._serve(handler, resource)

    def _serve(self, handler: _Handler, resource: Resource) -> None:
        fault = resource.faults.pop(0) if resource.faults and handler.command == "GET" else Fault()
        time.sleep(fault.wait)
        if fault.status:
            self._send(handler, fault.status, dict(fault.headers), b"a fault")
        elif resource.needs is not None and handler.headers.get("Authorization") != resource.needs:
            self._send(handler, 401, {}, b"who are you")
        elif resource.redirect is not None:
            status, to = resource.redirect
            self._send(handler, status, {"Location": to}, b"over there")
        elif handler.command == "HEAD" and not resource.head:
            self._send(handler, 405, {}, b"")
        else:
            self._serve_file(handler, resource, fault)

    def _serve_file(self, handler: _Handler, resource: Resource, fault: Fault) -> None:
        headers = dict(resource.headers)
        headers |= {"ETag": resource.etag} if resource.etag else {}
        headers |= {"Last-Modified": resource.last_modified} if resource.last_modified else {}
        if resource.conditions and self._is_current(handler, resource):
            self._send(handler, 304, headers, b"")
            return
        body, status = resource.body, 200
        if resource.zipped:
            body = gzip.compress(body)
            headers["Content-Encoding"] = "gzip"
        span = handler.headers.get("Range", "")
        fresh = handler.headers.get("If-Range") in {None, resource.etag}
        if resource.ranges and span.startswith("bytes=") and fresh:
            start = int(span.removeprefix("bytes=").removesuffix("-"))
            if start >= len(body):
                self._send(handler, 416, {}, b"")
                return
            headers["Content-Range"] = f"bytes {start}-{len(body) - 1}/{len(body)}"
            body, status = body[start:], 206
        self._send(handler, status, headers, body, fault, length=resource.length)

    @staticmethod
    def _is_current(handler: _Handler, resource: Resource) -> bool:
        match = handler.headers.get("If-None-Match")
        if match is not None:
            return match == resource.etag
        since = handler.headers.get("If-Modified-Since")
        return since is not None and since == resource.last_modified

    def _send(
        self,
        handler: _Handler,
        status: int,
        headers: Mapping[str, str],
        body: bytes,
        fault: Fault | None = None,
        *,
        length: bool = True,
    ) -> None:
        fault = fault or Fault()
        part = b"" if handler.command == "HEAD" or status == 304 else body[: fault.die_after]
        # Noted before it is sent, so that whoever has the answer finds the note.
        self.log.append(Asked(handler.command, handler.path, dict(handler.headers.items()), status, len(part)))
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name, value)
        if length and status != 304:
            handler.send_header("Content-Length", str(len(body) + fault.claim))
        handler.send_header("Connection", "close")
        with contextlib.suppress(OSError):
            handler.end_headers()
            half = len(part) // 2 if fault.pause else 0
            handler.wfile.write(part[:half])
            handler.wfile.flush()
            time.sleep(fault.pause)
            handler.wfile.write(part[half:])
            handler.wfile.flush()
        if fault.die_after is not None:
            handler.connection.shutdown(socket.SHUT_RDWR)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self) -> None:
        """Serve the site."""

    def do_GET(self) -> None:
        """Answer GET."""
        self.answer()

    def do_HEAD(self) -> None:
        """Answer HEAD."""
        self.answer()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class calls it so
        """Keep quiet."""


@contextlib.contextmanager
def serving(address: str = "127.0.0.1", tls: ssl.SSLContext | None = None) -> Iterator[Site]:
    """Run a server."""
    site = Site(address, tls)
    try:
        yield site
    finally:
        site.close()


def make_authority(folder: Path, *alternatives: x509.GeneralName) -> tuple[Path, ssl.SSLContext]:
    """Make a certificate authority; returns its certificate's file, and the settings of a server it vouches for.

    :param alternatives: The server's names; 127.0.0.1 and localhost without any.
    """
    key, ca = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Jetpack test authority")])
    root = _certificate(name, name, ca, ca, x509.BasicConstraints(ca=True, path_length=None))
    server = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    given = alternatives or (x509.IPAddress(ip_address("127.0.0.1")), x509.DNSName("localhost"))
    names = x509.SubjectAlternativeName(given)
    leaf = _certificate(server, name, key, ca, names)
    pem = serialization.Encoding.PEM
    (folder / "ca.pem").write_bytes(root.public_bytes(pem))
    (folder / "ca-key.pem").write_bytes(
        ca.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "server.pem").write_bytes(private + leaf.public_bytes(pem))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem")
    return folder / "ca.pem", context


def make_client(folder: Path, passphrase: bytes = b"") -> tuple[Path, Path]:
    """Make a client's certificate, of the authority that is in the folder, and its key; returns their files."""
    pem = serialization.Encoding.PEM
    ca = serialization.load_pem_private_key((folder / "ca-key.pem").read_bytes(), None)
    root = x509.load_pem_x509_certificate((folder / "ca.pem").read_bytes())
    assert isinstance(ca, ec.EllipticCurvePrivateKey)
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "client")])
    leaf = _certificate(name, root.subject, key, ca, x509.SubjectAlternativeName([x509.DNSName("client")]))
    hidden = serialization.BestAvailableEncryption(passphrase) if passphrase else serialization.NoEncryption()
    (folder / "client.pem").write_bytes(leaf.public_bytes(pem))
    (folder / "client-key.pem").write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, hidden))
    return folder / "client.pem", folder / "client-key.pem"


_USAGES = (
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
    "encipher_only",
    "decipher_only",
)


def _certificate(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    signer: ec.EllipticCurvePrivateKey,
    extension: x509.ExtensionType,
) -> x509.Certificate:
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(extension, critical=isinstance(extension, x509.BasicConstraints))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
    )
    if isinstance(extension, x509.BasicConstraints):
        # Python 3.13 trusts no authority that does not say that it is one here as well.
        usage = dict.fromkeys(_USAGES, False) | {"key_cert_sign": True, "crl_sign": True}
        made = made.add_extension(x509.KeyUsage(**usage), critical=True)
    return made.sign(signer, hashes.SHA256())
