# SPDX-License-Identifier: GPL-3.0-or-later
"""Calls that start and stop guests and tell how they are."""

from __future__ import annotations

from typing import Any

from provisioners.proxmox.tests.cluster.errors import ApiError
from provisioners.proxmox.tests.cluster.request import Handler, Request
from provisioners.proxmox.tests.cluster.tasks import Task
from provisioners.proxmox.tests.cluster.world import Guest

_TASK = {"lxc": "vz", "qemu": "qm"}
_SHUTDOWN_TIMEOUT = 60


def boot(request: Request, guest: Guest) -> None:
    """Let a guest run."""
    guest.check_lock()
    with request.world.lock:
        guest.apply_pending()
    request.cluster.machines.start(guest)
    guest.switch(running=True)


def _halt(request: Request, guest: Guest) -> None:
    request.cluster.machines.stop(guest)
    guest.switch(running=False)
    with request.world.lock:
        guest.apply_pending()


def start(request: Request) -> str:
    """Start a guest in a task."""
    guest = request.guest()
    if guest.is_template:
        raise ApiError(
            "you can't start a CT if it's a template"
            if guest.kind == "lxc"
            else "you can't start a vm if it's a template"
        )
    if guest.running and guest.kind == "lxc":
        raise ApiError(f"CT {guest.vmid} already running")

    def work(_task: Task) -> None:
        if guest.running:
            raise ApiError(f"{guest.word} {guest.vmid} already running")
        boot(request, guest)

    return request.begin(f"{_TASK[guest.kind]}start", guest.vmid, work)


def _need_running(guest: Guest) -> None:
    if not guest.running:
        said = f"CT {guest.vmid} not running" if guest.kind == "lxc" else f"VM {guest.vmid} not running"
        raise ApiError(said)


def stop(request: Request) -> str:
    """End a guest at once, in a task."""
    guest = request.guest()
    if guest.kind == "lxc":
        _need_running(guest)
    if request.flag("overrule-shutdown"):
        _abort_shutdown(request, guest)

    def work(_task: Task) -> None:
        guest.check_lock()
        if guest.running:
            _halt(request, guest)

    return request.begin(f"{_TASK[guest.kind]}stop", guest.vmid, work)


def _abort_shutdown(request: Request, guest: Guest) -> None:
    running = request.cluster.tasks.running(f"{_TASK[guest.kind]}shutdown", str(guest.vmid))
    if running is not None:
        running.aborted.set()


def shutdown(request: Request) -> str:
    """Ask a guest to end itself, in a task."""
    guest = request.guest()
    _need_running(guest)

    def work(task: Task) -> None:
        guest.check_lock()
        _wait_for_end(request, guest, task)
        _halt(request, guest)

    return request.begin(f"{_TASK[guest.kind]}shutdown", guest.vmid, work)


def _wait_for_end(request: Request, guest: Guest, task: Task) -> None:
    limit = float(request.text("timeout", str(_SHUTDOWN_TIMEOUT)))
    needed = limit + 1 if guest.ignores_shutdown else request.cluster.settings.shutdown_seconds
    if task.aborted.wait(min(limit, needed)):
        raise ApiError("interrupted by signal")
    if needed > limit and not request.flag("forceStop"):
        raise ApiError("container did not stop" if guest.kind == "lxc" else "VM quit/powerdown failed - got timeout")


def reboot(request: Request) -> str:
    """Let a guest end itself and start it again, in a task."""
    guest = request.guest()
    if not guest.running:
        raise ApiError(f"{guest.word} {guest.vmid} not running")

    def work(task: Task) -> None:
        guest.check_lock()
        _wait_for_end(request, guest, task)
        _halt(request, guest)
        boot(request, guest)

    return request.begin(f"{_TASK[guest.kind]}reboot", guest.vmid, work)


def show_status(request: Request) -> dict[str, Any]:
    """Return how a guest is."""
    guest = request.guest()
    shown: dict[str, Any] = {
        "status": guest.status,
        "vmid": guest.vmid,
        "name": guest.name,
        "uptime": int(guest.uptime),
        "cpus": int(guest.config.get("cores", "1")) * int(guest.config.get("sockets", "1")),
        "maxmem": guest.memory << 20,
        "mem": (guest.memory << 19) if guest.running else 0,
        "maxdisk": max((volume.size for volume in request.world.volumes_of(guest.vmid)), default=0),
        "ha": {"managed": 0},
    }
    if guest.kind == "qemu":
        shown |= {"qmpstatus": guest.status} | ({"agent": 1} if "agent" in guest.config else {})
    else:
        shown |= {"type": "lxc", "maxswap": int(guest.config.get("swap", "512")) << 20}
    shown |= {name: guest.config[name] for name in ("lock", "tags") if name in guest.config}
    return shown | ({"template": 1} if guest.is_template else {})


HANDLERS: dict[str, Handler] = {
    f"{method} /nodes/{{node}}/{kind}/{{vmid}}/status/{name}": handler
    for kind in ("lxc", "qemu")
    for method, name, handler in (
        ("GET", "current", show_status),
        ("POST", "start", start),
        ("POST", "stop", stop),
        ("POST", "shutdown", shutdown),
        ("POST", "reboot", reboot),
    )
}
