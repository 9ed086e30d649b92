# SPDX-License-Identifier: GPL-3.0-or-later
"""Which privilege each option of a guest needs, and what only root itself may set."""

from __future__ import annotations

import re

from provisioners.proxmox.tests.cluster.errors import ApiError, refuse_parameters
from provisioners.proxmox.tests.cluster.properties import read_properties
from provisioners.proxmox.tests.cluster.request import Request

_BY_PRIVILEGE = {
    "VM.Config.CPU": "cores cpulimit cpuunits sockets cpu vcpus numa affinity smp",
    "VM.Config.Memory": "memory swap balloon shares",
    "VM.Config.HWType": "acpi hotplug kvm machine scsihw smbios1 tablet vga watchdog audio0 serial\\d+ rng0 vmgenid",
    "VM.Config.Disk": "rootfs mp\\d+ unused\\d+ sata\\d scsi\\d+ virtio\\d+ ide\\d efidisk0 tpmstate0 boot bootdisk",
}
_NETWORK = {"lxc": r"net\d+|nameserver|searchdomain|hostname", "qemu": r"net\d+"}
_CLOUD_INIT = re.compile(r"ci\w+|sshkeys|ipconfig\d+|nameserver|searchdomain")


def needed_privileges(kind: str, name: str, value: str) -> tuple[str, ...]:
    """Return the privileges of which one lets an option be set."""
    if kind == "qemu" and _CLOUD_INIT.fullmatch(name):
        return ("VM.Config.Cloudinit", "VM.Config.Network")
    if kind == "qemu" and "media=cdrom" in value:
        return ("VM.Config.CDROM",)
    if kind == "qemu" and value.endswith(":cloudinit"):
        return ("VM.Config.CDROM", "VM.Config.Cloudinit")
    if re.fullmatch(_NETWORK[kind], name):
        return ("VM.Config.Network",)
    for privilege, names in _BY_PRIVILEGE.items():
        if any(re.fullmatch(one, name) for one in names.split()):
            return (privilege,)
    return ("VM.Config.Options",)


def check_options(request: Request, options: dict[str, str], *, unprivileged: bool, creating: bool) -> None:
    """Raise when the caller may not set one of some options."""
    if "skiplock" in request.arguments and not request.who.is_root:
        raise refuse_parameters({"skiplock": "Only root may use this option."})
    for name, value in options.items():
        _check_root_only(request, name, value, unprivileged=unprivileged)
        if not creating:
            request.need(f"/vms/{request.vmid}", *needed_privileges(request.kind, name, value))


def _check_root_only(request: Request, name: str, value: str, *, unprivileged: bool) -> None:
    if request.who.is_root:
        return
    if name == "features":
        _check_features(value, unprivileged=unprivileged)
    elif re.fullmatch(r"dev\d+", name):
        raise _root_only("configuring device passthrough is only allowed for root@pam")
    elif name in {"hookscript", "args"}:
        raise _root_only(f"only root can set '{name}' config")
    elif re.fullmatch(r"serial\d+", name) and value != "socket":
        raise _root_only("only root can set serial options other than 'socket'")


def _check_features(value: str, *, unprivileged: bool) -> None:
    if not unprivileged:
        raise _root_only("changing feature flags for privileged container is only allowed for root@pam")
    # An empty value is a change like any other.
    if set(read_properties(value)) != {"nesting"}:
        raise _root_only("changing feature flags (except nesting) is only allowed for root@pam")


def _root_only(what: str) -> ApiError:
    return ApiError(f"Permission check failed ({what})", 403)
