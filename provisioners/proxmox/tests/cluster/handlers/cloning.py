# SPDX-License-Identifier: GPL-3.0-or-later
"""Calls that copy guests and make templates of them."""

from __future__ import annotations

import copy
import re
import uuid
from dataclasses import replace

from provisioners.proxmox.tests.cluster.errors import ApiError
from provisioners.proxmox.tests.cluster.handlers.pools import check_pool, join_pool
from provisioners.proxmox.tests.cluster.options import make_mac
from provisioners.proxmox.tests.cluster.request import Handler, Request
from provisioners.proxmox.tests.cluster.tasks import Task
from provisioners.proxmox.tests.cluster.world import DISK_KEYS, Guest, Volume

_TASK = {"lxc": "vz", "qemu": "qm"}
# What a clone does not take over from its source.
_NOT_COPIED = ("lock", "template", "digest")


def clone(request: Request) -> str:
    """Copy a guest under a new number, in a task."""
    newid = int(request.text("newid"))
    request.need(f"/vms/{request.vmid}", "VM.Clone")
    check_pool(request, newid)
    source = request.guest()
    full = request.flag("full", default=not source.is_template)
    _check_clone(request, source, full=full)
    if newid in request.world.guests:
        raise ApiError(f"unable to create {source.word} {newid}: config file already exists")
    guest = _copy_guest(request, source, newid)
    request.world.guests[newid] = guest
    try:
        _copy_disks(request, source, guest, full=full)
        join_pool(request, newid)
    except ApiError:
        request.world.forget(newid)
        raise
    if source.kind == "lxc":
        source.config["lock"] = "disk"

    def work(task: Task) -> None:
        task.log.append(f"create {'full' if full else 'linked'} clone of {source.word} {source.vmid}")
        with request.world.lock:
            guest.config.pop("lock", None)
            source.config.pop("lock", None)

    def undo() -> None:
        with request.world.lock:
            request.world.forget(newid)
            source.config.pop("lock", None)

    return request.begin(f"{_TASK[source.kind]}clone", source.vmid, work, undo)


def _check_clone(request: Request, source: Guest, *, full: bool) -> None:
    source.check_lock()
    if not full:
        for name in ("storage", "format"):
            if name in request.arguments:
                raise ApiError(f"parameter '{name}' not allowed for linked clones")
        if not source.is_template:
            volume = next(iter(request.world.volumes_of(source.vmid)), None)
            raise ApiError(f"Linked clone feature for '{volume.volid if volume else ''}' is not available")
    if full and source.kind == "lxc" and source.running and "snapname" not in request.arguments:
        raise ApiError("Cannot do full clones on a running container without snapshots")
    target = request.text("target", source.node)
    request.world.node(target)
    if target != source.node and any(volume.node for volume in request.world.volumes_of(source.vmid)):
        what = "VM uses local storage" if source.kind == "qemu" else "container uses local storage"
        raise ApiError(f"can't clone {source.word} to node '{target}' ({what})")


def _copy_guest(request: Request, source: Guest, newid: int) -> Guest:
    config = {name: value for name, value in source.config.items() if name not in _NOT_COPIED}
    config["lock"] = "create" if source.kind == "lxc" else "clone"
    name = "hostname" if source.kind == "lxc" else "name"
    default = f"CT{newid}" if source.kind == "lxc" else f"Copy-of-VM-{source.name}"
    config[name] = request.text(name, default)
    if "description" in request.arguments:
        config["description"] = request.text("description")
    if source.kind == "qemu":
        config |= {"smbios1": f"uuid={uuid.uuid4()}", "vmgenid": str(uuid.uuid4())}
    for key in config:
        if re.fullmatch(r"net\d+", key):
            config[key] = re.sub(r"([0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2}", make_mac(), config[key])
    guest = Guest(newid, source.kind, request.text("target", source.node), config)
    guest.ssh_keys, guest.password, guest.agent_works = source.ssh_keys, source.password, source.agent_works
    return guest


def _copy_disks(request: Request, source: Guest, guest: Guest, *, full: bool) -> None:
    for key in [one for one in guest.config if DISK_KEYS.fullmatch(one)]:
        volid, comma, rest = guest.config[key].partition(",")
        volume = request.world.volumes.get((source.node, volid)) or request.world.volumes.get(("", volid))
        if volume is None or volume.vmid != source.vmid:
            continue
        storage_name = request.text("storage", volume.storage) if full else volume.storage
        storage = request.world.disk_storage(storage_name, guest.node, guest.kind)
        request.need(f"/storage/{storage_name}", "Datastore.AllocateSpace")
        name = f"vm-{guest.vmid}-cloudinit" if "cloudinit" in volid else ""
        form = request.text("format", volume.format)
        made = request.world.allocate(storage, guest.node, guest.vmid, volume.size, name=name, form=form)
        made.base = "" if full or name else volume.volid
        guest.config[key] = made.volid + comma + rest


def make_template(request: Request) -> str | None:
    """Turn a guest into a template: at once for a container, in a task for a VM."""
    guest = request.guest()
    guest.check_lock()
    if guest.is_template:
        raise ApiError("you can't convert a template to a template")
    if guest.running:
        raise ApiError(f"you can't convert a {guest.word} to template if {guest.word} is running")
    if guest.kind == "lxc":
        _turn_into_template(request, guest)
        return None

    def work(_task: Task) -> None:
        with request.world.lock:
            _turn_into_template(request, guest)

    return request.begin("qmtemplate", guest.vmid, work)


def _turn_into_template(request: Request, guest: Guest) -> None:
    guest.config["template"] = "1"
    for volume in list(request.world.volumes_of(guest.vmid)):
        if "cloudinit" not in volume.volid:
            _rename_to_base(request, guest, volume)


def _rename_to_base(request: Request, guest: Guest, volume: Volume) -> None:
    renamed = copy.copy(replace(volume, volid=volume.volid.replace("vm-", "base-", 1)))
    request.world.free(volume)
    request.world.volumes[renamed.node, renamed.volid] = renamed
    for key, value in guest.config.items():
        if value.partition(",")[0] == volume.volid:
            guest.config[key] = value.replace(volume.volid, renamed.volid, 1)


HANDLERS: dict[str, Handler] = {
    f"POST /nodes/{{node}}/{kind}/{{vmid}}/{name}": handler
    for kind in ("lxc", "qemu")
    for name, handler in (("clone", clone), ("template", make_template))
}
