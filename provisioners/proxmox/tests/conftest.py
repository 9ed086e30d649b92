# SPDX-License-Identifier: GPL-3.0-or-later
"""A test cluster, as it was at first for each test, and a client of it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from provisioners.proxmox.tests.cluster import Cluster
from provisioners.proxmox.tests.cluster.raw import RawClient


@pytest.fixture(scope="module")
def running() -> Iterator[Cluster]:
    with Cluster(boot_seconds=0.0) as started:
        yield started


@pytest.fixture
def cluster(running: Cluster) -> Cluster:
    running.reset()
    return running


@pytest.fixture
def client(cluster: Cluster) -> RawClient:
    return RawClient.by_token(cluster)
