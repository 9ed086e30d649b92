# SPDX-License-Identifier: GPL-3.0-or-later
"""HTTPS: requests read as the real proxy reads them, answers written as it writes them."""

from __future__ import annotations

import json
import ssl
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from provisioners.proxmox.tests.cluster.api import Answer, Api, Arrival
from provisioners.proxmox.tests.cluster.errors import ApiError, ForeignCallError
from provisioners.proxmox.tests.cluster.faults import CallFault, Faults

API_ROOT = "/api2/json"
CONTROL_ROOT = "/control"
LONGEST_BODY = 512 * 1024
# The first version whose error bodies repeat the message.
MESSAGE_SINCE = (8, 4)
_LONGEST_DISCARDED = 16 << 20
_FORM = "application/x-www-form-urlencoded"
# The real one reads these, too.
_NOT_PLAYED = ("application/json", "multipart/form-data")

Control = Callable[[str, dict[str, Any]], Any]


class ClusterServer(ThreadingHTTPServer):
    """The server of one cluster; each connection has a thread."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, api: Api, faults: Faults, control: Control, secret: str, chain: Path) -> None:
        super().__init__(("127.0.0.1", 0), ClusterHandler)
        self.api, self.faults, self.control, self.secret = api, faults, control, secret
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._tls.load_cert_chain(chain)

    def get_request(self) -> tuple[ssl.SSLSocket, Any]:
        """Accept a connection; its handshake happens in its own thread, at the first read."""
        plain, address = super().get_request()
        return self._tls.wrap_socket(plain, server_side=True, do_handshake_on_connect=False), address

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Stay silent: connections that break are the clients' affair, and tests break them on purpose."""


class ClusterHandler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    server_version = "pve-api-daemon/3.0"
    sys_version = ""
    disable_nagle_algorithm = True
    timeout = 60
    server: ClusterServer

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Write nothing: calls are recorded."""

    def do_GET(self) -> None:
        """Serve a call."""
        self._serve()

    do_POST = do_PUT = do_DELETE = do_HEAD = do_PATCH = do_OPTIONS = do_GET  # noqa: N815

    def _serve(self) -> None:
        address = urlsplit(self.path)
        if address.path.startswith(CONTROL_ROOT + "/"):
            self._serve_control(address.path.removeprefix(CONTROL_ROOT + "/"))
        elif address.path.startswith(API_ROOT):
            self._serve_api(address.path.removeprefix(API_ROOT) or "/", address.query)
        else:
            self._send(Answer(None, 501, f"no such file '{address.path}'"))

    def _serve_control(self, operation: str) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.headers.get("Authorization") != self.server.secret:
            self._send(Answer(None, 403, "not the owner of this cluster"))
            return
        try:
            self._send(Answer(self.server.control(operation, json.loads(body or b"{}"))))
        except (ApiError, KeyError, TypeError, ValueError) as problem:
            self._send(Answer(None, 400, f"{operation}: {problem!r}"))

    def _serve_api(self, path: str, query: str) -> None:
        began = time.time()
        try:
            parameters = self._read_parameters(query)
        except ApiError as problem:
            self.close_connection = True
            self._finish(path, {}, Answer(None, problem.status, problem.message), None, began)
            return
        time.sleep(self.server.api.cluster.settings.latency)
        fault = self.server.faults.take_call(self.command, path)
        if fault is not None:
            time.sleep(fault.delay)
        if fault is not None and fault.drop == "before":
            self._drop(path, parameters, fault, began)
            return
        headers = {name.lower(): value for name, value in self.headers.items()}
        if fault is not None and not fault.drop and fault.status:
            answer, who = Answer(None, fault.status, fault.message, fault.errors), None
        else:
            answer, who = self.server.api.answer(Arrival(self.command, path, headers, parameters))
        if fault is not None and fault.drop:
            self._drop(path, parameters, fault, began)
        else:
            self._finish(path, parameters, answer, who.name if who else None, began)

    def _read_parameters(self, query: str) -> dict[str, list[str]]:
        length = int(self.headers.get("Content-Length") or 0)
        if length > LONGEST_BODY:
            # A client that still writes would otherwise meet a reset, and never read the refusal.
            self.rfile.read(min(length, _LONGEST_DISCARDED))
            raise ApiError("for data too large", 501)
        body = self.rfile.read(length)
        if body and self.command not in {"POST", "PUT"}:
            raise ApiError(f"Unexpected content for method '{self.command}'", 501)
        content_type = (self.headers.get("Content-Type") or _FORM).partition(";")[0].strip()
        if body and content_type in _NOT_PLAYED:
            raise ForeignCallError(f"bodies of type {content_type}")
        if body and content_type != _FORM:
            raise ApiError(f"upload Content-Type '{content_type}' not implemented", 506)
        return parse_qs(query, keep_blank_values=True) | parse_qs(body.decode(), keep_blank_values=True)

    def _drop(self, path: str, parameters: dict[str, list[str]], fault: CallFault, began: float) -> None:
        self._record(path, parameters, Answer(None, 0, f"dropped {fault.drop}"), None, began)
        self.close_connection = True
        self.connection.close()

    def _finish(
        self, path: str, parameters: dict[str, list[str]], answer: Answer, who: str | None, began: float
    ) -> None:
        self._record(path, parameters, answer, who, began)
        self._send(answer)

    def _record(
        self, path: str, parameters: dict[str, list[str]], answer: Answer, who: str | None, began: float
    ) -> None:
        entry = {
            "method": self.command,
            "path": path,
            "parameters": {name: ",".join(values) for name, values in parameters.items()},
            "status": answer.status,
            "message": answer.message,
            "errors": answer.errors,
            "data": answer.data,
            "who": who,
            "time": began,
        }
        self.server.faults.record(entry)

    def _send(self, answer: Answer) -> None:
        body: dict[str, Any] = {"data": answer.data, **answer.more}
        if answer.errors:
            body["errors"] = answer.errors
        if answer.status >= 400 and self._repeats_message():
            body["message"] = answer.message + "\n"
        content = json.dumps(body).encode()
        reason = " ".join(answer.message.split()).encode("latin-1", "replace").decode("latin-1")
        self.send_response(answer.status, reason)
        self.send_header("Content-Type", "application/json;charset=UTF-8")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def _repeats_message(self) -> bool:
        return self.server.api.cluster.settings.release >= MESSAGE_SINCE
