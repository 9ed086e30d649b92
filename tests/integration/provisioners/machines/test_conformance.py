# SPDX-License-Identifier: GPL-3.0-or-later
"""The provisioner `libvirt` through the suite of all provisioners, on QEMU, with guests that do nothing."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Callable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import Any

import pytest

from jetpack_core.contracts.provisioner import Guest, Provisioner
from jetpack_core.testing.provisioners import ProvisionerConformance
from tests.integration.provisioners.machines.daemon import LibvirtDaemon

pytestmark = [pytest.mark.root, pytest.mark.slow, pytest.mark.xdist_group("libvirt"), pytest.mark.timeout(600)]


class TestOnQemu(ProvisionerConformance):
    guest_name = f"kit-{uuid.uuid4().hex[:8]}"

    # On the driver for tests every call is made to fail, in seconds rather than in half an hour.
    test_a_creation_that_fails_leaves_nothing_unnamed = None  # type: ignore[assignment]
    test_a_change_that_fails_is_made_good_by_the_next_run = None  # type: ignore[assignment]
    test_a_rebuild_that_fails_is_made_good_by_the_next_run = None  # type: ignore[assignment]
    test_a_destruction_that_fails_is_made_good_by_the_next_run = None  # type: ignore[assignment]
    test_power_that_fails_is_made_good_by_the_next_run = None  # type: ignore[assignment]

    @pytest.fixture(autouse=True)
    def _daemon(self, daemon: LibvirtDaemon) -> Iterator[None]:
        self.daemon = daemon
        yield
        daemon.remove(self.guest_name)

    @pytest.fixture
    def provisioner(self, make: Callable[..., Any]) -> Any:
        return make(extra_disks=[{"name": "data", "size": "8m"}])

    @pytest.fixture
    def changed(self, make: Callable[..., Any]) -> Any:
        extra = [{"name": "data", "size": "12m"}, {"name": "more", "size": "4m"}]
        networks = ["default", {"network": "default", "model": "e1000e"}]
        return make(
            extra_disks=extra, networks=networks, disk_size="3m", memory="48m", vcpus=2, autostart=True, graphics="vnc"
        )

    @pytest.fixture
    def rebuilt(self, make: Callable[..., Any]) -> Any:
        return make(
            extra_disks=[{"name": "data", "size": "8m"}], hostname="other", authorized_keys=["ssh-ed25519 AAAA"]
        )

    def everything(self, provisioner: Provisioner) -> Mapping[str, object]:
        domains = {one: self.daemon.virsh("dumpxml", "--inactive", one) for one in self.daemon.domains()}
        found = {**domains, **dict.fromkeys(self.daemon.volumes(), "")}
        return {name: what for name, what in found.items() if name.startswith(self.guest_name)}

    def drift(self, provisioner: Provisioner, guest: Guest) -> AbstractSet[str]:
        for line in (
            "setvcpus NAME 2 --config --maximum",
            "setvcpus NAME 2 --config",
            "setmaxmem NAME 65536 --config",
            "setmem NAME 65536 --config",
            "attach-interface NAME network default --model virtio --live --config",
            "detach-disk NAME vdb --config",
            "autostart NAME",
        ):
            self.daemon.virsh(*line.replace("NAME", guest.id).split())
        return {"vcpus", "autostart", "memory", "networks", "extra_disks"}

    @contextlib.contextmanager
    def stranger(self, provisioner: Provisioner, host: str) -> Iterator[None]:
        path = self.daemon.images / "stranger.xml"
        path.write_text(
            f"<domain type='qemu'><name>{host}</name><memory unit='MiB'>32</memory><vcpu>1</vcpu>"
            "<os><type arch='x86_64'>hvm</type></os></domain>"
        )
        self.daemon.virsh("define", str(path))
        yield
        self.daemon.virsh("undefine", host)
