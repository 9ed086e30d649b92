# SPDX-License-Identifier: GPL-3.0-or-later
"""The real engine, and names that no other test uses."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator

import docker
import pytest
from docker import DockerClient

from tests.integration.fleet.images import ensure_image
from tests.integration.fleet.session import Fleet

MARK = "jetpack-kit"


@pytest.fixture(scope="session")
def engine(fleet: Fleet) -> Iterator[DockerClient]:
    """The engine that the fleet runs on."""
    client = docker.from_env()
    yield client
    client.close()


@pytest.fixture
def unused(engine: DockerClient) -> Iterator[Callable[[], str]]:
    """Return names for guests, networks and volumes; whatever has one of them is removed after the test."""
    mark = f"{MARK}-{uuid.uuid4().hex[:8]}"
    count = iter(range(1000))
    yield lambda: f"{mark}-{next(count)}"
    for container in engine.containers.list(all=True, filters={"name": mark}, ignore_removed=True):
        container.remove(force=True, v=True)
    for network in engine.networks.list(filters={"name": mark}):
        network.remove()
    for volume in engine.volumes.list(filters={"name": mark}):
        volume.remove(force=True)
    # Looking into each image would fail where another test removes one meanwhile.
    for image in engine.api.images():
        for tag in image["RepoTags"] or ():
            if tag.startswith(mark):
                engine.images.remove(tag, force=True)


@pytest.fixture(scope="session")
def debian_image(fleet: Fleet) -> str:
    """An image with Python."""
    return ensure_image("debian")


@pytest.fixture(scope="session")
def busybox_image(fleet: Fleet) -> str:
    """An image without Python, and with the tools of busybox only."""
    return ensure_image("busybox")
