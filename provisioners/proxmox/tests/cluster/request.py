# SPDX-License-Identifier: GPL-3.0-or-later
"""One call as its handler sees it, after its form was checked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from provisioners.proxmox.tests.cluster.access import Access, Identity
from provisioners.proxmox.tests.cluster.calls import Call
from provisioners.proxmox.tests.cluster.errors import refuse_permission
from provisioners.proxmox.tests.cluster.machines import Machines
from provisioners.proxmox.tests.cluster.settings import Settings
from provisioners.proxmox.tests.cluster.tasks import Tasks, Work
from provisioners.proxmox.tests.cluster.world import Guest, World

# Stands between the parts of an array; no text of a form holds it.
ARRAY_MARK = "\0"


@dataclass(frozen=True, slots=True)
class Cluster:
    """The parts of a cluster that handlers work on."""

    settings: Settings
    world: World
    access: Access
    tasks: Tasks
    machines: Machines
    calls: Mapping[str, Call]


@dataclass(frozen=True, slots=True)
class Request:
    """A call with its checked parameters and who makes it."""

    cluster: Cluster
    call: Call
    who: Identity
    arguments: dict[str, str]

    @property
    def world(self) -> World:
        """The state of the cluster."""
        return self.cluster.world

    @property
    def node(self) -> str:
        """The node in the path."""
        return self.arguments["node"]

    @property
    def kind(self) -> str:
        """The kind of guest the path is about: lxc or qemu."""
        return self.call.path.split("/")[3]

    @property
    def vmid(self) -> int:
        """The number of the guest that is meant or to be made."""
        return int(self.arguments["vmid"])

    def guest(self) -> Guest:
        """Return the guest in the path."""
        return self.world.guest(self.kind, self.node, self.vmid)

    def text(self, name: str, default: str = "") -> str:
        """Return a parameter as text."""
        return self.arguments.get(name, default)

    def parts(self, name: str) -> list[str]:
        """Return the parts of an array."""
        return self.arguments[name].split(ARRAY_MARK)

    def flag(self, name: str, default: bool = False) -> bool:
        """Return a boolean parameter."""
        return self.arguments.get(name, "1" if default else "0") == "1"

    def may(self, path: str, *privileges: str) -> bool:
        """Say whether the caller has one of some privileges on a path."""
        return bool(self.granted(path) & set(privileges))

    def need(self, path: str, *privileges: str) -> None:
        """Raise when the caller has none of some privileges on a path."""
        if not self.may(path, *privileges):
            raise refuse_permission(path, *privileges)

    def granted(self, path: str) -> frozenset[str]:
        """Return the caller's privileges on a path; a guest in a pool inherits those of the pool."""
        granted = self.cluster.access.privileges(self.who, path)
        parent, _, last = path.rpartition("/")
        pool = self.world.pool_of(int(last)) if parent == "/vms" and last.isdigit() else None
        return granted | self.cluster.access.privileges(self.who, f"/pool/{pool}") if pool else granted

    def begin(self, kind: str, about: object, work: Work, undo: Callable[[], None] = lambda: None) -> str:
        """Start a task on the node in the path and return its UPID."""
        return self.cluster.tasks.begin(self.node, kind, str(about), self.who, work, undo)


Handler = Callable[[Request], Any]
