# SPDX-License-Identifier: GPL-3.0-or-later
"""The provisioner `docker` through the suite of all provisioners, on the real engine."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Any

import pytest
from docker import DockerClient
from docker.models.containers import Container as EngineContainer
from jetpack_provisioner_docker.provisioner import Container

from jetpack_core.contracts.provisioner import Guest, Provisioner
from jetpack_core.testing.faults import Faults
from jetpack_core.testing.provisioners import ProvisionerConformance
from tests.integration.provisioners.engine_proxy import EngineProxy

pytestmark = [pytest.mark.docker, pytest.mark.slow]

MIB = 1 << 20
SLEEP = ("/bin/sh", "-c", "trap 'exit 0' TERM; while :; do sleep 60 & wait $!; done")


class TestContainers(ProvisionerConformance):
    guest_name = f"jetpack-kit-{os.getpid()}"

    @pytest.fixture(autouse=True)
    def _engine(self, engine: DockerClient, busybox_image: str) -> Iterator[None]:
        self.engine = engine
        self.image = busybox_image
        yield
        for container in engine.containers.list(all=True, filters={"name": self.guest_name}):
            container.remove(force=True, v=True)
        for network in engine.networks.list(filters={"name": self.guest_name}):
            network.remove()
        for volume in engine.volumes.list(filters={"name": self.guest_name}):
            volume.remove(force=True)

    @pytest.fixture
    def faults(self) -> Faults:
        return Faults()

    @pytest.fixture
    def proxy(self, tmp_path: Path, faults: Faults) -> Iterator[EngineProxy]:
        with EngineProxy(tmp_path, faults) as proxy:
            yield proxy

    @pytest.fixture
    def wanted(self, proxy: EngineProxy, busybox_image: str) -> dict[str, Any]:
        return {
            "image": busybox_image,
            "command": SLEEP,
            "memory": 64 * MIB,
            "restart": "no",
            "networks": [f"{self.guest_name}-net"],
            "volumes": [f"{self.guest_name}-data:/data"],
            "remove_volumes": True,
            "engine": proxy.address,
        }

    @pytest.fixture
    def provisioner(self, wanted: dict[str, Any]) -> Container:
        return Container(**wanted)

    @pytest.fixture
    def changed(self, wanted: dict[str, Any]) -> Container:
        networks = [*wanted["networks"], f"{self.guest_name}-other"]
        more = {"memory": 96 * MIB, "restart": "always", "cpus": 0.5, "pids_limit": 50, "networks": networks}
        return Container(**{**wanted, **more})

    @pytest.fixture
    def rebuilt(self, wanted: dict[str, Any]) -> Container:
        return Container(**{**wanted, "env": {"MODE": "other"}})

    def everything(self, provisioner: Provisioner) -> Mapping[str, object]:
        mine: dict[str, Any] = {"name": self.guest_name}
        return {
            **{str(one.name): _lasting(one.attrs) for one in self._containers(mine)},
            **{str(one.name): one.id for one in self.engine.networks.list(filters=mine)},
            **{str(one.name): one.id for one in self.engine.volumes.list(filters=mine)},
        }

    def _containers(self, mine: Mapping[str, Any]) -> list[EngineContainer]:
        return self.engine.containers.list(all=True, filters=dict(mine), ignore_removed=True)

    def drift(self, provisioner: Provisioner, guest: Guest) -> AbstractSet[str]:
        container = self.engine.containers.get(guest.id)
        container.update(mem_limit="128m", memswap_limit="256m", restart_policy={"Name": "always"})
        self.engine.networks.get(f"{self.guest_name}-net").disconnect(container)
        return {"memory", "restart", "networks"}

    @contextlib.contextmanager
    def stranger(self, provisioner: Provisioner, host: str) -> Iterator[None]:
        container = self.engine.containers.run(self.image, list(SLEEP), name=host, detach=True)
        yield
        container.remove(force=True)


def _lasting(attrs: Mapping[str, Any]) -> object:
    """Return what stays the same of a container that nobody touches."""
    networks = sorted(attrs["NetworkSettings"]["Networks"])
    return attrs["Id"], attrs["Config"], attrs["HostConfig"], attrs["State"]["StartedAt"], networks
