# SPDX-License-Identifier: GPL-3.0-or-later
"""Virtual machines do what every provisioner must, on a cluster that checks every call."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from jetpack_provisioner_proxmox_vm.provisioner import ProxmoxMachine

from jetpack_core.contracts.provisioner import Guest, Provisioner
from jetpack_core.testing.faults import FaultKind, Faults
from jetpack_core.testing.provisioners import ProvisionerConformance
from provisioners.proxmox.tests.cluster import DEBIAN_IMAGE, Cluster
from provisioners.proxmox.tests.support import FAST, KEY, ClusterFaults, attached, remains, stranger

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with Cluster(**FAST) as cluster:
        yield cluster


class TestMachines(ProvisionerConformance):
    guest_name = "kit-machine"
    # Containers go through the others, with the same code; all of them twice would take minutes.
    fault_kinds = (FaultKind.UNANSWERED,)
    cluster: Cluster

    @pytest.fixture(autouse=True)
    def _at_home(self, cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
        self.cluster = cluster
        self.folder = tmp_path

    def wanted(self, **more: object) -> ProxmoxMachine:
        given = {
            "cluster": "pve",
            "agent_timeout": 0,
            "image": f"local:import/{DEBIAN_IMAGE}",
            "rootfs_size": "6G",
            "ssh_user": "admin",
            "authorized_keys": KEY,
            "password": "correct horse",
            **more,
        }
        return attached(ProxmoxMachine.model_validate(given), self.cluster, self.folder)

    @pytest.fixture
    def provisioner(self) -> ProxmoxMachine:
        return self.wanted()

    @pytest.fixture
    def changed(self) -> ProxmoxMachine:
        return self.wanted(memory="4G", cores=2, rootfs_size="8G", tags=["web"], disks={"scsi1": {"size": "1G"}})

    @pytest.fixture
    def rebuilt(self) -> ProxmoxMachine:
        return self.wanted(rootfs_size="5G")

    @pytest.fixture
    def faults(self) -> Faults:
        return ClusterFaults(self.cluster)

    def everything(self, provisioner: Provisioner) -> Mapping[str, object]:
        return remains(self.cluster)

    def drift(self, provisioner: Provisioner, guest: Guest) -> AbstractSet[str]:
        self.cluster.change_guest(int(guest.id), config={"memory": "1024", "ciuser": "mallory", "tags": "other"})
        return {"memory", "ssh_user", "tags"}

    def stranger(self, provisioner: Provisioner, host: str) -> AbstractContextManager[None]:
        return stranger(self.cluster, "qemu", host)
