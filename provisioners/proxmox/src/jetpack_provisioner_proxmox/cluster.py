# SPDX-License-Identifier: GPL-3.0-or-later
"""What a cluster has: its guests and nodes, free numbers, and the templates on its storages."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Final

from jetpack_core.errors import JetpackError
from jetpack_provisioner_proxmox.client import Client
from jetpack_provisioner_proxmox.placing import Placements
from jetpack_provisioner_proxmox.refusals import ApiError

Row = Mapping[str, Any]
FIRST_VMID: Final = 100
LAST_VMID: Final = 999_999_999
_TRIES: Final = 8
_JITTER: Final = 0.3


@dataclass(frozen=True, slots=True)
class Place:
    """One guest's place in the API."""

    node: str
    api: str
    vmid: int

    @property
    def path(self) -> tuple[str, str, str, int]:
        """Return the beginning of all its paths."""
        return ("nodes", self.node, self.api, self.vmid)


class Cluster:
    """Looks around in a cluster."""

    def __init__(self, client: Client) -> None:
        self.client = client

    def lock(self, name: str) -> AbstractContextManager[None]:
        """Hold a lock by name, against other guests of the run and other runs on this machine."""
        return self.client.around().lock(f"proxmox {name} {self.client.access.url}")

    def guests(self) -> list[Row]:
        """Return a row for each guest that our user may see."""
        return list(self.client.get("listing the guests", "cluster", "resources", type="vm"))

    def guest(self, vmid: int) -> Row | None:
        """Return the row of a guest; None where there is none."""
        return next((row for row in self.guests() if int(row["vmid"]) == vmid), None)

    def nodes_down(self) -> set[str]:
        """Return the nodes that do not answer, as far as our user may see them."""
        rows = self.client.get("listing the nodes", "cluster", "resources", type="node")
        return {str(row["node"]) for row in rows if row.get("status") != "online"}

    # Numbers.

    def claim(
        self, wanted: int | None, within: tuple[int, int] | None, begin: Callable[[int], object]
    ) -> tuple[int, object]:
        """Return a number that became a guest's, and what the call that began it answered. Raises ApiError.

        The cluster hands out the same number until somebody uses it, so asking and using happen under one lock; another
        client may still be faster, and then the next number is tried.

        :param wanted: The only number that will do.
        :param within: The first and the last number that will do.
        :param begin: The call that begins a guest with a number.
        """
        lost: set[int] = set()
        while True:
            with self.lock("vmid"):
                vmid = wanted if wanted is not None else self._free(within, lost)
                try:
                    return vmid, begin(vmid)
                except ApiError as error:
                    if wanted is not None and error.taken:
                        raise self._taken(error, wanted) from error
                    if not error.taken or len(lost) >= _TRIES:
                        raise
                    lost.add(vmid)
            time.sleep(random.uniform(0, _JITTER))  # noqa: S311 - not for secrets

    def _taken(self, error: ApiError, vmid: int) -> ApiError:
        hint = f"give the host another `vmid`, or none; the guest {vmid} is not this host's, or may not be seen by "
        return ApiError(error.message, hint=hint + self.client.access.user, status=error.status, text=error.text)

    def _free(self, within: tuple[int, int] | None, lost: set[int]) -> int:
        """Return a number that nobody uses now."""
        if within is None and not lost:
            return int(self.client.get("asking for a free VMID", "cluster", "nextid"))
        first, last = within or (min(lost) + 1, LAST_VMID)
        used = {int(row["vmid"]) for row in self.guests()} | lost
        for vmid in range(first, last + 1):
            if vmid not in used and self._is_free(vmid):
                return vmid
        raise JetpackError(f"no VMID from {first} to {last} is free", hint="widen `vmid_range`")

    def _is_free(self, vmid: int) -> bool:
        # Guests that our user may not see have numbers as well.
        try:
            self.client.get("asking for a free VMID", "cluster", "nextid", vmid=vmid)
        except ApiError as error:
            if error.taken:
                return False
            raise
        return True

    # Nodes.

    def place(self, name: str, storages: set[str], memory: int, placements: Placements) -> str:
        """Return the node that a new guest is to be made on, and remember it for the guests that come next.

        :param memory: MiB that the guest needs; told in the error when no node has them.
        """
        with self.lock("nodes"):
            node = self._choose_node(storages, memory, placements)
            placements.add(name, node, memory)
        return node

    def _choose_node(self, storages: set[str], memory: int, placements: Placements) -> str:
        """Return the node with the most memory neither used nor promised, among those that have the storages."""
        rows = self.client.get("listing the nodes", "cluster", "resources")
        nodes: dict[str, Row] = {
            str(row["node"]): row for row in rows if row.get("type") == "node" and row.get("status") == "online"
        }
        have = {name: {row["storage"] for row in rows if _is_storage(row, name)} for name in nodes}
        fit = {name: row for name, row in nodes.items() if storages <= have[name] or not have[name]}
        if not fit:
            missing = ", ".join(sorted(storages - set().union(*have.values()))) or ", ".join(sorted(storages))
            hint = f"online are: {', '.join(sorted(nodes)) or 'none'}; `storage` names another storage"
            raise JetpackError(f"no node of the cluster has the storage {missing}", hint=hint)
        soon = placements.promised({(str(r.get("name")), str(r.get("node"))) for r in rows if _tells_memory(r)})
        promised = {name: sum(int(row.get("maxmem") or 0) for row in rows if _is_guest(row, name)) for name in fit}
        free = {
            name: int(row.get("maxmem") or 0) - max(int(row.get("mem") or 0), promised[name]) - soon.get(name, 0)
            for name, row in fit.items()
        }
        best = max(sorted(free), key=lambda name: (free[name], -promised[name]))
        unused = int(fit[best].get("maxmem") or 0) - int(fit[best].get("mem") or 0)
        if fit[best].get("maxmem") and unused < memory << 20:
            message = f"no node has {memory} MiB of memory left; {best} has the most, {unused >> 20} MiB"
            raise JetpackError(message, hint="`node` names one all the same")
        return best

    # Templates and images.

    def volumes(self, node: str, storage: str, content: str) -> list[str]:
        """Return the volumes of a storage as one node sees them."""
        what = f"listing what {storage} on {node} has"
        rows = self.client.get(what, "nodes", node, "storage", storage, "content", content=content)
        return [str(row["volid"]) for row in rows]

    def offered(self, node: str) -> list[str]:
        """Return the names of the container templates that Proxmox offers for download."""
        rows = self.client.get("listing the templates on offer", "nodes", node, "aplinfo")
        return [str(row["template"]) for row in rows]

    def fetch_template(self, node: str, storage: str, name: str, timeout: float) -> None:
        """Download a container template on offer."""
        parameters = {"storage": storage, "template": name}
        what = f"fetching the template {name} to {storage} on {node}"
        self.client.work("POST", what, "nodes", node, "aplinfo", parameters=parameters, timeout=timeout, patient=False)

    def fetch_url(
        self, node: str, storage: str, content: str, url: str, name: str, checksum: str | None, timeout: float
    ) -> None:
        """Let a node download a file to a storage.

        :param checksum: `sha256:...`, or another of the API's algorithms.
        """
        algorithm, _, digest = (checksum or "").partition(":")
        parameters: dict[str, object] = {"url": url, "content": content, "filename": name}
        if checksum:
            parameters |= {"checksum": digest, "checksum-algorithm": algorithm}
        path = ("nodes", node, "storage", storage, "download-url")
        what = f"fetching {url} to {storage} on {node}"
        self.client.work("POST", what, *path, parameters=parameters, timeout=timeout, patient=False)


def _is_storage(row: Row, node: str) -> bool:
    return row.get("type") == "storage" and row.get("node") == node and row.get("status", "available") == "available"


def _is_guest(row: Row, node: str) -> bool:
    return row.get("type") in {"lxc", "qemu"} and row.get("node") == node and not row.get("template")


def _tells_memory(row: Row) -> bool:
    return row.get("type") in {"lxc", "qemu"} and bool(row.get("maxmem"))


def versioned(name: str) -> tuple[tuple[int, int | str], ...]:
    """Return what names are sorted by so that 12.10 comes after 12.7."""
    parts = re.findall(r"[0-9]+|[^0-9]+", name)
    return tuple((1, int(part)) if part.isdecimal() else (0, part) for part in parts)


def newest(names: list[str], wanted: str) -> str | None:
    """Return the newest template that a name means; None where it means none.

    `debian-12` is the package `debian-12-standard`, and none of the appliances that are built upon it.
    """
    usual = {wanted, f"{wanted}-standard", f"{wanted}-default"}
    plain = [name for name in names if "-turnkey-" not in name and name.startswith((f"{wanted}-", f"{wanted}."))]
    for fit in (
        [name for name in names if name == wanted],
        [name for name in names if name.partition("_")[0] in usual],
        plain,
    ):
        if fit:
            return max(fit, key=versioned)
    return None
