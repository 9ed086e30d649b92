# SPDX-License-Identifier: GPL-3.0-or-later
"""The conformance suite over SSH: hosts with and without Python, as the login user and as others."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from jetpack_core.connections.ssh import SshConnection
from jetpack_core.contracts.operations import Become
from jetpack_core.testing.connections import ConnectionConformance, Driver
from tests.integration.connections.conftest import endpoint
from tests.integration.fleet.hosts import OPS_PASSWORD, ROOT_PASSWORD, SshHost
from tests.integration.fleet.session import Fleet

pytestmark = [pytest.mark.docker, pytest.mark.ssh, pytest.mark.slow]

SUDO = "/usr/bin/sudo -u {{ jet_sudo_user }} {{ jet_command }}"
DOAS = "doas -u {{ jet_sudo_user }} {{ jet_command }}"
SU = "su - {{ jet_sudo_user }} -c {{ jet_command }}"


@dataclass(frozen=True)
class Way:
    """How to act on a host."""

    name: str
    login: str = "root"
    become: Become | None = None


WAYS = (
    Way("root"),
    Way("user", "ops"),
    Way("sudo-password", "ops", Become("root", "", OPS_PASSWORD)),
    Way("sudo-nopasswd", "deploy", Become("root", SUDO)),
    Way("sudo-down", "root", Become("ops", "")),
    Way("su-password", "ops", Become("root", SU, ROOT_PASSWORD)),
    Way("doas", "deploy", Become("ops", DOAS)),
)


@pytest.fixture(scope="module", params=["debian", "nopython", "busybox"])
def host(request: pytest.FixtureRequest, fleet: Fleet) -> SshHost:
    """A host that the module has for itself."""
    return fleet.start(request.param)


@pytest.fixture(scope="module", params=WAYS, ids=lambda way: way.name)
def new_driver(request: pytest.FixtureRequest, fleet: Fleet, host: SshHost) -> Callable[[], Driver]:
    """Connect to the host once more."""
    way: Way = request.param
    return lambda: Driver(SshConnection(endpoint(fleet, host, way.login)), way.become).connect()


@pytest.fixture(scope="module")
def driver(new_driver: Callable[[], Driver]) -> Iterator[Driver]:
    """One connection for all tests of a way."""
    driver = new_driver()
    yield driver
    driver.close()


class TestConformance(ConnectionConformance):
    pass


def test_the_host_is_served_by_what_it_has(driver: Driver, host: SshHost) -> None:
    connection = driver.connection
    assert isinstance(connection, SshConnection)
    assert connection.uses_python is (host.image == "debian")
    assert connection.channels == 1


def test_the_right_user_acts(driver: Driver, request: pytest.FixtureRequest) -> None:
    way = request.node.callspec.params["new_driver"]
    wanted = way.become.user if way.become else way.login
    assert driver.sh("id -un").stdout.strip() == wanted
