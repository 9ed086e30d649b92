# SPDX-License-Identifier: GPL-3.0-or-later
"""A host with systemd as process 1, and the way to hosts."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest

from jetpack_core.connections.ssh import SshConnection
from jetpack_core.contracts.connection import Credentials, Endpoint
from jetpack_core.testing.host import TestHost
from tests.integration.fleet import Fleet, SshHost

Reach = Callable[..., AbstractContextManager[TestHost]]
PATIENCE = 30.0


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
