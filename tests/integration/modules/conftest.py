# SPDX-License-Identifier: GPL-3.0-or-later
"""The hosts of a module's tests, the way to them, and what every change must prove."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager

import pytest

from jetpack_core.connections.ssh import SshConnection
from jetpack_core.contracts.connection import Credentials, Endpoint
from jetpack_core.contracts.module import Module
from jetpack_core.records import PathEffect, Plan, PlanKind
from jetpack_core.testing.host import TestHost
from jetpack_core.testing.sandbox import Sandbox
from tests.integration.fleet import Fleet, SshHost

Reach = Callable[..., AbstractContextManager[TestHost]]
PATIENCE = 30.0
MAY_ADMINISTER = (
    *("--cap-add", "SYS_ADMIN", "--cap-add", "NET_ADMIN"),
    *("--security-opt", "seccomp=unconfined", "--security-opt", "apparmor=unconfined"),
)
"""What lets a container's root name the host, mount and set parameters of the kernel."""
_CONTENT = 65536


def machines(*images: str, prepare: Callable[[SshHost], object], run_args: Sequence[str] = ()) -> object:
    """Return a fixture: a host of each image for the tests of one file, which may break it.

    :param images: Their names; `NAME without Python` is one whose Python was taken away.
    :param run_args: For the images that are not allowed all of it anyway, as the one with systemd is.
    """

    @pytest.fixture(scope="module", params=images)
    def machine(request: pytest.FixtureRequest, fleet: Fleet) -> Iterator[SshHost]:
        image, _, without = request.param.partition(" ")
        started = fleet.start(image, extra_run_args=() if image == "systemd" else run_args)
        if without:
            started.shell("rm -f /usr/bin/python3*; ! command -v python3")
        if image == "systemd":
            started.exec(["systemctl", "is-system-running", "--wait"], check=False)
        prepare(started)
        yield started
        fleet.remove(started)

    return machine


@pytest.fixture(scope="module")
def connected(machine: SshHost, reach: Reach) -> Iterator[TestHost]:
    """The way to the file's own `machine`."""
    with reach(machine) as target:
        yield target


def shell(script: str) -> Callable[[Sandbox], object]:
    """Return what prepares or disturbs a case by a script."""

    def run(box: Sandbox) -> None:
        ended = box.host.ask(box.host.run(["sh", "-ec", script]))
        assert ended.ok, ended.stderr

    return run


def converged(host: TestHost, module: Module, *, round_trips: int = 3) -> Plan:
    """Plan, apply, and see that the plan came true and that one round trip finds nothing left; return the plan."""
    planned = host.plan(module, planning=True)
    host.frames.clear()
    plan, _ = host.converge(module)
    assert (planned.kind, planned.changes, planned.diffs) == (plan.kind, plan.changes, plan.diffs)
    assert len(host.frames) <= round_trips
    for effect in plan.effects:
        assert isinstance(effect, PathEffect)
        if effect.known:
            now = host.ask(host.stat(effect.state.path, content=_CONTENT))
            assert (now.content, now.mode) == (effect.state.content, effect.state.mode)
    host.frames.clear()
    assert host.plan(module).kind is PlanKind.NONE
    assert len(host.frames) == 1
    return plan


def wait_for(happened: Callable[[], bool]) -> None:
    """Wait for what a host does in its own time."""
    deadline = time.monotonic() + PATIENCE
    while not happened():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.2)


@pytest.fixture(scope="session")
def reach(fleet: Fleet) -> Reach:
    """Return a function that connects to a host of the fleet, as root unless a user is named."""

    @contextmanager
    def connected(machine: SshHost, user: str = "root") -> Iterator[TestHost]:
        endpoint = Endpoint(
            machine.name,
            address=machine.address,
            port=machine.port,
            user=user,
            credentials=Credentials(private_key_file=fleet.keys.plain),
            host_keys=machine.host_keys,
        )
        with TestHost(SshConnection(endpoint), name=machine.name) as target:
            yield target

    return connected


@pytest.fixture(scope="session")
def systemd_machine(fleet: Fleet) -> SshHost:
    """A host whose process 1 is systemd, shared by the session once it has started wholly."""
    machine = fleet.start("systemd")
    machine.exec(["systemctl", "is-system-running", "--wait"], check=False)
    return machine
