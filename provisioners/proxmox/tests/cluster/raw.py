# SPDX-License-Identifier: GPL-3.0-or-later
"""A bare client that shows what is on the wire: status, reason phrase and body."""

from __future__ import annotations

import http.client
import json
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

from provisioners.proxmox.tests.cluster.harness import Cluster

_SECONDS = 60
_PATIENCE = 30.0


@dataclass(frozen=True, slots=True)
class RawAnswer:
    """One answer as it came."""

    status: int
    reason: str
    body: dict[str, Any]

    @property
    def data(self) -> Any:
        """What the call returned."""
        return self.body.get("data")

    @property
    def errors(self) -> dict[str, str]:
        """What is wrong with parameters, by name."""
        errors: dict[str, str] = self.body.get("errors", {})
        return errors


@dataclass(slots=True)
class RawClient:
    """Calls with given headers; parameters go into the body of POST and PUT, else into the query."""

    cluster: Cluster
    headers: dict[str, str] = field(default_factory=dict)

    @classmethod
    def by_token(cls, cluster: Cluster, token: str = "") -> RawClient:
        """Return a client that uses a token, root's unless another is given."""
        return cls(cluster, {"Authorization": f"PVEAPIToken={token or cluster.token}"})

    @classmethod
    def by_ticket(cls, cluster: Cluster, username: str = "", password: str = "") -> RawClient:
        """Return a client that logged in, as root unless another user is given."""
        login = {"username": username or cluster.user, "password": password or cluster.password}
        data = cls(cluster).call("POST", "/access/ticket", login).data
        cookie = f"PVEAuthCookie={quote(data['ticket'], safe='')}"
        return cls(cluster, {"Cookie": cookie, "CSRFPreventionToken": data["CSRFPreventionToken"]})

    def call(self, method: str, path: str, values: Mapping[str, object] | None = None, /, **more: object) -> RawAnswer:
        """Make a call and return its answer, whatever it is."""
        encoded = urlencode({**(values or {}), **more}, doseq=True)
        in_body = method in {"POST", "PUT"}
        target = f"/api2/json{path}" + ("" if in_body or not encoded else f"?{encoded}")
        headers = {**self.headers, **({"Content-Type": "application/x-www-form-urlencoded"} if in_body else {})}
        return self.send(method, target, encoded.encode() if in_body else b"", headers)

    def send(self, method: str, target: str, body: bytes, headers: Mapping[str, str]) -> RawAnswer:
        """Send a request as it is."""
        context = ssl.create_default_context(cafile=self.cluster.ca_file)
        connection = http.client.HTTPSConnection(
            self.cluster.host, self.cluster.port, context=context, timeout=_SECONDS
        )
        try:
            connection.request(method, target, body or None, dict(headers))
            answer = connection.getresponse()
            content = answer.read()
        finally:
            connection.close()
        return RawAnswer(answer.status, answer.reason, json.loads(content) if content else {})

    def get(self, path: str, /, **values: object) -> Any:
        """Return what a reading call returns, raising AssertionError when it is refused."""
        answer = self.call("GET", path, values)
        assert answer.status == http.client.OK, answer
        return answer.data

    def finish(self, answer: RawAnswer) -> str:
        """Wait for the end of the task a call began and return its exit status."""
        assert answer.status == http.client.OK, answer
        assert isinstance(answer.data, str), answer
        path = f"/nodes/{answer.data.split(':')[1]}/tasks/{quote(answer.data, safe='')}/status"
        deadline = time.monotonic() + _PATIENCE
        while (status := self.get(path))["status"] != "stopped":
            assert time.monotonic() < deadline, status
            time.sleep(0.02)
        exitstatus: str = status["exitstatus"]
        return exitstatus

    def do(self, method: str, path: str, values: Mapping[str, object] | None = None, /, **more: object) -> None:
        """Make a call that begins a task and wait for its good end."""
        ended = self.finish(self.call(method, path, values, **more))
        assert ended == "OK", ended
