# SPDX-License-Identifier: GPL-3.0-or-later
"""What tests of both provisioners share: surroundings that lead to a test cluster, and faults of its calls."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from jetpack_core.contracts.provisioner import Guest, GuestAction, Provisioner, Surroundings
from jetpack_core.provisioning.locks import named_lock
from jetpack_core.testing.faults import FaultKind, Faults
from provisioners.proxmox.tests.cluster import Cluster

Kind = TypeVar("Kind", bound=Provisioner)
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEs3fM9J7Cq9Y0l4sWb4k6pEw1dKkq0r2m8m2m1Jc5Qd tests"
FAST = {"task_seconds": 0.0, "boot_seconds": 0.0, "shutdown_seconds": 0.0}


def variables(cluster: Cluster, **more: object) -> dict[str, object]:
    """Return the variables of the inventory host that stands for a cluster."""
    said = {"jet_proxmox_url": cluster.url, "jet_proxmox_token": cluster.token, "jet_proxmox_ca": cluster.ca_file}
    return {**said, "jet_proxmox_patience": 0.02, **more}


def attached(wanted: Kind, cluster: Cluster, folder: Path, **more: object) -> Kind:
    """Return parameters that lead to a cluster, with locks."""
    known = variables(cluster, **more)
    wanted.attach(Surroundings(cluster=known, lock=lambda name: named_lock(folder / "locks", name, lambda: None)))
    return wanted


class ClusterFaults(Faults):
    """Lets the n-th call to a cluster fail."""

    def __init__(self, cluster: Cluster) -> None:
        super().__init__()
        self._cluster = cluster
        self._armed = 0
        self._before = 0

    def arm(self, number: int, kind: FaultKind) -> None:
        """Let the call of this number fail."""
        self._cluster.clear_faults()
        self._armed, self._before = number, len(self._cluster.calls)
        drop = {FaultKind.REFUSED: "", FaultKind.UNANSWERED: "after", FaultKind.OUTAGE: "before"}[kind]
        times = -1 if kind is FaultKind.OUTAGE else 1
        self._cluster.fail_next("*", "/**", drop=drop, skip=number - 1, times=times)

    def disarm(self) -> None:
        """Let all calls succeed again."""
        self._calls_made = len(self._cluster.calls) - self._before
        self._cluster.clear_faults()

    @property
    def struck(self) -> bool:
        """Tell whether a call failed."""
        return self._calls_made >= self._armed


def remains(cluster: Cluster) -> Mapping[str, object]:
    """Return all guests by number, and volumes whose guest is no more."""
    guests: dict[str, object] = {
        str(vmid): (guest["config"], guest["running"], guest["pool"]) for vmid, guest in cluster.guests.items()
    }
    orphans = [one for one in cluster.volumes if one["vmid"] and str(one["vmid"]) not in guests]
    return guests | {str(one["volid"]): one["size"] for one in orphans}


@contextmanager
def stranger(cluster: Cluster, kind: str, name: str) -> Iterator[None]:
    """Put a guest of somebody else into a cluster."""
    config: dict[str, Any] = {"hostname" if kind == "lxc" else "name": name, "memory": "128"}
    cluster.add_guest(150, kind=kind, **config)
    try:
        yield
    finally:
        cluster.remove_guest(150)


def found(wanted: Provisioner, host: str = "web1") -> Guest:
    """Return a host's guest, which must be there."""
    guest = wanted.find(host)
    assert guest is not None
    return guest


def settled(wanted: Provisioner, host: str = "web1") -> bool:
    """Tell whether a host's guest is as it is to be."""
    return wanted.plan(host, wanted.find(host)).action is GuestAction.NONE


def update(wanted: Provisioner, host: str = "web1") -> set[str]:
    """Change a guest, and return the fields of the plan."""
    guest = found(wanted, host)
    plan = wanted.plan(host, guest)
    assert plan.action is GuestAction.UPDATE, plan
    wanted.update(guest, plan)
    assert settled(wanted, host)
    return {change.field for change in plan.changes}
