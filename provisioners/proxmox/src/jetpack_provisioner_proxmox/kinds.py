# SPDX-License-Identifier: GPL-3.0-or-later
"""The two kinds of guests, and how their configurations are written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Kind:
    """What differs between containers and virtual machines."""

    api: str
    """Their place in the API."""
    noun: str
    command: str
    """The program of a node that manages them."""
    name_key: str
    default_keys: Mapping[str, str]
    """Property strings, and the key that a value without one belongs to, if any."""
    generated: Mapping[str, frozenset[str]]
    """What Proxmox adds to a property string by itself."""
    disks: tuple[str, ...]
    """Keys of disks, without their numbers."""
    cold: frozenset[str]
    """Keys that a running guest takes on only when it is restarted, without their numbers."""

    def family(self, key: str) -> str:
        """Return a key without its number, where it has one: `net` of `net0`."""
        stem = key.rstrip("0123456789")
        return stem if stem != key and stem not in _NUMBERED else key

    def is_disk(self, key: str) -> bool:
        """Tell whether a key of a configuration is a disk."""
        return self.family(key) in self.disks


_NUMBERED: Final = frozenset({"smbios"})
LXC: Final = Kind(
    api="lxc",
    noun="container",
    command="pct",
    name_key="hostname",
    default_keys={"net": "", "rootfs": "volume", "mp": "volume", "features": "", "dev": "path", "startup": "order"},
    generated={"net": frozenset({"hwaddr", "type"})},
    disks=("rootfs", "mp"),
    cold=frozenset({"features", "rootfs", "arch", "cmode", "console", "tty", "timezone", "entrypoint", "env"}),
)
QEMU: Final = Kind(
    api="qemu",
    noun="virtual machine",
    command="qm",
    name_key="name",
    default_keys={
        "net": "model",
        "scsi": "file",
        "virtio": "file",
        "sata": "file",
        "ide": "file",
        "efidisk": "file",
        "tpmstate": "file",
        "agent": "enabled",
        "memory": "current",
        "cpu": "cputype",
        "machine": "type",
        "vga": "type",
        "startup": "order",
        "ipconfig": "",
        "boot": "legacy",
        "hostpci": "host",
        "usb": "host",
        "rng": "source",
        "watchdog": "model",
        "virtiofs": "dirid",
    },
    generated={"net": frozenset({"macaddr"}), "efidisk": frozenset({"size"}), "tpmstate": frozenset({"size"})},
    disks=("scsi", "virtio", "sata", "ide"),
    cold=frozenset(
        {"cores", "sockets", "cpu", "memory", "numa", "bios", "machine", "scsihw", "vga", "serial", "agent", "rng"}
        | {"hostpci", "efidisk", "tpmstate", "watchdog", "args", "balloon", "ciuser", "cipassword", "sshkeys"}
        | {"ipconfig", "nameserver", "searchdomain", "ciupgrade", "cicustom", "citype", "ostype", "acpi", "kvm", "boot"}
    ),
)
