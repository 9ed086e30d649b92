# SPDX-License-Identifier: GPL-3.0-or-later
"""Virtual machines of Proxmox VE for Jetpack: the provisioner `proxmox_vm`."""

from __future__ import annotations

from collections.abc import Sequence

from jetpack_core.hookspecs import Reference, hookimpl


@hookimpl
def jetpack_register_provisioners() -> Sequence[Reference]:
    """Name the provisioner."""
    target = "jetpack_provisioner_proxmox_vm.provisioner:ProxmoxMachine"
    return (Reference("proxmox_vm", target, "Make a virtual machine of Proxmox VE"),)
