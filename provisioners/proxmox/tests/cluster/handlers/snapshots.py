# SPDX-License-Identifier: GPL-3.0-or-later
"""Calls about snapshots: a guest's configuration at a moment; what is on its disks is not kept."""

from __future__ import annotations

import time
from typing import Any

from provisioners.proxmox.tests.cluster.errors import ApiError
from provisioners.proxmox.tests.cluster.handlers.power import boot
from provisioners.proxmox.tests.cluster.request import Handler, Request
from provisioners.proxmox.tests.cluster.tasks import Task
from provisioners.proxmox.tests.cluster.world import Guest, Snapshot

_TASK = {"lxc": "vz", "qemu": "qm"}


def list_snapshots(request: Request) -> list[dict[str, Any]]:
    """Return a guest's snapshots and where it is now."""
    guest = request.guest()
    listed = [
        {"name": name, "description": one.description, "snaptime": one.taken} for name, one in guest.snapshots.items()
    ]
    return [*listed, {"name": "current", "description": "You are here!", "digest": guest.digest()}]


def take(request: Request) -> str:
    """Keep a guest's configuration under a name."""
    guest, name = request.guest(), request.text("snapname")
    guest.check_lock()
    if name in guest.snapshots or name == "current":
        raise ApiError(f"snapshot name '{name}' already used")

    def work(_task: Task) -> None:
        with request.world.lock:
            guest.snapshots[name] = Snapshot(dict(guest.config), int(time.time()), request.text("description"))

    return request.begin(f"{_TASK[guest.kind]}snapshot", guest.vmid, work)


def _known(request: Request) -> tuple[Guest, str]:
    guest, name = request.guest(), request.text("snapname")
    guest.check_lock()
    if name not in guest.snapshots:
        raise ApiError(f"snapshot '{name}' does not exist")
    return guest, name


def delete(request: Request) -> str:
    """Forget a snapshot."""
    guest, name = _known(request)

    def work(_task: Task) -> None:
        with request.world.lock:
            guest.snapshots.pop(name, None)

    return request.begin(f"{_TASK[guest.kind]}delsnapshot", guest.vmid, work)


def roll_back(request: Request) -> str:
    """Give a guest the configuration of a snapshot again; it is stopped unless it is to be started."""
    guest, name = _known(request)

    def work(_task: Task) -> None:
        if guest.running:
            request.cluster.machines.stop(guest)
            guest.switch(running=False)
        with request.world.lock:
            guest.config = dict(guest.snapshots[name].config)
        if request.flag("start"):
            boot(request, guest)

    return request.begin(f"{_TASK[guest.kind]}rollback", guest.vmid, work)


HANDLERS: dict[str, Handler] = {
    f"{method} /nodes/{{node}}/{kind}/{{vmid}}/snapshot{rest}": handler
    for kind in ("lxc", "qemu")
    for method, rest, handler in (
        ("GET", "", list_snapshots),
        ("POST", "", take),
        ("DELETE", "/{snapname}", delete),
        ("POST", "/{snapname}/rollback", roll_back),
    )
}
