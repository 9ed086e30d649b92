# SPDX-License-Identifier: GPL-3.0-or-later
"""Guests as the cluster has them: found, started, stopped, removed."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from jetpack_core.contracts.provisioner import Guest
from jetpack_core.errors import JetpackError
from jetpack_provisioner_proxmox.cluster import Cluster, Place
from jetpack_provisioner_proxmox.comparison import configured
from jetpack_provisioner_proxmox.marks import TAG, Mark, read_mark
from jetpack_provisioner_proxmox.refusals import ApiError

if TYPE_CHECKING:
    from jetpack_provisioner_proxmox.cluster import Row
    from jetpack_provisioner_proxmox.kinds import Kind
    from jetpack_provisioner_proxmox.notebook import Note


@dataclass(frozen=True, slots=True)
class Seen:
    """A guest as it was looked at."""

    place: Place
    config: Mapping[str, Any]
    mark: Mark | None
    """Jetpack's mark; None where it has none, or that of the guest it was copied from."""
    running: bool = False
    pool: str | None = None
    new: bool = False
    """Made by this very object, so what it shows first may be believed."""

    def as_guest(self, host: str) -> Guest:
        """Return it as the phase knows guests."""
        owned = self.mark is not None and self.mark.host == host
        return Guest(str(self.place.vmid), host, self.running, owned, {"seen": self})


def seen(guest: Guest) -> Seen:
    """Return what a guest was seen as. Raises JetpackError for a guest of somebody else."""
    found = guest.data.get("seen")
    if not isinstance(found, Seen):
        raise JetpackError(f"{guest.name} ({guest.id}) was not found by this provisioner")
    return found


class Guests:
    """The guests of one kind."""

    def __init__(self, cluster: Cluster, kind: Kind) -> None:
        self._cluster = cluster
        self._client = cluster.client
        self.kind = kind

    # Finding.

    def find(self, host: str, name: str, vmid: int | None, note: Note | None) -> Seen | None:
        """Return the guest of a host: the one with its mark, or else the one with its name. Raises JetpackError.

        :param vmid: The only number it may have.
        :param note: What this machine remembers of it.
        """
        rows = [row for row in self._cluster.guests() if not row.get("template") or int(row["vmid"]) == vmid]
        if vmid is not None:
            return self._numbered(host, rows, vmid)
        mine = [row for row in rows if row.get("type") == self.kind.api]
        known = {note.vmid} if note is not None else set()
        # A guest that was just made has no name in the list yet.
        likely = [row for row in mine if row.get("name") in {name, None, ""} or int(row["vmid"]) in known]
        # Neither of new guests nor of those of a node that is down does the list tell more than that they are there.
        down = self._cluster.nodes_down() if any(row.get("status") == "unknown" for row in likely) else set[str]()
        silent: list[Row] = []
        found = [one for row in likely if (one := self._reached(row, down, silent)) is not None]
        ours = [one for one in found if one.mark is not None and one.mark.host == host]
        named = [one for one in found if one.mark is None and configured(one.config, self.kind.name_key) == name]
        only = self._only(host, name, ours or named)
        if only is None:
            self._refuse_guess(host, name, silent, known)
        return only

    def _reached(self, row: Row, down: set[str], silent: list[Row]) -> Seen | None:
        """Return a guest; None where it is gone, or noted down where its node does not answer."""
        # Asking a node that is down would take long.
        if row["node"] not in down:
            try:
                return self._look(row)
            except ApiError as error:
                if not error.proxied:
                    raise
        silent.append(row)
        return None

    def _refuse_guess(self, host: str, name: str, silent: list[Row], known: set[int]) -> None:
        """Raise JetpackError where a host's guest may be on a node that is down: it must not be made twice."""
        for row in silent:
            tags = str(row.get("tags") or "").lower().split(";")
            if row.get("name") == name or int(row["vmid"]) in known or TAG in tags:
                message = f"{host} may be the {self.kind.noun} {row['vmid']} on {row['node']}, which does not answer"
                raise JetpackError(message, hint=f"wait for {row['node']}, or say the host's `vmid`")

    def _numbered(self, host: str, rows: Iterable[Row], vmid: int) -> Seen | None:
        row = next((row for row in rows if int(row["vmid"]) == vmid), None)
        if row is not None and row.get("type") != self.kind.api:
            raise JetpackError(f"the guest {vmid} is no {self.kind.noun}", hint="give the host another `vmid`")
        found = self._look(row) if row is not None else None
        if found is not None and found.mark is not None and found.mark.host != host:
            raise JetpackError(f"the guest {vmid} is that of the host {found.mark.host}", hint="give it another `vmid`")
        return found

    def _only(self, host: str, name: str, found: list[Seen]) -> Seen | None:
        if len(found) > 1:
            numbers = ", ".join(f"{one.place.vmid} on {one.place.node}" for one in found)
            message = f"several guests could be {host}, all named {name}: {numbers}"
            raise JetpackError(message, hint="`vmid` says which one it is")
        return found[0] if found else None

    def _look(self, row: Row) -> Seen | None:
        """Return a guest; None where it is gone meanwhile."""
        place = Place(str(row["node"]), self.kind.api, int(row["vmid"]))
        pool = row.get("pool")
        try:
            return self.look(place, pool=str(pool) if pool else None)
        except ApiError as error:
            if error.missing:
                return None
            raise

    def look(self, place: Place, *, pool: str | None = None, new: bool = False) -> Seen:
        """Return a guest as it is now. Raises ApiError."""
        what = f"looking at the {self.kind.noun} {place.vmid}"
        config = self._client.get(what, *place.path, "config")
        status = self._client.get(what, *place.path, "status", "current")
        mark = read_mark(configured(config, "description") or "")
        owner = mark if mark is not None and mark.vmid == place.vmid else None
        return Seen(place, config, owner, status.get("status") == "running", pool, new)

    # Power.

    def start(self, place: Place, name: str, timeout: float) -> None:
        """Start a guest that may run already."""
        what = f"starting {name} ({place.vmid})"
        with _fine_if("already running"):
            self._client.work("POST", what, *place.path, "status", "start", parameters={}, timeout=timeout)

    def stop(self, place: Place, name: str, patience: float) -> None:
        """Let a guest shut down, and stop it by force when it has not after some seconds."""
        what = f"stopping {name} ({place.vmid})"
        path = (*place.path, "status")
        graceful = {"timeout": round(patience), "forceStop": True}
        with _fine_if("not running"):
            try:
                self._client.work("POST", what, *path, "shutdown", parameters=graceful, timeout=patience + 120)
            except ApiError as error:
                if error.unanswered or error.says("Permission check failed", "not running"):
                    raise
                self._client.work("POST", what, *path, "stop", parameters={}, timeout=patience + 120)

    # End.

    def remove(self, place: Place, name: str, mark: Mark, timeout: float) -> None:
        """Remove a stopped guest with its volumes, once it was seen to be the very one. Raises JetpackError."""
        what = f"removing {name} ({place.vmid})"
        try:
            config = self._client.get(what, *place.path, "config")
        except ApiError as error:
            if error.missing:
                return
            raise
        check_removable(self.kind, place, name, mark, config)
        # Volumes that the guest does not name may be anybody's.
        parameters = {"purge": True, "destroy-unreferenced-disks": False}
        try:
            self._client.work("DELETE", what, *place.path, parameters=parameters, timeout=timeout)
        except ApiError as error:
            if not error.missing:
                raise


def check_removable(kind: Kind, place: Place, name: str, mark: Mark, config: Mapping[str, object]) -> None:
    """Raise JetpackError unless a guest is the one that was marked, and is not protected."""
    now = read_mark(configured(config, "description") or "")
    if now is None or (now.host, now.vmid, now.id) != (mark.host, place.vmid, mark.id):
        message = f"{name}: the {kind.noun} {place.vmid} on {place.node} is another one by now, so it is not removed"
        raise JetpackError(message, hint=f"look at it: {kind.command} config {place.vmid}")
    if configured(config, "protection") == "1":
        message = f"{name}: the {kind.noun} {place.vmid} on {place.node} is protected, so it is not removed"
        by_hand = f"{kind.command} set {place.vmid} --protection 0"
        raise JetpackError(message, hint=f"say `protection: false` and apply it first, or: {by_hand}")


@contextlib.contextmanager
def _fine_if(words: str) -> Any:
    """Take a refusal for success where it says that nothing was left to do."""
    try:
        yield
    except ApiError as error:
        if not error.says(words):
            raise
