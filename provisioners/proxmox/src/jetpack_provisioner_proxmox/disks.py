# SPDX-License-Identifier: GPL-3.0-or-later
"""Disks and mount points: made with a size, grown in place, never shrunk, never taken away."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field as made_by
from typing import TYPE_CHECKING

from jetpack_core.errors import JetpackError
from jetpack_core.records import Change
from jetpack_provisioner_proxmox.comparison import configured, normal, properties_of, property_text
from jetpack_provisioner_proxmox.properties import written
from jetpack_provisioner_proxmox.values import gib, parse_bytes, size_text

if TYPE_CHECKING:
    from jetpack_provisioner_proxmox.comparison import Config
    from jetpack_provisioner_proxmox.kinds import Kind


@dataclass(frozen=True, slots=True)
class Disk:
    """One disk as it is to be."""

    key: str
    """As the API names it: `rootfs`, `mp0`, `scsi1`."""
    field: str
    """The parameter that says it."""
    size: int | None = None
    """Bytes; None for what has no size of its own, such as a folder of the node."""
    storage: str = ""
    volume: str = ""
    """What it is, where it is not made: a volume, or a folder of the node."""
    options: Mapping[str, str] = made_by(default_factory=dict)
    whole: bool = False
    """Options that the guest has besides are to go."""
    storage_said: bool = False
    """Whether the map itself names the storage."""
    inherited: bool = False
    """It comes with what the guest is cloned from, and is not made."""
    size_field: str = ""
    """The parameter that says the size, if it is another one."""

    def creation(self) -> str:
        """Return how it is made."""
        volume = self.volume or f"{self.storage}:{gib(self.size or 0)}"
        return ",".join(part for part in (volume, written(self.options)) if part)


@dataclass(frozen=True, slots=True)
class DiskChanges:
    """What has to be done to a guest's disks."""

    changes: tuple[Change, ...] = ()
    impossible: tuple[Change, ...] = ()
    """What only a new guest could have."""
    reason: str = ""
    """Why it is impossible."""
    written: Mapping[str, object] = made_by(default_factory=dict)
    """What to write into the configuration: disks to make, and options to change."""
    grown: Mapping[str, str] = made_by(default_factory=dict)
    """New sizes by disk."""


def compare_disks(kind: Kind, disks: tuple[Disk, ...], config: Config) -> DiskChanges:
    """Return what has to be done to the disks of a guest."""
    changes: list[Change] = []
    impossible: list[Change] = []
    reasons: list[str] = []
    to_write: dict[str, object] = {}
    to_grow: dict[str, str] = {}
    for disk in disks:
        text = configured(config, disk.key)
        if text is None and disk.inherited:
            message = f"what it is cloned from has no disk {disk.key}"
            raise JetpackError(message, hint="`boot_disk` names the one it has")
        if text is None:
            changes.append(Change(disk.field, None, disk.creation()))
            to_write[disk.key] = disk.creation()
            continue
        live = properties_of(kind, disk.key, text)
        volume = live.get(kind.default_keys[kind.family(disk.key)], "")
        moved = _moved(disk, volume)
        if moved is not None:
            impossible.append(moved)
            reasons.append(f"{disk.key} is {volume}, and Jetpack moves no data")
            continue
        size = _resized(disk, live)
        if size is not None:
            shrinks = parse_bytes(str(size.before), 1) > (disk.size or 0)
            (impossible if shrinks else changes).append(size)
            if shrinks:
                reasons.append(f"{disk.key} has {size.before}, and a disk cannot be made smaller")
            else:
                to_grow[disk.key] = size_text(disk.size or 0)
        options = _options(kind, disk, live)
        if options is not None:
            before = property_text(kind, disk.key, _only(kind, disk, live))
            after = property_text(kind, disk.key, _only(kind, disk, options))
            changes.append(Change(disk.field, before or None, after or None))
            to_write[disk.key] = property_text(kind, disk.key, options)
    return DiskChanges(tuple(changes), tuple(impossible), "; ".join(reasons), to_write, to_grow)


def _moved(disk: Disk, volume: str) -> Change | None:
    """Return the change of where a disk is."""
    if disk.volume:
        return Change(disk.field, volume, disk.volume) if volume != disk.volume else None
    storage = volume.partition(":")[0] if ":" in volume else volume
    return Change("storage", storage, disk.storage) if disk.storage_said and storage != disk.storage else None


def _resized(disk: Disk, live: Mapping[str, str]) -> Change | None:
    if disk.size is None or "size" not in live:
        return None
    now = parse_bytes(live["size"], 1)
    return Change(disk.size_field or disk.field, size_text(now), size_text(disk.size)) if now != disk.size else None


def _options(kind: Kind, disk: Disk, live: Mapping[str, str]) -> dict[str, str] | None:
    """Return all properties of a disk with its options as they are to be; None where they are."""
    # What is to go is named by nobody, so only what the map says is compared unless it says all of it.
    now = {name: value for name, value in live.items() if name in disk.options or disk.whole}
    fixed = _own(kind, disk.key)
    now = {name: value for name, value in now.items() if name not in fixed}
    if normal(kind, disk.key, written(now)) == normal(kind, disk.key, written(disk.options)):
        return None
    rest = {name: value for name, value in live.items() if name not in now}
    return {**rest, **disk.options}


def _own(kind: Kind, key: str) -> frozenset[str]:
    return frozenset({kind.default_keys[kind.family(key)], "size", "format", "media", "import-from"})


def _only(kind: Kind, disk: Disk, properties: Mapping[str, str]) -> dict[str, str]:
    fixed = _own(kind, disk.key)
    return {
        name: value for name, value in properties.items() if name not in fixed and (disk.whole or name in disk.options)
    }
