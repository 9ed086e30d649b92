# SPDX-License-Identifier: GPL-3.0-or-later
"""The connection `docker` through the suite of all connections: with and without Python, as several users."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from jetpack_provisioner_docker.connection import DockerConnection

from jetpack_core.contracts.connection import Endpoint
from jetpack_core.contracts.operations import Become
from jetpack_core.errors import HostUnreachableError
from jetpack_core.testing.connections import ConnectionConformance, Driver
from tests.integration.fleet.hosts import OPS_PASSWORD, SshHost
from tests.integration.fleet.session import Fleet

pytestmark = [pytest.mark.docker, pytest.mark.slow]

WAYS = {
    "root": ("debian", None, None),
    "sudo": ("debian", "ops", Become("root", "", OPS_PASSWORD)),
    "nopython": ("nopython", None, None),
    "busybox": ("busybox", "ops", None),
}
"""The image, the user that logs in, and who it becomes."""


@pytest.fixture(scope="module", params=list(WAYS))
def way(request: pytest.FixtureRequest) -> str:
    """How the container is acted on."""
    return str(request.param)


@pytest.fixture(scope="module")
def host(way: str, fleet: Fleet) -> SshHost:
    """A container that the module has for itself."""
    return fleet.start(WAYS[way][0])


def endpoint(host: SshHost, user: str | None = None) -> Endpoint:
    """Return how the container is reached through the engine."""
    return Endpoint(host=host.name, user=user, variables={"jet_docker_container": host.container})


@pytest.fixture(scope="module")
def new_driver(way: str, host: SshHost) -> Callable[[], Driver]:
    """Connect to the container once more."""
    _, user, become = WAYS[way]
    return lambda: Driver(DockerConnection(endpoint(host, user)), become).connect()


@pytest.fixture(scope="module")
def driver(new_driver: Callable[[], Driver]) -> Iterator[Driver]:
    """One connection for all tests of a way."""
    driver = new_driver()
    yield driver
    driver.close()


class TestConformance(ConnectionConformance):
    pass


def test_the_right_user_acts(driver: Driver, way: str) -> None:
    _, user, become = WAYS[way]
    wanted = become.user if become else user or "root"
    assert driver.sh("id -un").stdout.strip() == wanted


def test_a_container_that_is_not_there_is_named() -> None:
    lost = Endpoint(host="nothing", variables={"jet_docker_container": "jetpack-kit-nothing"})
    with pytest.raises(HostUnreachableError, match="jetpack-kit-nothing"):
        Driver(DockerConnection(lost)).connect()


def test_an_engine_that_does_not_answer_is_named(host: SshHost) -> None:
    variables = {"jet_docker_container": host.container, "jet_docker_engine": "unix:///nonexistent/docker.sock"}
    with pytest.raises(HostUnreachableError):
        Driver(DockerConnection(Endpoint(host=host.name, variables=variables))).connect()


def test_a_container_that_is_killed_is_lost(fleet: Fleet) -> None:
    killed = fleet.start("debian")
    driver = Driver(DockerConnection(endpoint(killed))).connect()
    assert driver.sh("echo here").stdout == "here\n"
    fleet.remove(killed)
    with pytest.raises(HostUnreachableError):
        driver.sh("echo gone")
    driver.close()
