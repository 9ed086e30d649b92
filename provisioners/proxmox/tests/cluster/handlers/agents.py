# SPDX-License-Identifier: GPL-3.0-or-later
"""Calls that look into a guest: addresses, the guest agent, cloud-init."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from typing import Any
from urllib.parse import unquote

from provisioners.proxmox.tests.cluster.errors import ApiError
from provisioners.proxmox.tests.cluster.machines import first_mac
from provisioners.proxmox.tests.cluster.properties import read_properties
from provisioners.proxmox.tests.cluster.request import Handler, Request
from provisioners.proxmox.tests.cluster.world import Ended, Guest

_FIRST_PROCESS = 1000
_CLOUD_INIT_OPTIONS = (
    "citype",
    "ciuser",
    "cipassword",
    "ciupgrade",
    "cicustom",
    "sshkeys",
    "nameserver",
    "searchdomain",
)


def show_interfaces(request: Request) -> list[dict[str, Any]] | None:
    """Return a container's interfaces, nothing while it is stopped and no address before DHCP gave one."""
    guest = request.guest()
    if not guest.running:
        return None
    lo = _interface("lo", "00:00:00:00:00:00", ["127.0.0.1/8", "::1/128"])
    card = read_properties(guest.config.get("net0", ""))
    if not card:
        return [lo]
    address = _address(request, guest)
    mac = first_mac(guest).lower()
    own = [address] if address else []
    return [lo, _interface(card.get("name", "eth0"), mac, [*own, "fe80::be24:11ff:fe00:1/64"])]


def _address(request: Request, guest: Guest) -> str:
    if guest.uptime < request.cluster.settings.boot_seconds:
        return ""
    return request.cluster.machines.address(guest)


def _interface(name: str, mac: str, addresses: list[str]) -> dict[str, Any]:
    listed = _listed_addresses(addresses, "inet", "inet6")
    shown: dict[str, Any] = {"name": name, "hwaddr": mac, "hardware-address": mac, "ip-addresses": listed}
    for kind, mark in (("inet", "."), ("inet6", ":")):
        # The old keys hold only the last address of each kind.
        mine = [one for one in addresses if mark in one]
        if mine:
            shown[kind] = mine[-1]
    return shown


def _listed_addresses(addresses: list[str], ipv4: str, ipv6: str) -> list[dict[str, Any]]:
    return [
        {
            "ip-address": one.partition("/")[0],
            "prefix": int(one.partition("/")[2]),
            "ip-address-type": ipv6 if ":" in one else ipv4,
        }
        for one in addresses
    ]


def _answering(request: Request) -> Guest:
    """Return a VM whose agent answers, refusing as the real one does when it does not."""
    guest = request.guest()
    agent = read_properties(guest.config.get("agent", ""), "enabled")
    if agent.get("enabled") != "1":
        raise ApiError("No QEMU guest agent configured")
    if not guest.running:
        raise ApiError(f"VM {guest.vmid} is not running")
    if not guest.agent_works or guest.uptime < request.cluster.settings.boot_seconds:
        raise ApiError("QEMU guest agent is not running")
    return guest


def ping(request: Request) -> dict[str, Any]:
    """Return that a VM's agent answers."""
    _answering(request)
    return {"result": {}}


def execute(request: Request) -> dict[str, int]:
    """Let a VM's agent run a command and return its process number at once."""
    guest, argv, stdin = _answering(request), request.parts("command"), request.text("input-data")
    pid, ended = _FIRST_PROCESS + len(guest.processes), Future[Ended]()

    def run() -> None:
        ended.set_result(request.cluster.machines.execute(guest, argv, stdin))

    guest.processes[pid] = ended
    threading.Thread(target=run, daemon=True).start()
    return {"pid": pid}


def show_execution(request: Request) -> dict[str, Any]:
    """Return whether a command that the agent was told to run has ended, and how."""
    guest, pid = _answering(request), int(request.text("pid"))
    if pid not in guest.processes:
        raise ApiError(f"Agent error: PID {pid} does not exist")
    process = guest.processes[pid]
    if not process.done():
        return {"exited": 0}
    ended = process.result()
    written = {"out-data": ended.out, "err-data": ended.err}
    return {"exited": 1, "exitcode": ended.exitcode} | {name: text for name, text in written.items() if text}


def show_agent_interfaces(request: Request) -> dict[str, Any]:
    """Return a VM's interfaces as its agent tells them."""
    guest = _answering(request)
    address = _address(request, guest)
    addresses = [*([address] if address else []), "fe80::be24:11ff:fe00:1/64"]
    listed = {"lo": ("00:00:00:00:00:00", ["127.0.0.1/8", "::1/128"]), "eth0": (first_mac(guest).lower(), addresses)}
    return {
        "result": [
            {"name": name, "hardware-address": mac, "ip-addresses": _listed_addresses(own, "ipv4", "ipv6")}
            for name, (mac, own) in listed.items()
        ]
    }


def show_cloud_init(request: Request) -> list[dict[str, Any]]:
    """Return a VM's cloud-init options."""
    config = request.guest().config
    names = [name for name in config if name in _CLOUD_INIT_OPTIONS or name.startswith("ipconfig")]
    return [{"key": name, "value": "*" * 10 if name == "cipassword" else config[name]} for name in names]


def renew_cloud_init(request: Request) -> None:
    """Write a VM's cloud-init drive anew."""
    guest = request.guest()
    guest.check_lock()
    if not any("cloudinit" in value for value in guest.config.values()):
        raise ApiError("no cloudinit drive")


def dump_cloud_init(request: Request) -> str:
    """Return what cloud-init is told."""
    config = request.guest().config
    if request.text("type") == "meta":
        return f"instance-id: {request.guest().digest()}\n"
    if request.text("type") == "network":
        return f"version: 1\nconfig: {config.get('ipconfig0', '')}\n"
    keys = "".join(f"  - {line}\n" for line in unquote(config.get("sshkeys", "")).splitlines())
    upgrade = "true" if config.get("ciupgrade", "1") == "1" else "false"
    head = f"#cloud-config\nhostname: {config.get('name', '')}\nuser: {config.get('ciuser', 'debian')}\n"
    return f"{head}ssh_authorized_keys:\n{keys}package_upgrade: {upgrade}\n"


HANDLERS: dict[str, Handler] = {
    "GET /nodes/{node}/lxc/{vmid}/interfaces": show_interfaces,
    "POST /nodes/{node}/qemu/{vmid}/agent/ping": ping,
    "GET /nodes/{node}/qemu/{vmid}/agent/network-get-interfaces": show_agent_interfaces,
    "POST /nodes/{node}/qemu/{vmid}/agent/exec": execute,
    "GET /nodes/{node}/qemu/{vmid}/agent/exec-status": show_execution,
    "GET /nodes/{node}/qemu/{vmid}/cloudinit": show_cloud_init,
    "PUT /nodes/{node}/qemu/{vmid}/cloudinit": renew_cloud_init,
    "GET /nodes/{node}/qemu/{vmid}/cloudinit/dump": dump_cloud_init,
}
