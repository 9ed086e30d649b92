# SPDX-License-Identifier: GPL-3.0-or-later
"""Containers do what every provisioner must, on a cluster that checks every call."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from jetpack_provisioner_proxmox_lxc.provisioner import ProxmoxContainer

from jetpack_core.contracts.provisioner import Guest, Provisioner
from jetpack_core.testing.faults import FaultKind, Faults
from jetpack_core.testing.provisioners import ProvisionerConformance
from provisioners.proxmox.tests.cluster import DEBIAN_TEMPLATE, Cluster
from provisioners.proxmox.tests.support import FAST, ClusterFaults, attached, remains, stranger

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with Cluster(**FAST) as cluster:
        yield cluster


class TestContainers(ProvisionerConformance):
    guest_name = "kit-guest"
    # Machines go through the third kind, with the same code; all of them twice would take minutes.
    fault_kinds = (FaultKind.REFUSED, FaultKind.OUTAGE)
    cluster: Cluster

    @pytest.fixture(autouse=True)
    def _at_home(self, cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
        self.cluster = cluster
        self.folder = tmp_path

    def wanted(self, **more: object) -> ProxmoxContainer:
        given = {"cluster": "pve", "ostemplate": DEBIAN_TEMPLATE, "rootfs_size": "4G", **more}
        return attached(ProxmoxContainer.model_validate(given), self.cluster, self.folder)

    @pytest.fixture
    def provisioner(self) -> ProxmoxContainer:
        return self.wanted()

    @pytest.fixture
    def changed(self) -> ProxmoxContainer:
        return self.wanted(memory=1024, cores=2, rootfs_size="6G", tags=["web", "prod"], mp0={"mp": "/data", "size": 2})

    @pytest.fixture
    def rebuilt(self) -> ProxmoxContainer:
        return self.wanted(unprivileged=False)

    @pytest.fixture
    def faults(self) -> Faults:
        return ClusterFaults(self.cluster)

    def everything(self, provisioner: Provisioner) -> Mapping[str, object]:
        return remains(self.cluster)

    def drift(self, provisioner: Provisioner, guest: Guest) -> AbstractSet[str]:
        self.cluster.change_guest(int(guest.id), config={"memory": "64", "tags": "other"})
        return {"memory", "tags"}

    def stranger(self, provisioner: Provisioner, host: str) -> AbstractContextManager[None]:
        return stranger(self.cluster, "lxc", host)
