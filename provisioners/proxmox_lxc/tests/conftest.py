# SPDX-License-Identifier: GPL-3.0-or-later
"""Clusters for the tests of containers, and parameters that lead to them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from jetpack_provisioner_proxmox_lxc.provisioner import ProxmoxContainer

from provisioners.proxmox.tests.cluster import DEBIAN_TEMPLATE, Cluster
from provisioners.proxmox.tests.support import FAST, attached

Make = Callable[..., ProxmoxContainer]


@pytest.fixture(scope="module")
def shared() -> Iterator[Cluster]:
    with Cluster(**FAST, pools=["staging", "production"]) as cluster:
        yield cluster


@pytest.fixture
def altered() -> Iterator[Cluster]:
    """A cluster for one test alone, which changes its nodes, templates or users."""
    with Cluster(**FAST) as cluster:
        yield cluster


@pytest.fixture
def cluster(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Cluster:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    name = "altered" if "altered" in request.fixturenames else "shared"
    cluster: Cluster = request.getfixturevalue(name)
    cluster.reset()
    return cluster


@pytest.fixture
def make(cluster: Cluster, tmp_path: Path) -> Make:
    def made(**more: Any) -> ProxmoxContainer:
        access = {name: more.pop(name) for name in list(more) if name.startswith("jet_")}
        given = {"cluster": "pve", **more}
        if "clone" not in given:
            given.setdefault("ostemplate", DEBIAN_TEMPLATE)
        return attached(ProxmoxContainer.model_validate(given), cluster, tmp_path, **access)

    return made
