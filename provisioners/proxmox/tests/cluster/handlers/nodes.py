# SPDX-License-Identifier: GPL-3.0-or-later
"""Calls about nodes and their tasks."""

from __future__ import annotations

from typing import Any

from provisioners.proxmox.tests.cluster.errors import refuse_permission
from provisioners.proxmox.tests.cluster.handlers.cluster_wide import show_version
from provisioners.proxmox.tests.cluster.pages import Page
from provisioners.proxmox.tests.cluster.request import Handler, Request
from provisioners.proxmox.tests.cluster.tasks import Task
from provisioners.proxmox.tests.cluster.world import Node

_LOG_LINES = 50


def list_nodes(request: Request) -> list[dict[str, Any]]:
    """Return the members of the cluster."""
    return [_listed(node) for node in request.world.nodes.values()]


def _listed(node: Node) -> dict[str, Any]:
    shown: dict[str, Any] = {"node": node.name, "id": f"node/{node.name}", "type": "node", "level": ""}
    if not node.online:
        return shown | {"status": "offline"}
    figures = {"maxcpu": node.cores, "maxmem": node.memory, "mem": node.used, "cpu": 0.01, "uptime": 4711}
    return shown | {"status": "online"} | figures


def show_node(request: Request) -> dict[str, Any]:
    """Return the state of a node."""
    node = request.world.node(request.node)
    free = node.memory - node.used
    return {
        "uptime": 4711,
        "cpu": 0.01,
        "memory": {"total": node.memory, "used": node.used, "free": free, "available": free},
        "cpuinfo": {"cpus": node.cores, "sockets": 1, "cores": node.cores, "model": "Test CPU"},
        "boot-info": {"mode": "efi", "secureboot": 0},
        "current-kernel": {"sysname": "Linux", "release": "6.14.0-1-pve", "version": "#1", "machine": "x86_64"},
        "pveversion": f"pve-manager/{request.cluster.settings.version}/0000000000000000",
        "loadavg": ["0.10", "0.10", "0.10"],
        "rootfs": {"total": 100 << 30, "used": 10 << 30, "free": 90 << 30, "avail": 90 << 30},
    }


def list_network(request: Request) -> list[dict[str, Any]]:
    """Return the network devices of a node: one card and one bridge."""
    devices = [
        {"iface": "eno1", "type": "eth", "active": 1, "exists": 1},
        {"iface": "vmbr0", "type": "bridge", "active": 1, "autostart": 1, "bridge_ports": "eno1"},
    ]
    wanted = {"any_bridge": "bridge", "any_local_bridge": "bridge"}.get(request.text("type"), request.text("type"))
    return [device for device in devices if wanted in {"", device["type"]}]


def list_tasks(request: Request) -> list[dict[str, object]]:
    """Return the tasks of a node, the newest first."""
    tasks = [task for task in request.cluster.tasks.known.values() if task.node == request.node]
    wanted = [task for task in tasks if _is_wanted(request, task)]
    begin = int(request.text("start", "0"))
    return [task.status() for task in reversed(wanted)][begin : begin + int(request.text("limit", str(_LOG_LINES)))]


def _is_wanted(request: Request, task: Task) -> bool:
    source = request.text("source", "archive")
    if source != "all" and (task.exitstatus is None) != (source == "active"):
        return False
    if request.text("vmid", task.id) != task.id:
        return False
    return request.text("typefilter") in task.type and (task.user == request.who.name or _may_audit(request))


def _may_audit(request: Request) -> bool:
    return request.may(f"/nodes/{request.node}", "Sys.Audit")


def _task(request: Request) -> Task:
    task = request.cluster.tasks.find(request.node, request.text("upid"))
    if request.who.name not in {task.user, task.user.partition("!")[0]} and not _may_audit(request):
        raise refuse_permission(f"/nodes/{request.node}", "Sys.Audit")
    return task


def show_task(request: Request) -> dict[str, object]:
    """Return whether a task still runs, and how it ended."""
    return _task(request).status()


def show_task_log(request: Request) -> Page:
    """Return lines of a task's log with the number of all lines."""
    lines = [{"n": number, "t": text} for number, text in enumerate(list(_task(request).log), 1)]
    begin, limit = int(request.text("start", "0")), int(request.text("limit", str(_LOG_LINES)))
    return Page(lines[begin : begin + limit] if limit else lines[begin:], len(lines))


def stop_task(request: Request) -> None:
    """End a task."""
    task = _task(request)
    if task.exitstatus is None:
        task.aborted.set()


HANDLERS: dict[str, Handler] = {
    "GET /nodes": list_nodes,
    "GET /nodes/{node}/status": show_node,
    "GET /nodes/{node}/version": show_version,
    "GET /nodes/{node}/network": list_network,
    "GET /nodes/{node}/tasks": list_tasks,
    "DELETE /nodes/{node}/tasks/{upid}": stop_task,
    "GET /nodes/{node}/tasks/{upid}/status": show_task,
    "GET /nodes/{node}/tasks/{upid}/log": show_task_log,
}
