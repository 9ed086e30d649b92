# SPDX-License-Identifier: GPL-3.0-or-later
"""Disks besides the first one."""

from __future__ import annotations

from jetpack_provisioner_proxmox.disks import Disk
from jetpack_provisioner_proxmox.properties import text_of
from jetpack_provisioner_proxmox.values import DiskSize
from pydantic import BaseModel, ConfigDict


class Drive(BaseModel):
    """A disk besides the first one; what is not said of it is left alone."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    size: DiskSize
    """Such as `100G`; grown in place."""
    storage: str | None = None
    """Where it is; where the first disk is if not said."""
    discard: bool | None = None
    """Give space that is free in it back to the storage."""
    ssd: bool | None = None
    """Let it look like a solid state disk."""
    iothread: bool | None = None
    """Give it a thread of its own."""
    cache: str | None = None
    """`none`, `writeback` and so on."""
    backup: bool | None = None
    """Whether backups hold it."""
    serial: str | None = None
    """The number by which it is known inside."""

    def disk(self, key: str, storage: str) -> Disk:
        """Return the disk as it is compared and made.

        :param storage: Where it is unless it says another one.
        """
        said = {name: getattr(self, name) for name in ("ssd", "iothread", "cache", "backup", "serial")}
        options = {name: text_of(value) for name, value in said.items() if value is not None}
        if self.discard is not None:
            options["discard"] = "on" if self.discard else "ignore"
        return Disk(
            key, "disks", self.size, self.storage or storage, options=options, storage_said=self.storage is not None
        )
