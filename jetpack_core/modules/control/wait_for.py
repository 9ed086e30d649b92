# SPDX-License-Identifier: GPL-3.0-or-later
"""The module `wait_for`."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final, Literal, Self

from pydantic import Field, model_validator

from jetpack_core.contracts.fields import HostPath
from jetpack_core.errors import OperationError, TaskError
from jetpack_core.modules.commands.words import Words
from jetpack_core.modules.control.probes import Port, WebAddress, listening_ports, page_problem, port_is_open
from jetpack_core.modules.control.waiting import Waiting

if TYPE_CHECKING:
    from jetpack_core.contracts.host import Host

_TARGETS: Final = ("port", "path", "command", "http")


class WaitFor(Waiting):
    """Wait for a port, a path, a command or a web page. Plan mode looks once and does not wait.

    Example::

        - !wait_for
          name: the database answers
          port: 5432
          timeout: 60
        - !wait_for
          path: /run/app/ready
        - !wait_for
          name: the old version is gone
          command: pgrep -x oldapp
          absent: true
        - !wait_for
          http: https://app.example.com/health
          expected: '"status":"ok"'
    """

    port: Port | None = None
    """A TCP port that must take connections."""

    address: str | None = None
    """Where the port is; without it, the address the host is reached at."""

    seen_from: Literal["control", "host"] = Field(default="control", validation_alias="from")
    """Where the port is looked at: `control` connects from this machine.

    `host` looks whether something listens on the host, be it on its own 127.0.0.1 only (Linux).
    """

    path: HostPath | None = None
    """A path on the host that must exist; links are followed."""

    command: Words | None = None
    """A command on the host that must exit with 0. It runs in plan mode too, so it MUST only read."""

    http: WebAddress | None = None
    """A web page, asked for from this machine, that must answer."""

    expected: str | None = None
    """With `http`: a status code such as 401, or text that must be in the page; otherwise any 2xx will do."""

    verify_tls: bool = True
    """With `http`: check the certificate."""

    absent: bool = False
    """Wait until it is *not* so: the port closed, the path gone, the command failing, no such page."""

    @model_validator(mode="after")
    def _has_one_target(self) -> Self:
        given = [name for name in _TARGETS if getattr(self, name) is not None]
        if len(given) != 1:
            message = f"give one of `port`, `path`, `command` and `http`, not {' and '.join(given) or 'none'}"
            raise ValueError(message)
        if self.address is not None and (self.port is None or self.seen_from == "host"):
            message = "`address` belongs to a `port` that is looked at from the control machine"
            raise ValueError(message)
        if self.seen_from == "host" and self.port is None:
            message = "`from: host` belongs to `port`; paths and commands always are on the host"
            raise ValueError(message)
        return self

    async def missing(self, host: Host) -> str | None:
        """Look once."""
        problem = await self._problem(host)
        if not self.absent:
            return problem
        return f"{self._target()} is still there" if problem is None else None

    def _target(self) -> str:
        name = next(name for name in _TARGETS if getattr(self, name) is not None)
        value = getattr(self, name)
        return f"{name} {' '.join(value) if isinstance(value, list) else value}"

    async def _problem(self, host: Host) -> str | None:
        if self.port is not None:
            return await self._port_problem(host, self.port)
        if self.path is not None:
            found = await host.stat(self.path, follow=True)
            return None if found.exists else f"there is no {self.path}"
        if self.command is not None:
            return await self._command_problem(host, self.command)
        look = partial(page_problem, self.http or "", self.expected, verify_tls=self.verify_tls)
        return await host.in_thread(look)

    async def _port_problem(self, host: Host, port: int) -> str | None:
        if self.seen_from == "host":
            return await _listening_problem(host, port)
        address = self.address or str(host.variables.get("jet_ssh_hostname") or host.name)
        if await host.in_thread(partial(port_is_open, address, port)):
            return None
        return f"port {port} of {address} takes no connection"

    async def _command_problem(self, host: Host, command: list[str]) -> str | None:
        try:
            ended = await host.run(command, timeout=self.timeout or None, read_only=True)
        except OperationError as error:
            return str(error)
        return None if ended.ok else f"`{' '.join(command)}` exits with {ended.rc}"


async def _listening_problem(host: Host, port: int) -> str | None:
    tables = await host.query(["cat", "/proc/net/tcp", "/proc/net/tcp6"])
    if not tables.stdout:
        raise TaskError("the host does not tell which ports are listened on", hint="leave out `from: host`")
    return None if port in listening_ports(tables.stdout) else f"nothing listens on port {port}"
