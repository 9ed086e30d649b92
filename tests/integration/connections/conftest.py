# SPDX-License-Identifier: GPL-3.0-or-later
"""Connections to the hosts of the fleet."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from jetpack_core.connections.ssh import SshConnection
from jetpack_core.contracts.connection import Credentials, Endpoint
from jetpack_core.contracts.operations import Become
from jetpack_core.testing.connections import Driver
from tests.integration.fleet.hosts import SshHost
from tests.integration.fleet.session import Fleet

Connect = Callable[..., Driver]


def endpoint(fleet: Fleet, host: SshHost, user: str = "root", **changes: Any) -> Endpoint:
    """Return the endpoint of a host of the fleet."""
    made = Endpoint(
        host=host.name,
        address=host.address,
        port=host.port,
        user=user,
        credentials=Credentials(private_key_file=fleet.keys.plain),
        host_keys=tuple(" ".join(key.split()[:2]) for key in host.host_keys),
    )
    return replace(made, **changes)


@pytest.fixture
def connect(fleet: Fleet) -> Iterator[Connect]:
    """Connect to hosts, and hang up after the test."""
    drivers: list[Driver] = []

    def start(host: SshHost, user: str = "root", become: Become | None = None, **changes: Any) -> Driver:
        drivers.append(Driver(SshConnection(endpoint(fleet, host, user, **changes)), become))
        return drivers[-1].connect()

    yield start
    for driver in drivers:
        driver.close()
