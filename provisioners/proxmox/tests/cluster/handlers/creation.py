# SPDX-License-Identifier: GPL-3.0-or-later
"""Calls that make guests and take them away."""

from __future__ import annotations

import re
import time
import uuid

from provisioners.proxmox.tests.cluster.errors import ApiError, refuse_permission
from provisioners.proxmox.tests.cluster.handlers.pools import check_pool, join_pool
from provisioners.proxmox.tests.cluster.handlers.power import boot
from provisioners.proxmox.tests.cluster.handlers.privileges import check_options
from provisioners.proxmox.tests.cluster.options import given_options, store_option
from provisioners.proxmox.tests.cluster.request import Handler, Request
from provisioners.proxmox.tests.cluster.tasks import Task
from provisioners.proxmox.tests.cluster.world import Guest

DEFAULT_ROOTFS_GIB = 4
# The first version whose containers are unprivileged unless told otherwise.
UNPRIVILEGED_SINCE = (9, 0)
_KEY_LINE = re.compile(r"(ssh-(rsa|ed25519|dss)|ecdsa-sha2-\S+|sk-\S+) [A-Za-z0-9+/]+=*( .*)?")
_TASK = {"lxc": "vz", "qemu": "qm"}


def create_container(request: Request) -> str:
    """Make a container from a template."""
    check_pool(request, request.vmid)
    options = _container_defaults(request) | given_options(request)
    unprivileged = options["unprivileged"] == "1"
    if (
        not unprivileged
        and request.cluster.settings.release >= UNPRIVILEGED_SINCE
        and not request.may("/", "Sys.Modify")
    ):
        raise refuse_permission("/", "Sys.Modify")
    check_options(request, given_options(request), unprivileged=unprivileged, creating=True)
    _check_keys(request.text("ssh-public-keys"))
    if any(re.fullmatch(r"mp\d+", name) for name in options) and "rootfs" not in request.arguments:
        raise ApiError("mount points configured, but 'rootfs' not set - aborting")
    template = request.text("ostemplate")
    if request.world.volume(template, request.node).content != "vztmpl":
        raise ApiError(f"unable to parse volume ID '{template}': not a template")
    guest = Guest(request.vmid, "lxc", request.node, {"lock": "create"})
    guest.ssh_keys, guest.password = request.text("ssh-public-keys"), request.text("password")
    return _create(request, guest, options, [f"extracting archive '{template}'", "Creating SSH host keys"])


def _container_defaults(request: Request) -> dict[str, str]:
    system = request.text("ostemplate").rpartition("/")[2].partition("-")[0]
    return {
        "arch": "amd64",
        "hostname": f"CT{request.vmid}",
        "memory": "512",
        "swap": "512",
        "ostype": system if system in {"debian", "ubuntu", "alpine", "centos", "fedora"} else "unmanaged",
        "rootfs": f"{request.text('storage', 'local')}:{DEFAULT_ROOTFS_GIB}",
        "unprivileged": str(int(request.cluster.settings.release >= UNPRIVILEGED_SINCE)),
    }


def _check_keys(keys: str) -> None:
    if any(line.strip() and not _KEY_LINE.fullmatch(line.strip()) for line in keys.splitlines()):
        raise ApiError("SSH public key validation error")


def create_machine(request: Request) -> str:
    """Make a virtual machine."""
    check_pool(request, request.vmid)
    options = _machine_defaults() | given_options(request)
    check_options(request, given_options(request), unprivileged=True, creating=True)
    guest = Guest(request.vmid, "qemu", request.node, {"lock": "create"})
    guest.agent_works = request.cluster.settings.agent
    return _create(request, guest, options, ["transferred 100.00%"])


def _machine_defaults() -> dict[str, str]:
    return {
        "smbios1": f"uuid={uuid.uuid4()}",
        "vmgenid": str(uuid.uuid4()),
        "meta": f"creation-qemu=10.0.2,ctime={int(time.time())}",
    }


def _create(request: Request, guest: Guest, options: dict[str, str], said: list[str]) -> str:
    world, vmid = request.world, guest.vmid
    _register(request, guest)
    try:
        guest.config |= {name: store_option(request, guest, name, value) for name, value in options.items()}
        join_pool(request, vmid)
    except ApiError:
        world.forget(vmid)
        raise

    def work(task: Task) -> None:
        task.log.extend(said)
        with world.lock:
            guest.config.pop("lock", None)
        if request.flag("start"):
            boot(request, guest)

    def undo() -> None:
        request.cluster.machines.remove(vmid)
        with world.lock:
            world.forget(vmid)

    return request.begin(f"{_TASK[guest.kind]}create", vmid, work, undo)


def _register(request: Request, guest: Guest) -> None:
    try:
        request.world.check_unused(guest.vmid)
    except ApiError as problem:
        raise ApiError(f"unable to create {guest.word} {guest.vmid} - {problem.message}") from None
    request.world.guests[guest.vmid] = guest


def destroy(request: Request) -> str:
    """Take a guest away with its disks."""
    world = request.world
    guest = request.guest()
    _check_destroyable(request, guest)
    if guest.kind == "lxc":
        guest.config["lock"] = "destroyed"

    def work(task: Task) -> None:
        if guest.running:
            request.cluster.machines.stop(guest)
        request.cluster.machines.remove(guest.vmid)
        with world.lock:
            for volume in list(world.volumes_of(guest.vmid)):
                task.log.append(f"removed volume '{volume.volid}'")
            world.forget(guest.vmid)

    def undo() -> None:
        with world.lock:
            guest.config.pop("lock", None)

    return request.begin(f"{_TASK[guest.kind]}destroy", guest.vmid, work, undo)


def _check_destroyable(request: Request, guest: Guest) -> None:
    if guest.config.get("protection") == "1":
        raise ApiError(f"can't remove {guest.word} {guest.vmid} - protection mode enabled")
    guest.check_lock()
    if guest.running and guest.kind == "lxc" and not request.flag("force"):
        raise ApiError(f"unable to destroy CT {guest.vmid} - container is running")
    if guest.running and guest.kind == "qemu":
        raise ApiError(f"VM {guest.vmid} is running - destroy failed")
    owned = {volume.volid for volume in request.world.volumes_of(guest.vmid)}
    for volume in request.world.volumes.values():
        if volume.base in owned:
            raise ApiError(f"base volume '{volume.base}' is still in use by linked cloned")


HANDLERS: dict[str, Handler] = {
    "POST /nodes/{node}/lxc": create_container,
    "POST /nodes/{node}/qemu": create_machine,
    "DELETE /nodes/{node}/lxc/{vmid}": destroy,
    "DELETE /nodes/{node}/qemu/{vmid}": destroy,
}
