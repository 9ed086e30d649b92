# SPDX-License-Identifier: GPL-3.0-or-later
"""Virtual machines of libvirt for Jetpack: the provisioner `libvirt`."""

from __future__ import annotations

from collections.abc import Sequence

from jetpack_core.hookspecs import Reference, hookimpl


@hookimpl
def jetpack_register_provisioners() -> Sequence[Reference]:
    """Name the provisioner."""
    where = "jetpack_provisioner_libvirt.provisioner:VirtualMachine"
    return (Reference("libvirt", where, "Make a virtual machine of libvirt"),)
