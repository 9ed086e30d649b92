# SPDX-License-Identifier: GPL-3.0-or-later
"""A host to act on in tests: this machine, or a scripted one, opened anew for each call."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from jetpack_core.connections.local import LocalConnection
from jetpack_core.contracts.connection import Connection, Endpoint
from jetpack_core.contracts.fields import ParameterContext
from jetpack_core.contracts.module import Module
from jetpack_core.contracts.operations import Operation
from jetpack_core.records import Outcome, Plan
from jetpack_core.testing.host import TestHost


class Here:
    """This machine with variables; it keeps what was asked, how often, and the warnings."""

    def __init__(
        self,
        variables: Mapping[str, object] | None = None,
        *,
        planning: bool = False,
        connect: Callable[[], Connection] = lambda: LocalConnection(Endpoint("here")),
    ) -> None:
        self._variables = variables
        self._planning = planning
        self._connect = connect
        self.warnings: list[str] = []
        self.asked: list[Operation[object]] = []
        self.frames = 0

    def plan(self, module: Module) -> Plan:
        """Let a module plan."""
        with self._host() as host:
            return host.plan(module)

    def apply(self, module: Module) -> Outcome:
        """Let a module plan and apply."""
        with self._host() as host:
            return host.converge(module)[1]

    @contextmanager
    def _host(self) -> Iterator[TestHost]:
        with TestHost(self._connect(), name="here", variables=self._variables, planning=self._planning) as host:
            try:
                yield host
            finally:
                self.asked += host.operations
                self.frames += len(host.frames)
                self.warnings += host.warnings


def sources(folder: Path) -> ParameterContext:
    """Return the context that finds sources in a folder."""

    def find(_kind: str, name: str) -> Path | None:
        path = folder / name
        return path if path.exists() else None

    return ParameterContext(find, lambda _kind: [str(folder)])
