# SPDX-License-Identifier: GPL-3.0-or-later
"""Calls that make guests on a test cluster and look at them."""

from __future__ import annotations

from typing import Any

from provisioners.proxmox.tests.cluster import DEBIAN_IMAGE, DEBIAN_TEMPLATE
from provisioners.proxmox.tests.cluster.raw import RawAnswer, RawClient

TEMPLATE = f"local:vztmpl/{DEBIAN_TEMPLATE}"
IMAGE = f"local:import/{DEBIAN_IMAGE}"
LXC, QEMU = "/nodes/pve1/lxc", "/nodes/pve1/qemu"


def create(client: RawClient, vmid: int = 100, /, **more: object) -> RawAnswer:
    values = {"vmid": vmid, "ostemplate": TEMPLATE, "rootfs": "local-lvm:8", "hostname": f"ct{vmid}"}
    return client.call("POST", LXC, {**values, **more})


def make(client: RawClient, vmid: int = 100, /, **more: object) -> None:
    ended = client.finish(create(client, vmid, **more))
    assert ended == "OK", ended


def config(client: RawClient, path: str = f"{LXC}/100") -> dict[str, Any]:
    shown: dict[str, Any] = client.get(f"{path}/config")
    return shown


def refusal(answer: RawAnswer) -> tuple[int, str]:
    return answer.status, answer.reason


def create_machine(client: RawClient, vmid: int = 100, /, **more: object) -> None:
    values = {"vmid": vmid, "name": "vm", "scsi0": f"local-lvm:0,import-from={IMAGE}", "ide2": "local-lvm:cloudinit"}
    client.do("POST", QEMU, {**values, "net0": "virtio,bridge=vmbr0,tag=20", "agent": "enabled=1", **more})
