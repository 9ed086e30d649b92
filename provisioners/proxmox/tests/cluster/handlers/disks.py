# SPDX-License-Identifier: GPL-3.0-or-later
"""Calls that grow a guest's disks or take them off."""

from __future__ import annotations

import re

from provisioners.proxmox.tests.cluster.errors import ApiError
from provisioners.proxmox.tests.cluster.properties import read_properties
from provisioners.proxmox.tests.cluster.request import Handler, Request
from provisioners.proxmox.tests.cluster.sizes import format_size, parse_size
from provisioners.proxmox.tests.cluster.world import Guest

# The first version that grows a VM's disk in a task.
TASK_SINCE = (8, 0)


def resize(request: Request) -> str | None:
    """Grow a disk."""
    guest = request.guest()
    guest.check_lock()
    _check_digest(request, guest)
    disk = request.text("disk")
    if disk not in guest.config:
        raise ApiError(f"disk '{disk}' does not exist" if guest.kind == "qemu" else f"no such mount point '{disk}'")
    volume, size = _wanted_size(request, guest, disk)

    def grow() -> None:
        with request.world.lock:
            request.world.volume(volume, guest.node).size = size
            guest.config[disk] = re.sub(r"size=[^,]+", f"size={format_size(size)}", guest.config[disk])

    if guest.kind == "lxc" or request.cluster.settings.release >= TASK_SINCE:
        return request.begin("resize", guest.vmid, lambda _task: grow())
    grow()
    return None


def _check_digest(request: Request, guest: Guest) -> None:
    if request.text("digest", guest.digest()) != guest.digest():
        raise ApiError("detected modified configuration - file changed by other user? Try again.")


def _wanted_size(request: Request, guest: Guest, disk: str) -> tuple[str, int]:
    pairs = read_properties(guest.config[disk], "volume")
    volume, current, asked = pairs["volume"], parse_size(pairs["size"]), request.text("size")
    size = current + parse_size(asked[1:]) if asked.startswith("+") else parse_size(asked)
    request.need(f"/storage/{volume.partition(':')[0]}", "Datastore.AllocateSpace")
    if size < current:
        raise ApiError("unable to shrink disk size" if guest.kind == "lxc" else "shrinking disks is not supported")
    if size == current and guest.kind == "lxc":
        raise ApiError("disk is already at specified size")
    return volume, size


def unlink(request: Request) -> None:
    """Take disks off a VM, or away for good."""
    guest = request.guest()
    guest.check_lock()
    for name in re.split(r"[,;\s]+", request.text("idlist")):
        if name in guest.config:
            _unlink(request, guest, name)


def _unlink(request: Request, guest: Guest, name: str) -> None:
    volume = read_properties(guest.config.pop(name), "volume").get("volume", "")
    if request.flag("force") or name.startswith("unused"):
        request.world.free(request.world.volume(volume, guest.node))
        return
    guest.keep_unused(volume)


HANDLERS: dict[str, Handler] = {
    "PUT /nodes/{node}/lxc/{vmid}/resize": resize,
    "PUT /nodes/{node}/qemu/{vmid}/resize": resize,
    "PUT /nodes/{node}/qemu/{vmid}/unlink": unlink,
}
