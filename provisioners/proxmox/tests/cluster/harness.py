# SPDX-License-Identifier: GPL-3.0-or-later
"""A test's side of the cluster: it starts the server's process and talks to it."""

from __future__ import annotations

import http.client
import json
import ssl
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from provisioners.proxmox.tests.cluster.published import CHECKOUT
from provisioners.proxmox.tests.cluster.settings import ROOT_PASSWORD, TOKEN_SECRET, Settings

_MODULE = "provisioners.proxmox.tests.cluster"
_CONTROL_SECONDS = 60
_END_SECONDS = 60


class ClusterError(Exception):
    """The server could not be started, or refused an operation."""


@dataclass(frozen=True, slots=True)
class RecordedCall:
    """One call as the server saw it; status 0 means that its connection was dropped."""

    method: str
    path: str
    parameters: dict[str, str]
    status: int
    message: str
    errors: dict[str, str]
    data: Any
    who: str | None
    time: float


class Cluster:
    """A cluster for a test: `with Cluster(task_seconds=0.2) as cluster: …`; the settings are those of `Settings`.

    `ca_file` and what is behind it last as long as the context.
    """

    host = "127.0.0.1"
    user = "root@pam"
    password = ROOT_PASSWORD
    token_id = "root@pam!jetpack"
    token_secret = TOKEN_SECRET
    port: int
    ca_file: str
    fingerprint: str
    # With guests="docker": the network of the guests, in which a static address is really given.
    subnet: str

    def __init__(self, **settings: Any) -> None:
        self.settings = Settings(**settings)
        self._process: subprocess.Popen[str] | None = None
        self._secret = ""

    @property
    def url(self) -> str:
        """The address of the API."""
        return f"https://{self.host}:{self.port}/api2/json"

    @property
    def token(self) -> str:
        """The token as an Authorization header carries it after `PVEAPIToken=`."""
        return f"{self.token_id}={self.token_secret}"

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", _MODULE], cwd=CHECKOUT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(self.settings.to_json() + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise ClusterError(f"the test cluster did not start: exit {self._process.wait(_END_SECONDS)}")
        ready = json.loads(line)
        self.port, self.ca_file, self.fingerprint = ready["port"], ready["ca_file"], ready["fingerprint"]
        self._secret, self.subnet = ready["secret"], ready["subnet"]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        try:
            self._process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()

    def control(self, operation: str, **values: Any) -> Any:
        """Do one operation of the server's controls, raising ClusterError when it is refused."""
        context = ssl.create_default_context(cafile=self.ca_file)
        connection = http.client.HTTPSConnection(self.host, self.port, context=context, timeout=_CONTROL_SECONDS)
        try:
            headers = {"Authorization": self._secret}
            connection.request("POST", f"/control/{operation}", json.dumps(values), headers)
            answer = connection.getresponse()
            content = json.loads(answer.read())
        finally:
            connection.close()
        if answer.status != http.client.OK:
            raise ClusterError(answer.reason)
        return content["data"]

    def reset(self) -> None:
        """Bring everything back to what it was at the start; faster than a new cluster."""
        self.control("reset")

    @property
    def calls(self) -> list[RecordedCall]:
        """Every call of the API so far, in the order they were answered."""
        return [RecordedCall(**entry) for entry in self.control("calls")]

    def calls_of(self, method: str, path_end: str = "") -> list[RecordedCall]:
        """Return the calls of a method whose path ends so."""
        return [call for call in self.calls if call.method == method and call.path.endswith(path_end)]

    @property
    def guests(self) -> dict[int, dict[str, Any]]:
        """The guests by number: kind, node, name, running, config, pending, pool, address."""
        return {guest["vmid"]: guest for guest in self.control("guests")}

    @property
    def volumes(self) -> list[dict[str, Any]]:
        """Every volume of every storage."""
        found: list[dict[str, Any]] = self.control("volumes")
        return found

    @property
    def tasks(self) -> list[dict[str, Any]]:
        """Every task so far."""
        found: list[dict[str, Any]] = self.control("tasks")
        return found

    def fail_next(
        self,
        method: str,
        path: str,
        *,
        status: int = 500,
        message: str = "injected fault",
        errors: Mapping[str, str] | None = None,
        drop: str = "",
        delay: float = 0.0,
        skip: int = 0,
        times: int = 1,
    ) -> None:
        """Let calls fail: those of a method (`*`: any) and a path below /api2/json (`*` one part, `**` any rest).

        `status` and `message` are answered; status 0 only delays. `drop` cuts the connection instead, "before" the
        call takes effect or "after" it. `skip` calls go through first, then `times` fail (-1: all).
        """
        fault = {"status": status, "message": message, "errors": dict(errors or {}), "drop": drop, "delay": delay}
        self.control("fail_call", method=method, path=path, skip=skip, times=times, **fault)

    def fail_task(
        self,
        kind: str,
        exitstatus: str = "injected fault",
        *,
        vmid: int | None = None,
        log: Sequence[str] = (),
        duration: float | None = None,
        leave_remains: bool = False,
        skip: int = 0,
        times: int = 1,
    ) -> None:
        """Let tasks of a type (`*`: any) end with an error after some log lines; "WARNINGS: 1" does the work first.

        `duration` in seconds, with exitstatus "", only lets a task take longer. `leave_remains` keeps what a failed
        creation had made.
        """
        fault = {"exitstatus": exitstatus, "log": list(log), "duration": duration, "leave_remains": leave_remains}
        self.control("fail_task", type=kind, id=str(vmid or ""), skip=skip, times=times, **fault)

    @contextmanager
    def held_tasks(self) -> Iterator[None]:
        """Let no task go on to its work within the context; locks that tasks take are taken all the same."""
        self.control("hold_tasks")
        try:
            yield
        finally:
            self.control("release_tasks")

    def clear_faults(self) -> None:
        """Forget every fault that has not happened."""
        self.control("clear_faults")

    def change_settings(self, **settings: Any) -> None:
        """Change times, latency and the like while the server runs."""
        self.control("settings", **settings)

    def add_guest(
        self,
        vmid: int,
        *,
        kind: str = "lxc",
        node: str = "pve1",
        running: bool = False,
        disk_gib: int = 8,
        **config: str,
    ) -> None:
        """Put a guest into the cluster that nobody created through the API."""
        values = {"vmid": vmid, "kind": kind, "node": node, "running": running, "disk_size": disk_gib << 30}
        self.control("add_guest", config=config, **values)

    def change_guest(self, vmid: int, *, config: Mapping[str, str | None] | None = None, **traits: bool) -> None:
        """Change a guest by hand: stored options (None takes one away), running, agent_works, ignores_shutdown."""
        self.control("change_guest", vmid=vmid, config=dict(config or {}), **traits)

    def remove_guest(self, vmid: int) -> None:
        """Take a guest away without a task."""
        self.control("remove_guest", vmid=vmid)

    def add_volume(self, node: str, volid: str, size: int) -> None:
        """Put a template or an image into a storage (`*`: of every node)."""
        self.control("add_volume", node=node, volid=volid, size=size)

    def change_node(self, name: str, **values: Any) -> None:
        """Change a node: online, memory and used in bytes, cores."""
        self.control("change_node", name=name, **values)

    def permit(self, name: str, path: str, *privileges: str) -> None:
        """Give a user or a token exactly these privileges or roles on a path."""
        self.control("permit", name=name, path=path, privileges=list(privileges))
