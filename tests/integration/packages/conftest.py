# SPDX-License-Identifier: GPL-3.0-or-later
"""One host with every package manager Debian has, and repositories made on it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from jetpack_core.connections.ssh import SshConnection
from jetpack_core.contracts.connection import Credentials, Endpoint
from jetpack_core.contracts.module import Module
from jetpack_core.contracts.operations import Operation, Run, TempDirectory
from jetpack_core.records import Outcome, Plan, PlanKind
from jetpack_core.testing.host import TestHost
from tests.integration.fleet import Fleet, SshHost
from tests.integration.fleet.snapshot import LOGIN_TRACES, Entry

_HERE = Path(__file__).parent


@dataclass
class Bench:
    """A host to install things on, from inside (`machine`) and as modules see it (`host`)."""

    machine: SshHost
    host: TestHost
    endpoint: Endpoint

    def shell(self, script: str) -> str:
        """Return what a script printed on the host."""
        return self.machine.shell(f"export LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive\n{script}")

    def snapshot(self) -> dict[str, Entry]:
        """Describe every file of the host."""
        return self.machine.snapshot(ignore=(*LOGIN_TRACES, "/tmp"))

    def plan(self, module: Module, round_trips: int = 2) -> Plan:
        """Plan, and see that the plan asked nothing that changes."""
        self.host.frames.clear()
        plan = self.host.plan(module)
        assert [one for one in self.host.operations if _changes(one)] == []
        assert len(self.host.frames) <= round_trips
        return plan

    def converge(self, module: Module, round_trips: int = 3) -> tuple[dict[str, tuple[object, object]], Outcome]:
        """Plan, apply, and see that the plan foretold what happened and that nothing is left to do."""
        self.host.frames.clear()
        plan, outcome = self.host.converge(module)
        assert not outcome.failed, outcome.msg
        assert len(self.host.frames) <= round_trips
        again = self.host.plan(module)
        assert again.kind is PlanKind.NONE, again
        return changes(plan), outcome


def changes(plan: Plan) -> dict[str, tuple[object, object]]:
    """Return what a plan changes, by name."""
    return {change.field: (change.before, change.after) for change in plan.changes}


def done(outcome: Outcome) -> dict[str, tuple[object, object]]:
    """Return what an outcome says was changed."""
    changed = outcome.result["changed"]
    assert isinstance(changed, dict)
    return {name: (one["before"], one["after"]) for name, one in changed.items()}


def _changes(operation: Operation[object]) -> bool:
    reads = isinstance(operation, Run) and operation.read_only
    return operation.changing and not reads and not isinstance(operation, TempDirectory)


@pytest.fixture(scope="module")
def make_bench(fleet: Fleet) -> Iterator[Callable[..., Bench]]:
    """Start a host and run a script of this folder on it, which makes its repositories."""
    made: list[Bench] = []

    def make(script: str, image: str = "packages") -> Bench:
        machine = fleet.start(image)
        if script:
            machine.exec(["sh", "-s"], stdin=(_HERE / script).read_bytes())
        endpoint = Endpoint(
            machine.name,
            address=machine.address,
            port=machine.port,
            user="root",
            credentials=Credentials(private_key_file=fleet.keys.plain),
            host_keys=machine.host_keys,
        )
        host = TestHost(SshConnection(endpoint), name=machine.name)
        host.__enter__()
        made.append(Bench(machine, host, endpoint))
        return made[-1]

    yield make
    for bench in made:
        bench.host.close()
        fleet.remove(bench.machine)
