# SPDX-License-Identifier: GPL-3.0-or-later
"""Containers of Proxmox VE for Jetpack: the provisioner `proxmox_lxc`."""

from __future__ import annotations

from collections.abc import Sequence

from jetpack_core.hookspecs import Reference, hookimpl


@hookimpl
def jetpack_register_provisioners() -> Sequence[Reference]:
    """Name the provisioner."""
    target = "jetpack_provisioner_proxmox_lxc.provisioner:ProxmoxContainer"
    return (Reference("proxmox_lxc", target, "Make a container of Proxmox VE"),)
