# SPDX-License-Identifier: GPL-3.0-or-later
"""The state of a cluster: its nodes, storages, volumes, pools and guests."""

from __future__ import annotations

import hashlib
import re
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field

from provisioners.proxmox.tests.cluster.errors import ApiError, refuse_parameters
from provisioners.proxmox.tests.cluster.properties import read_properties
from provisioners.proxmox.tests.cluster.settings import Settings

LOWEST_ID = 100
HIGHEST_ID = 1_000_000
WORDS = {"lxc": "CT", "qemu": "VM"}
DISK_KEYS = re.compile(r"(rootfs|mp\d+|ide\d|sata\d|scsi\d+|virtio\d+|efidisk0|tpmstate0)")
CONFIG_FOLDERS = {"lxc": "lxc", "qemu": "qemu-server"}


@dataclass(slots=True)
class Snapshot:
    """A guest's configuration at a moment."""

    config: dict[str, str]
    taken: int
    description: str = ""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended, and what it wrote."""

    exitcode: int
    out: str
    err: str


@dataclass(slots=True)
class Guest:
    """A container or a virtual machine, its configuration as it is stored."""

    vmid: int
    kind: str
    node: str
    config: dict[str, str]
    # What waits for the next start; None is an option to be taken away.
    pending: dict[str, str | None] = field(default_factory=dict)
    running: bool = False
    switched: float = field(default_factory=time.monotonic)
    was: str = "unknown"
    born: float = field(default_factory=time.monotonic)
    snapshots: dict[str, Snapshot] = field(default_factory=dict)
    ssh_keys: str = ""
    password: str = ""
    agent_works: bool = True
    ignores_shutdown: bool = False
    # What the agent was told to run, by process number.
    processes: dict[int, Future[Ended]] = field(default_factory=dict)

    @property
    def word(self) -> str:
        """What the API calls such a guest in its messages."""
        return WORDS[self.kind]

    @property
    def name(self) -> str:
        """The name a guest goes by."""
        return self.config.get("hostname" if self.kind == "lxc" else "name", f"{self.word}{self.vmid}")

    @property
    def is_template(self) -> bool:
        """Say whether the guest is a template."""
        return self.config.get("template") == "1"

    @property
    def uptime(self) -> float:
        """Return how long the guest has run, in seconds."""
        return time.monotonic() - self.switched if self.running else 0.0

    @property
    def status(self) -> str:
        """Return running or stopped."""
        return "running" if self.running else "stopped"

    def switch(self, *, running: bool) -> None:
        """Mark the guest as running or stopped from now on."""
        self.was, self.running, self.switched = self.status, running, time.monotonic()

    def broadcast_status(self, delay: float) -> str:
        """Return the status as the cluster's members tell each other, which is late."""
        return self.was if time.monotonic() - self.switched < delay else self.status

    def is_news(self, delay: float) -> bool:
        """Tell whether the cluster's members told each other nothing yet of a guest but that it is there."""
        return time.monotonic() - self.born < delay

    def digest(self) -> str:
        """Return the checksum that guards against two editors."""
        lines = "\n".join(f"{key}: {value}" for key, value in sorted(self.config.items()))
        return hashlib.sha1(lines.encode(), usedforsecurity=False).hexdigest()

    def check_lock(self) -> None:
        """Raise when the guest is locked by work that is under way."""
        if "lock" in self.config:
            raise ApiError(f"{self.word} is locked ({self.config['lock']})")

    def apply_pending(self) -> None:
        """Let what waited for a start take effect."""
        for name, value in self.pending.items():
            self.put_option(name, value)
        self.pending.clear()

    def put_option(self, name: str, value: str | None) -> None:
        """Set an option, or take it away for None; a disk that it no longer names is kept as an unused one."""
        old = self.config.pop(name, "")
        if value is not None:
            self.config[name] = value
        volume = read_properties(old, "volume").get("volume", "")
        is_disk = DISK_KEYS.fullmatch(name) and ":" in volume and "media=cdrom" not in old
        if is_disk and volume != read_properties(value or "", "volume").get("volume"):
            self.keep_unused(volume)

    def keep_unused(self, volume: str) -> None:
        """List a disk among those that belong to the guest without being used."""
        number = next(one for one in range(256) if f"unused{one}" not in self.config)
        self.config[f"unused{number}"] = volume

    @property
    def memory(self) -> int:
        """The memory the guest is given, in MiB."""
        return int(read_properties(self.config.get("memory", "512"), "current")["current"])


@dataclass(slots=True)
class Volume:
    """A file or a disk in a storage; `node` is empty where every node sees it."""

    volid: str
    size: int
    content: str
    node: str = ""
    format: str = "raw"
    vmid: int | None = None
    # The volume a linked clone's disk stands on.
    base: str = ""
    made: int = field(default_factory=lambda: int(time.time()))

    @property
    def storage(self) -> str:
        """The storage the volume is in."""
        return self.volid.partition(":")[0]


@dataclass(slots=True)
class Storage:
    """A storage as the cluster's configuration lists it."""

    name: str
    type: str
    content: tuple[str, ...]
    shared: bool = False
    nodes: tuple[str, ...] = ()
    total: int = 100 << 30
    enabled: bool = True

    @property
    def has_files(self) -> bool:
        """Say whether disks are files with a format, as on directories."""
        return self.type in {"dir", "nfs", "cifs", "btrfs"}


@dataclass(slots=True)
class Node:
    """A member of the cluster."""

    name: str
    online: bool = True
    cores: int = 8
    memory: int = 32 << 30
    used: int = 4 << 30


@dataclass(slots=True)
class Pool:
    """A named set of guests and storages."""

    comment: str = ""
    guests: set[int] = field(default_factory=set)
    storages: set[str] = field(default_factory=set)


class World:
    """Everything a cluster knows; hold `lock` while changing it."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.lock = threading.RLock()
        self.reset()

    def reset(self) -> None:
        """Make everything anew from the settings."""
        settings = self.settings
        self.nodes = {name: Node(name, **values) for name, values in settings.nodes.items()}
        self.storages = {
            name: Storage(
                name, **{**values, "content": tuple(values["content"]), "nodes": tuple(values.get("nodes", ()))}
            )
            for name, values in settings.storages.items()
        }
        self.pools = {name: Pool() for name in settings.pools}
        self.guests: dict[int, Guest] = {}
        self.volumes: dict[tuple[str, str], Volume] = {}
        for node, volumes in settings.volumes.items():
            for volume in volumes:
                self.put_volume(node, **volume)

    def put_volume(self, node: str, volid: str, size: int, format: str = "") -> None:  # noqa: A002
        """Put a file into a storage of one node, or of every node for `*`."""
        storage = self.storages[volid.partition(":")[0]]
        content = volid.partition(":")[2].partition("/")[0]
        kind = format or volid.rpartition(".")[2]
        for name in ("",) if storage.shared else (self.nodes if node == "*" else (node,)):
            self.volumes[name, volid] = Volume(volid, size, content, name, kind)

    def node(self, name: str) -> Node:
        """Return a node, refusing in the words of the proxy when it cannot be reached."""
        if name not in self.nodes:
            raise ApiError(f"no such cluster node '{name}'")
        if not self.nodes[name].online:
            raise ApiError("No route to host", 595)
        return self.nodes[name]

    def guest(self, kind: str, node: str, vmid: int) -> Guest:
        """Return a guest of a node, refusing as the real one does when its configuration is not there."""
        guest = self.guests.get(vmid)
        if guest is None or guest.kind != kind or guest.node != node:
            path = f"nodes/{node}/{CONFIG_FOLDERS[kind]}/{vmid}.conf"
            raise ApiError(f"Configuration file '{path}' does not exist")
        return guest

    def next_id(self) -> int:
        """Return the lowest free number; nothing is reserved by asking."""
        return next(number for number in range(LOWEST_ID, HIGHEST_ID) if number not in self.guests)

    def check_unused(self, vmid: int) -> None:
        """Raise when a number is taken."""
        if (taken := self.guests.get(vmid)) is not None:
            raise ApiError(f"{taken.word} {vmid} already exists on node '{taken.node}'")

    def storage(self, name: str, node: str) -> Storage:
        """Return a storage that a node can use."""
        storage = self.storages.get(name)
        if storage is None:
            raise ApiError(f"storage '{name}' does not exist")
        if storage.nodes and node not in storage.nodes:
            raise ApiError(f"storage '{name}' is not available on node '{node}'")
        if not storage.enabled:
            raise ApiError(f"storage '{name}' is disabled")
        return storage

    def disk_storage(self, name: str, node: str, kind: str) -> Storage:
        """Return a storage that takes a guest's disks."""
        storage = self.storage(name, node)
        if kind == "lxc" and "rootdir" not in storage.content:
            raise refuse_parameters({"storage": f"storage '{name}' does not support container directories"})
        if kind == "qemu" and "images" not in storage.content:
            raise ApiError(f"storage '{name}' does not support vm images")
        return storage

    def volume(self, volid: str, node: str) -> Volume:
        """Return a volume that a node sees."""
        found = self.volumes.get((node, volid)) or self.volumes.get(("", volid))
        if found is None:
            self.storage(volid.partition(":")[0], node)
            raise ApiError(f"volume '{volid}' does not exist")
        return found

    def allocate(self, storage: Storage, node: str, vmid: int, size: int, *, name: str = "", form: str = "") -> Volume:
        """Make a disk for a guest."""
        disk_format = (form or "raw") if storage.has_files else "raw"
        plain = name or self._free_disk_name(storage.name, vmid)
        volid = f"{storage.name}:{vmid}/{plain}.{disk_format}" if storage.has_files else f"{storage.name}:{plain}"
        owner = "" if storage.shared else node
        content = "rootdir" if self.guests[vmid].kind == "lxc" else "images"
        volume = Volume(volid, size, content, owner, disk_format, vmid)
        self.volumes[owner, volid] = volume
        return volume

    def _free_disk_name(self, storage: str, vmid: int) -> str:
        used = " ".join(one.volid for one in self.volumes.values() if one.storage == storage)
        number = 0
        while re.search(rf"\b(vm|base)-{vmid}-disk-{number}\b", used):
            number += 1
        return f"vm-{vmid}-disk-{number}"

    def volumes_of(self, vmid: int) -> Iterator[Volume]:
        """Yield the disks that belong to a guest."""
        yield from [one for one in self.volumes.values() if one.vmid == vmid]

    def free(self, volume: Volume) -> None:
        """Take a volume away for good."""
        self.volumes.pop((volume.node, volume.volid), None)

    def pool_of(self, vmid: int) -> str | None:
        """Return the pool a guest is in."""
        return next((name for name, pool in self.pools.items() if vmid in pool.guests), None)

    def forget(self, vmid: int) -> None:
        """Take a guest and its disks out of the cluster."""
        for volume in list(self.volumes_of(vmid)):
            self.free(volume)
        for pool in self.pools.values():
            pool.guests.discard(vmid)
        self.guests.pop(vmid, None)
