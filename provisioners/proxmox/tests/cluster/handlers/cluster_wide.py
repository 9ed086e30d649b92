# SPDX-License-Identifier: GPL-3.0-or-later
"""Calls about the cluster as a whole, and about who may do what."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from provisioners.proxmox.tests.cluster.access import Identity
from provisioners.proxmox.tests.cluster.errors import refuse_parameters, refuse_permission
from provisioners.proxmox.tests.cluster.request import Handler, Request
from provisioners.proxmox.tests.cluster.world import Guest


def show_version(request: Request) -> dict[str, str]:
    """Return the version."""
    version = request.cluster.settings.version
    return {"version": version, "release": ".".join(version.split(".")[:2]), "repoid": "0000000000000000"}


def log_in(request: Request) -> dict[str, Any]:
    """Return a ticket and the token that changing calls bring with it."""
    username, realm = request.text("username"), request.text("realm")
    who = request.cluster.access.login(f"{username}@{realm}" if realm else username, request.text("password"))
    return {
        "username": who.name,
        "ticket": request.cluster.access.issue_ticket(who),
        "CSRFPreventionToken": request.cluster.access.issue_csrf_token(who),
        "clustername": "test",
        "cap": _capabilities(request, who),
    }


def _capabilities(request: Request, who: Identity) -> dict[str, dict[str, int]]:
    heads = {"access": "/access", "dc": "/", "nodes": "/nodes", "storage": "/storage", "vms": "/vms"}
    access = request.cluster.access
    return {name: dict.fromkeys(sorted(access.privileges(who, path)), 1) for name, path in heads.items()}


def show_permissions(request: Request) -> dict[str, dict[str, int]]:
    """Return the caller's privileges by path, or those of another whom it may look at."""
    asked = Identity(request.text("userid", request.who.name))
    if asked.user != request.who.user and not request.may("/access", "Sys.Audit"):
        raise refuse_permission("/access", "Sys.Audit")
    access = request.cluster.access
    paths = {request.text("path")} if "path" in request.arguments else access.paths()
    shown = {path: dict.fromkeys(sorted(access.privileges(asked, path)), 1) for path in sorted(paths)}
    return {path: granted for path, granted in shown.items() if granted}


def next_id(request: Request) -> str:
    """Return the lowest free number, or say whether a given one is free."""
    asked = request.text("vmid")
    if asked and int(asked) in request.world.guests:
        taken = request.world.guests[int(asked)]
        raise refuse_parameters({"vmid": f"{taken.word} {asked} already exists"})
    return asked or str(request.world.next_id())


def list_resources(request: Request) -> list[dict[str, Any]]:
    """Return guests, nodes and storages that the caller may see."""
    wanted = request.text("type")
    found: list[dict[str, Any]] = []
    if wanted in {"", "vm"}:
        found += _guests(request)
    if wanted in {"", "node"}:
        found += _nodes(request)
    if wanted in {"", "storage"}:
        found += _storages(request)
    return found


def _guests(request: Request) -> Iterator[dict[str, Any]]:
    for guest in list(request.world.guests.values()):
        if request.may(f"/vms/{guest.vmid}", "VM.Audit"):
            yield _guest_resource(request, guest)


def _guest_resource(request: Request, guest: Guest) -> dict[str, Any]:
    delay = request.cluster.settings.broadcast_seconds
    shown: dict[str, Any] = {
        "id": f"{guest.kind}/{guest.vmid}",
        "type": guest.kind,
        "vmid": guest.vmid,
        "node": guest.node,
        "status": "unknown",
    }
    if not guest.is_news(delay) and request.world.nodes[guest.node].online:
        shown |= {
            "name": guest.name,
            "status": guest.broadcast_status(delay),
            "template": int(guest.is_template),
            "maxcpu": int(guest.config.get("cores", "1")),
            "maxmem": guest.memory << 20,
            "mem": (guest.memory << 19) if guest.running else 0,
            "uptime": int(guest.uptime),
            "cpu": 0,
            "disk": 0,
            "maxdisk": max((volume.size for volume in request.world.volumes_of(guest.vmid)), default=0),
        }
    extra = {
        "pool": request.world.pool_of(guest.vmid),
        "tags": guest.config.get("tags"),
        "lock": guest.config.get("lock"),
    }
    return shown | {name: value for name, value in extra.items() if value}


def _nodes(request: Request) -> Iterator[dict[str, Any]]:
    for node in request.world.nodes.values():
        shown = {"id": f"node/{node.name}", "type": "node", "node": node.name}
        state = {"status": "online", "maxcpu": node.cores, "maxmem": node.memory, "mem": node.used, "cpu": 0.01}
        yield shown | (state if node.online else {"status": "offline"})


def _storages(request: Request) -> Iterator[dict[str, Any]]:
    world = request.world
    for storage in world.storages.values():
        if not request.may(f"/storage/{storage.name}", "Datastore.Audit", "Datastore.AllocateSpace"):
            continue
        for node in storage.nodes or tuple(world.nodes):
            yield {
                "id": f"storage/{node}/{storage.name}",
                "type": "storage",
                "storage": storage.name,
                "node": node,
                "status": "available" if world.nodes[node].online else "unknown",
                "plugintype": storage.type,
                "content": ",".join(storage.content),
                "shared": int(storage.shared),
                "maxdisk": storage.total,
                "disk": storage.total // 10,
            }


def show_status(request: Request) -> list[dict[str, Any]]:
    """Return the cluster and its members."""
    nodes = request.world.nodes.values()
    head = {"type": "cluster", "id": "cluster", "name": "test", "nodes": len(nodes), "quorate": 1, "version": 1}
    members = [
        {
            "type": "node",
            "id": f"node/{node.name}",
            "name": node.name,
            "nodeid": number,
            "online": int(node.online),
            "local": int(number == 1),
            "ip": f"192.0.2.{number}",
        }
        for number, node in enumerate(nodes, 1)
    ]
    return [head, *members]


def list_tasks(request: Request) -> list[dict[str, object]]:
    """Return the tasks of the whole cluster."""
    return [task.status() for task in request.cluster.tasks.known.values()]


HANDLERS: dict[str, Handler] = {
    "GET /version": show_version,
    "POST /access/ticket": log_in,
    "GET /access/permissions": show_permissions,
    "GET /cluster/nextid": next_id,
    "GET /cluster/resources": list_resources,
    "GET /cluster/status": show_status,
    "GET /cluster/tasks": list_tasks,
}
