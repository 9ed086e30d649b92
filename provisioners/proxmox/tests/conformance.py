# SPDX-License-Identifier: GPL-3.0-or-later
"""The suite that every provisioner goes through, on a test cluster: all but the guests themselves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import ClassVar, Generic, TypeVar

import pytest

from jetpack_core.contracts.provisioner import Provisioner
from jetpack_core.testing.faults import Faults
from jetpack_core.testing.provisioners import ProvisionerConformance
from provisioners.proxmox.tests.cluster import Cluster
from provisioners.proxmox.tests.support import FAST, ClusterFaults, attached, remains, stranger

Wanted = TypeVar("Wanted", bound=Provisioner)


class ClusterConformance(ProvisionerConformance, Generic[Wanted]):
    """One cluster for all tests of a kind of guest."""

    kind: ClassVar[str]
    """`lxc` or `qemu`."""
    cluster: Cluster
    folder: Path

    @pytest.fixture(scope="class")
    @staticmethod
    def shared_cluster() -> Iterator[Cluster]:
        """The cluster."""
        with Cluster(**FAST) as cluster:
            yield cluster

    @pytest.fixture(autouse=True)
    def _at_home(self, shared_cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
        self.cluster = shared_cluster
        self.folder = tmp_path

    def wanted(self, **more: object) -> Wanted:
        """Return the parameters of the guest, and more or others; a subclass overrides it."""
        raise NotImplementedError

    def attached(self, parameters: Wanted) -> Wanted:
        """Return parameters that lead to the cluster."""
        return attached(parameters, self.cluster, self.folder)

    @pytest.fixture
    def provisioner(self) -> Wanted:
        return self.wanted()

    @pytest.fixture
    def faults(self) -> Faults:
        return ClusterFaults(self.cluster)

    def everything(self, provisioner: Provisioner) -> Mapping[str, object]:
        return remains(self.cluster)

    def stranger(self, provisioner: Provisioner, host: str) -> AbstractContextManager[None]:
        return stranger(self.cluster, self.kind, host)
