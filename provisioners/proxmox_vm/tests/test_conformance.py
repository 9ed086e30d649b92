# SPDX-License-Identifier: GPL-3.0-or-later
"""Virtual machines do what every provisioner must, on a cluster that checks every call."""

from __future__ import annotations

from collections.abc import Set as AbstractSet

import pytest
from jetpack_provisioner_proxmox_vm.provisioner import ProxmoxMachine

from jetpack_core.contracts.provisioner import Guest, Provisioner
from jetpack_core.testing.faults import FaultKind
from provisioners.proxmox.tests.cluster import DEBIAN_IMAGE
from provisioners.proxmox.tests.conformance import ClusterConformance
from provisioners.proxmox.tests.support import KEY

pytestmark = pytest.mark.slow


class TestMachines(ClusterConformance[ProxmoxMachine]):
    guest_name = "kit-machine"
    # Containers go through the others, with the same code; all of them twice would take minutes.
    fault_kinds = (FaultKind.UNANSWERED,)
    kind = "qemu"

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
        return self.attached(ProxmoxMachine.model_validate(given))

    @pytest.fixture
    def changed(self) -> ProxmoxMachine:
        return self.wanted(memory="4G", cores=2, rootfs_size="8G", tags=["web"], disks={"scsi1": {"size": "1G"}})

    @pytest.fixture
    def rebuilt(self) -> ProxmoxMachine:
        return self.wanted(rootfs_size="5G")

    def drift(self, provisioner: Provisioner, guest: Guest) -> AbstractSet[str]:
        self.cluster.change_guest(int(guest.id), config={"memory": "1024", "ciuser": "mallory", "tags": "other"})
        return {"memory", "ssh_user", "tags"}
