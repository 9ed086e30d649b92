# SPDX-License-Identifier: GPL-3.0-or-later
"""A proxy between a client and the Docker Engine that can let the n-th request fail."""

from __future__ import annotations

import contextlib
import json
import re
import selectors
import socket
import threading
from pathlib import Path
from typing import Final, Self

from jetpack_core.testing.faults import FaultKind, Faults

ENGINE: Final = "/var/run/docker.sock"
_READ: Final = 1 << 16
_LENGTH: Final = re.compile(rb"(?im)^content-length: *([0-9]+)\r$")
_CONNECTION: Final = re.compile(rb"(?im)^connection: *keep-alive\r\n")


class EngineProxy:
    """Passes requests on to the engine, one for each connection, so that each can be counted."""

    def __init__(self, folder: Path, faults: Faults) -> None:
        self._path = folder / "engine.sock"
        self._faults = faults
        self._server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)

    @property
    def address(self) -> str:
        """Return where clients reach it."""
        return f"unix://{self._path}"

    def __enter__(self) -> Self:
        self._server.bind(str(self._path))
        self._server.listen()
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        # A thread that waits for a connection wakes up by this only.
        with contextlib.suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._server.accept()
                threading.Thread(target=self._pass_on, args=(client,), daemon=True).start()

    def _pass_on(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            request = _request(client)
            if not request:
                return
            fault = self._faults.strike(reads=request.startswith((b"GET ", b"HEAD ")))
            if fault is FaultKind.REFUSED:
                client.sendall(_refusal())
            elif fault is not FaultKind.OUTAGE:
                self._ask(client, request, answered=fault is None)

    def _ask(self, client: socket.socket, request: bytes, *, answered: bool) -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as engine:
            engine.connect(ENGINE)
            engine.sendall(request)
            if answered:
                _pump(client, engine)
                return
            while engine.recv(_READ):
                pass


def _request(client: socket.socket) -> bytes:
    """Return a request with all of its body that has a length, and with the wish that none follows it."""
    data = b""
    while b"\r\n\r\n" not in data:
        piece = client.recv(_READ)
        if not piece:
            return b""
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    head += b"\r\n"
    length = _LENGTH.search(head)
    while length is not None and len(body) < int(length[1]):
        body += client.recv(_READ)
    if b"upgrade:" not in head.lower():
        head = _CONNECTION.sub(b"", head) + b"Connection: close\r\n"
    return head + b"\r\n" + body


def _refusal() -> bytes:
    body = json.dumps({"message": "refused by the test"}).encode()
    lines = ("HTTP/1.1 500 Internal Server Error", "Content-Type: application/json", "Connection: close")
    head = "\r\n".join((*lines, f"Content-Length: {len(body)}"))
    return f"{head}\r\n\r\n".encode() + body


def _pump(client: socket.socket, engine: socket.socket) -> None:
    """Carry bytes both ways until the engine has said all."""
    other = {client: engine, engine: client}
    with selectors.DefaultSelector() as selector:
        for one in other:
            selector.register(one, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():
                source = key.fileobj
                assert isinstance(source, socket.socket)
                data = source.recv(_READ)
                if data:
                    other[source].sendall(data)
                elif source is engine:
                    return
                else:
                    selector.unregister(source)
                    with contextlib.suppress(OSError):
                        engine.shutdown(socket.SHUT_WR)
