# SPDX-License-Identifier: GPL-3.0-or-later
"""What a test may do to the cluster behind the API's back, through `/control/OPERATION` with a JSON body."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from provisioners.proxmox.tests.cluster.faults import Faults
from provisioners.proxmox.tests.cluster.request import Cluster
from provisioners.proxmox.tests.cluster.world import Guest

_GUEST_TRAITS = ("agent_works", "ignores_shutdown")


class Controls:
    """The operations of a test upon its cluster, by name."""

    def __init__(self, cluster: Cluster, faults: Faults) -> None:
        self._cluster = cluster
        self._world = cluster.world
        self._faults = faults
        self._first_settings = cluster.settings.to_json()
        self._operations: dict[str, Callable[..., Any]] = {
            "calls": self._calls,
            "fail_call": self._faults.add_call,
            "fail_task": self._faults.add_task,
            "clear_faults": lambda _values: self._faults.clear(),
            "settings": self._change_settings,
            "reset": lambda _values: self._reset(),
            "guests": lambda _values: [self._show(guest) for guest in list(self._world.guests.values())],
            "add_guest": self._add_guest,
            "change_guest": self._change_guest,
            "remove_guest": lambda values: self._world.forget(values["vmid"]),
            "volumes": lambda _values: [asdict(volume) for volume in list(self._world.volumes.values())],
            "add_volume": lambda values: self._world.put_volume(**values),
            "change_node": self._change_node,
            "tasks": lambda _values: [task.status() for task in list(cluster.tasks.known.values())],
            "permit": self._permit,
            "hold_tasks": lambda _values: cluster.tasks.released.clear(),
            "release_tasks": lambda _values: cluster.tasks.released.set(),
        }

    def __call__(self, operation: str, values: dict[str, Any]) -> Any:
        """Do one operation, raising KeyError for an unknown one."""
        with self._world.lock:
            return self._operations[operation](values)

    def _reset(self) -> None:
        self._faults.clear()
        self._faults.recorded.clear()
        self._change_settings(json.loads(self._first_settings))
        for vmid in self._world.guests:
            self._cluster.machines.remove(vmid)
        self._cluster.tasks.released.set()
        self._cluster.tasks.known.clear()
        self._world.reset()

    def _calls(self, values: Mapping[str, Any]) -> list[dict[str, Any]]:
        return list(self._faults.recorded)[values.get("since", 0) :]

    def _change_settings(self, values: Mapping[str, Any]) -> None:
        for name, value in values.items():
            if not hasattr(self._cluster.settings, name):
                raise KeyError(name)
            setattr(self._cluster.settings, name, value)

    def _show(self, guest: Guest) -> dict[str, Any]:
        return {
            "vmid": guest.vmid,
            "kind": guest.kind,
            "node": guest.node,
            "name": guest.name,
            "running": guest.running,
            "config": dict(guest.config),
            "pending": dict(guest.pending),
            "pool": self._world.pool_of(guest.vmid),
            "address": self._cluster.machines.address(guest) if guest.running else "",
        }

    def _add_guest(self, values: Mapping[str, Any]) -> None:
        given = dict(values)
        size = given.pop("disk_size", 0)
        guest = Guest(**given)
        self._world.check_unused(guest.vmid)
        self._world.guests[guest.vmid] = guest
        guest.switch(running=guest.running)
        if size:
            storage = self._world.storages["local-lvm"]
            volume = self._world.allocate(storage, guest.node, guest.vmid, size)
            disk = "rootfs" if guest.kind == "lxc" else "scsi0"
            guest.config[disk] = f"{volume.volid},size={size >> 30}G"

    def _change_guest(self, values: Mapping[str, Any]) -> None:
        guest = self._world.guests[values["vmid"]]
        for name, value in values.get("config", {}).items():
            if value is None:
                guest.config.pop(name, None)
            else:
                guest.config[name] = value
        for name in _GUEST_TRAITS:
            setattr(guest, name, values.get(name, getattr(guest, name)))
        running = values.get("running", guest.running)
        if running != guest.running:
            (self._cluster.machines.start if running else self._cluster.machines.stop)(guest)
            guest.switch(running=running)

    def _change_node(self, values: Mapping[str, Any]) -> None:
        node = self._world.nodes[values["name"]]
        for name, value in values.items():
            setattr(node, name, value)

    def _permit(self, values: Mapping[str, Any]) -> None:
        """Give a user or a token privileges or roles on a path, in place of those it had there."""
        name = values["name"]
        known = self._cluster.settings.tokens if "!" in name else self._cluster.settings.users
        known[name].setdefault("acl", {})[values["path"]] = values["privileges"]
