# SPDX-License-Identifier: GPL-3.0-or-later
"""Containers do what every provisioner must, on a cluster that checks every call."""

from __future__ import annotations

from collections.abc import Set as AbstractSet

import pytest
from jetpack_provisioner_proxmox_lxc.provisioner import ProxmoxContainer

from jetpack_core.contracts.provisioner import Guest, Provisioner
from jetpack_core.testing.faults import FaultKind
from provisioners.proxmox.tests.cluster import DEBIAN_TEMPLATE
from provisioners.proxmox.tests.conformance import ClusterConformance

pytestmark = pytest.mark.slow


class TestContainers(ClusterConformance[ProxmoxContainer]):
    guest_name = "kit-guest"
    # Machines go through the third kind, with the same code; all of them twice would take minutes.
    fault_kinds = (FaultKind.REFUSED, FaultKind.OUTAGE)
    kind = "lxc"

    def wanted(self, **more: object) -> ProxmoxContainer:
        given = {"cluster": "pve", "ostemplate": DEBIAN_TEMPLATE, "rootfs_size": "4G", **more}
        return self.attached(ProxmoxContainer.model_validate(given))

    @pytest.fixture
    def changed(self) -> ProxmoxContainer:
        return self.wanted(memory=1024, cores=2, rootfs_size="6G", tags=["web", "prod"], mp0={"mp": "/data", "size": 2})

    @pytest.fixture
    def rebuilt(self) -> ProxmoxContainer:
        return self.wanted(unprivileged=False)

    def drift(self, provisioner: Provisioner, guest: Guest) -> AbstractSet[str]:
        self.cluster.change_guest(int(guest.id), config={"memory": "64", "tags": "other"})
        return {"memory", "tags"}
