# SPDX-License-Identifier: GPL-3.0-or-later
"""What cloud-init is told besides user, keys and addresses."""

from __future__ import annotations

from jetpack_provisioner_proxmox.comparison import Setting
from jetpack_provisioner_proxmox.properties import written
from pydantic import BaseModel, ConfigDict


class CloudInit(BaseModel):
    """How cloud-init is told, and what."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    drive: str = "ide2"
    """The drive that carries it."""
    storage: str | None = None
    """Where that drive is; where the disks are if not said."""
    upgrade: bool = False
    """Upgrade all packages at the first start."""
    user: str | None = None
    """A snippet on a storage, such as `local:snippets/user.yaml`, in place of user, password and keys."""
    vendor: str | None = None
    """A snippet that is read besides."""
    network: str | None = None
    """A snippet in place of the addresses."""
    meta: str | None = None
    """A snippet in place of the metadata."""

    def settings(self) -> list[Setting]:
        """Return what the machine's configuration says of it."""
        snippets = {key: getattr(self, key) for key in ("user", "vendor", "network", "meta")}
        said = written({key: str(value) for key, value in snippets.items() if value is not None})
        found = [Setting("ciupgrade", "cloud_init", str(int(self.upgrade)), absent="1")]
        return [*found, Setting("cicustom", "cloud_init", said)] if said else found
