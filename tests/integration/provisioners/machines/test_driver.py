# SPDX-License-Identifier: GPL-3.0-or-later
"""The provisioner `libvirt` on libvirt's own driver for tests, which keeps domains in memory: no root, no daemon.

Every call to it can be made to fail. It has neither streams nor hot-plugging; those are tested on QEMU.
"""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import Any

import pytest

pytest.importorskip("jetpack_provisioner_libvirt", reason="libvirt-python cannot be compiled here: no libvirt headers")

import libvirt
from jetpack_provisioner_libvirt.provisioner import VirtualMachine

from jetpack_core.contracts.provisioner import Guest, Provisioner
from jetpack_core.testing.faults import FaultKind, Faults
from jetpack_core.testing.provisioners import ProvisionerConformance

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

URI = "test:///default"
POOL = "default-pool"


def wanted(**more: object) -> VirtualMachine:
    """Return parameters of a guest that this driver can have."""
    few = {"uri": URI, "pool": POOL, "cloud_init": False, "disk_size": "1g", "memory": "64m", "stop_timeout": 2}
    disks = {"extra_disks": [{"name": "data", "size": "1g"}]}
    return VirtualMachine.model_validate({**few, **disks, **more})


@pytest.fixture
def driver() -> Iterator[Any]:
    """What keeps the driver's state: all connections of a process share it, and the last one takes it along."""
    connection = libvirt.open(URI)
    yield connection
    connection.close()


class Faulty:
    """An object of libvirt whose calls fail when they are told to."""

    def __init__(self, real: Any, faults: Faults) -> None:
        self._real = real
        self._faults = faults

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._real, name)
        return lambda *args: self._called(call, args)

    def _called(self, call: Any, args: tuple[Any, ...]) -> Any:
        fault = self._faults.strike()
        if fault in {None, FaultKind.UNANSWERED}:
            answer = call(*args)
            if fault is None:
                return self._wrapped(answer)
        raise libvirt.libvirtError(f"{fault} by the test")

    def _wrapped(self, answer: Any) -> Any:
        if isinstance(answer, list):
            return [self._wrapped(one) for one in answer]
        return Faulty(answer, self._faults) if type(answer).__module__ == "libvirt" else answer


@pytest.mark.usefixtures("driver")
class TestOnTheDriverForTests(ProvisionerConformance):
    guest_name = f"kit-{uuid.uuid4().hex[:8]}"

    @pytest.fixture
    def faults(self) -> Faults:
        return Faults()

    @pytest.fixture(autouse=True)
    def _driver(self, driver: Any, faults: Faults, monkeypatch: pytest.MonkeyPatch) -> None:
        self.driver = driver
        real = libvirt.open
        monkeypatch.setattr(libvirt, "open", lambda uri: Faulty(real(uri), faults))

    @pytest.fixture
    def provisioner(self) -> Provisioner:
        return wanted()

    @pytest.fixture
    def changed(self) -> Provisioner:
        extra = [{"name": "data", "size": "1g"}, {"name": "more", "size": "2g"}]
        return wanted(memory="96m", vcpus=2, autostart=True, guest_agent=False, extra_disks=extra)

    @pytest.fixture
    def rebuilt(self) -> Provisioner:
        return wanted(disk_size="512m")

    def everything(self, provisioner: Provisioner) -> Mapping[str, object]:
        domains = {one.name(): one.XMLDesc(2) for one in self.driver.listAllDomains()}
        pool = self.driver.storagePoolLookupByName(POOL)
        found = {**domains, **{one.name(): one.XMLDesc() for one in pool.listAllVolumes()}}
        return {name: what for name, what in found.items() if name.startswith(self.guest_name)}

    def drift(self, provisioner: Provisioner, guest: Guest) -> AbstractSet[str]:
        domain = self.driver.lookupByUUIDString(guest.id)
        domain.setAutostart(1)
        domain.destroy()
        text = domain.XMLDesc(2).replace("<source network='default'/>", "<source network='other'/>")
        text = text.replace(">65536<", ">32768<").replace(">1</vcpu>", ">2</vcpu>")
        self.driver.defineXML(text)
        return {"memory", "vcpus", "autostart", "networks"}

    @contextlib.contextmanager
    def stranger(self, provisioner: Provisioner, host: str) -> Iterator[None]:
        text = f"<domain type='test'><name>{host}</name><memory>65536</memory><os><type>hvm</type></os></domain>"
        domain = self.driver.defineXML(text)
        yield
        domain.undefine()
