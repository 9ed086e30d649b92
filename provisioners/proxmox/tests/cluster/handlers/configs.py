# SPDX-License-Identifier: GPL-3.0-or-later
"""Calls that list guests, show their configuration and change it."""

from __future__ import annotations

import re
from typing import Any

from provisioners.proxmox.tests.cluster.errors import ApiError
from provisioners.proxmox.tests.cluster.handlers.privileges import check_options, needed_privileges
from provisioners.proxmox.tests.cluster.options import (
    given_options,
    show_options,
    store_option,
)
from provisioners.proxmox.tests.cluster.request import Handler, Request
from provisioners.proxmox.tests.cluster.tasks import Task
from provisioners.proxmox.tests.cluster.world import Guest

# What changes while a guest runs; the rest waits for its next start.
LIVE = {
    "lxc": re.compile(
        r"cores|cpulimit|cpuunits|memory|swap|net\d+|mp\d+|dev\d+|hostname|nameserver|searchdomain|tags|description"
        r"|onboot|startup|protection|hookscript|lock|template|unused\d+"
    ),
    "qemu": re.compile(
        r"net\d+|(sata|scsi|virtio|ide)\d+|tags|description|name|onboot|startup|protection|hookscript|lock|shares"
        r"|ciupgrade|template|unused\d+"
    ),
}
READ_ONLY = {"lxc": ("unprivileged",), "qemu": ()}


def list_guests(request: Request) -> list[dict[str, Any]]:
    """Return the guests of a node that the caller may see."""
    guests = [one for one in request.world.guests.values() if (one.kind, one.node) == (request.kind, request.node)]
    return [_listed(one) for one in guests if request.may(f"/vms/{one.vmid}", "VM.Audit")]


def _listed(guest: Guest) -> dict[str, Any]:
    shown: dict[str, Any] = {"vmid": guest.vmid, "name": guest.name, "status": guest.status}
    shown |= {"uptime": int(guest.uptime), "cpus": int(guest.config.get("cores", "1"))}
    shown |= {name: guest.config[name] for name in ("tags", "lock") if name in guest.config}
    return shown | ({"template": 1} if guest.is_template else {})


def show_config(request: Request) -> dict[str, Any]:
    """Return a guest's configuration, with what waits for its next start unless the current one is asked for."""
    guest = request.guest()
    if snapshot := request.text("snapshot"):
        if snapshot not in guest.snapshots:
            raise ApiError(f"snapshot '{snapshot}' does not exist")
        return show_options(request, guest, guest.snapshots[snapshot].config)
    options: dict[str, str | None] = dict(guest.config)
    if not request.flag("current"):
        options |= guest.pending
    kept = {name: value for name, value in options.items() if value is not None}
    return {**show_options(request, guest, kept), "digest": guest.digest()}


def show_pending(request: Request) -> list[dict[str, Any]]:
    """Return a guest's options as texts, with what waits for its next start."""
    guest = request.guest()
    shown = show_options(request, guest, guest.config)
    entries: dict[str, dict[str, Any]] = {name: {"key": name, "value": str(value)} for name, value in shown.items()}
    for name, value in guest.pending.items():
        entry = entries.setdefault(name, {"key": name})
        entry |= {"delete": 1} if value is None else {"pending": "*" * 10 if name == "cipassword" else value}
    return list(entries.values())


def update_config(request: Request) -> None:
    """Change a guest's configuration; what cannot change while it runs waits."""
    guest = request.guest()
    options, removed = given_options(request), _split(request.text("delete"))
    _check_update(request, guest, options, removed)
    _apply_update(request, guest, options, removed)


def _apply_update(request: Request, guest: Guest, options: dict[str, str], removed: list[str]) -> None:
    stored = {name: store_option(request, guest, name, value) for name, value in options.items()}
    for name in _split(request.text("revert")):
        guest.pending.pop(name, None)
    for name in removed:
        _remove_option(guest, name)
    for name, value in stored.items():
        _set_option(guest, name, value)


def _split(names: str) -> list[str]:
    return [one for one in re.split(r"[,;\s]+", names) if one]


def _check_update(request: Request, guest: Guest, options: dict[str, str], removed: list[str]) -> None:
    if not options and not removed and not request.text("revert"):
        raise ApiError("no options specified")
    unprivileged = guest.config.get("unprivileged") == "1"
    check_options(request, options, unprivileged=unprivileged, creating=False)
    for name in removed:
        request.need(f"/vms/{guest.vmid}", *needed_privileges(guest.kind, name, ""))
        if name in options:
            raise ApiError(f"cannot use '-{name}' and '-delete {name}' at the same time")
    for name in (*options, *removed):
        if name in READ_ONLY[guest.kind] or (name == "rootfs" and name in removed):
            action = "delete" if name in removed else "modify"
            raise ApiError(f"unable to {action} read-only option: '{name}'")
    digest = request.text("digest")
    if digest and digest != guest.digest():
        raise ApiError("detected modified configuration - file changed by other user? Try again.")
    if "skiplock" not in request.arguments:
        guest.check_lock()


def _set_option(guest: Guest, name: str, value: str) -> None:
    if guest.running and not LIVE[guest.kind].fullmatch(name):
        if guest.config.get(name) == value:
            guest.pending.pop(name, None)
        else:
            guest.pending[name] = value
        return
    guest.pending.pop(name, None)
    guest.put_option(name, value)


def _remove_option(guest: Guest, name: str) -> None:
    guest.pending.pop(name, None)
    if name not in guest.config:
        return
    if guest.running and (not LIVE[guest.kind].fullmatch(name) or re.fullmatch(r"mp\d+", name)):
        guest.pending[name] = None
        return
    guest.put_option(name, None)


def update_config_later(request: Request) -> str:
    """Change a VM's configuration in a task, after the same checks."""
    guest = request.guest()
    options, removed = given_options(request), _split(request.text("delete"))
    _check_update(request, guest, options, removed)

    def work(_task: Task) -> None:
        with request.world.lock:
            _apply_update(request, guest, options, removed)

    return request.begin("qmconfig", request.vmid, work)


HANDLERS: dict[str, Handler] = {
    "GET /nodes/{node}/lxc": list_guests,
    "GET /nodes/{node}/qemu": list_guests,
    "GET /nodes/{node}/lxc/{vmid}/config": show_config,
    "GET /nodes/{node}/qemu/{vmid}/config": show_config,
    "PUT /nodes/{node}/lxc/{vmid}/config": update_config,
    "PUT /nodes/{node}/qemu/{vmid}/config": update_config,
    "POST /nodes/{node}/qemu/{vmid}/config": update_config_later,
    "GET /nodes/{node}/lxc/{vmid}/pending": show_pending,
    "GET /nodes/{node}/qemu/{vmid}/pending": show_pending,
}
