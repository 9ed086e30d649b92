# SPDX-License-Identifier: GPL-3.0-or-later
"""Make guests and change them; whatever fails, nothing half-made stays unnamed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from jetpack_core.errors import JetpackError
from jetpack_core.records import Change
from jetpack_provisioner_proxmox.client import Pause
from jetpack_provisioner_proxmox.cluster import Place
from jetpack_provisioner_proxmox.comparison import change_of, configured, parameters
from jetpack_provisioner_proxmox.guests import check_removable
from jetpack_provisioner_proxmox.marks import Mark, marked, read_mark
from jetpack_provisioner_proxmox.notebook import Note
from jetpack_provisioner_proxmox.planning import tag_setting
from jetpack_provisioner_proxmox.refusals import ApiError
from jetpack_provisioner_proxmox.values import size_text

if TYPE_CHECKING:
    from jetpack_provisioner_proxmox.comparison import Config
    from jetpack_provisioner_proxmox.guests import Guests, Seen
    from jetpack_provisioner_proxmox.planning import Difference
    from jetpack_provisioner_proxmox.provisioner import ProxmoxGuest

_SHOWN: Final = ("node", "vmid", "hostname", "clone", "cores", "memory", "rootfs_size", "tags", "pool")
_TRIES: Final = 3


class Maker:
    """Makes and changes guests of one set of parameters."""

    def __init__(self, wanted: ProxmoxGuest, guests: Guests) -> None:
        self._wanted = wanted
        self._guests = guests
        self._kind = guests.kind
        self._client = wanted.client
        self._cluster = wanted.around

    # Planning.

    def summary(self, host: str) -> tuple[Change, ...]:
        """Return what is said of a guest that is to be made."""
        wanted = self._wanted
        said = {name: getattr(wanted, name) for name in _SHOWN} | dict(wanted.made_of())
        name = wanted.name_of(host)
        said["hostname"] = name if name != host else None
        said["node"] = wanted.node or "the one with the most free memory"
        said["vmid"] = wanted.vmid or "the next free one"
        if wanted.rootfs_size is not None:
            said["rootfs_size"] = size_text(wanted.rootfs_size)
        nets = [change_of(one, {}) for one in wanted.settings_of(host) if self._kind.family(one.key) == "net"]
        values = {name: list(value) if isinstance(value, tuple) else value for name, value in said.items()}
        return (*(Change(name, None, value) for name, value in values.items() if value not in (None, [])), *nets)

    # Making.

    def create(self, host: str, *, vmid: int | None = None, before: Seen | None = None) -> Seen:
        """Return a new guest. Raises JetpackError, with nothing left of it or what is left named.

        :param vmid: The number it must have, where the map says none.
        :param before: The guest that it replaces, whose hardware addresses it keeps.
        """
        wanted = self._wanted
        source_node, source = self._source(host, before)
        wanted.surroundings.check()
        wanted.surroundings.say("making it")
        marks: list[Mark] = []

        def begin(number: int) -> object:
            mark = Mark(host, number, made_of=wanted.made_of())
            marks[:] = [mark]
            return self._begin(host, Place(self._target(source_node), self._kind.api, number), source, mark, before)

        number, upid = self._cluster.claim(vmid or wanted.vmid, wanted.vmid_range, begin)
        place, mark = Place(self._target(source_node), self._kind.api, number), marks[0]
        try:
            self._remember(host, place, mark)
            self._await(place, upid, f"making {host} ({number})")
            return self._finish(host, place)
        except JetpackError as error:
            raise self._undone(host, place, mark, error) from error

    def _source(self, host: str, before: Seen | None) -> tuple[str, str]:
        """Return the node that a guest is made on, and what it is made of."""
        wanted = self._wanted
        if wanted.clone is not None:
            return self._template()
        node = wanted.node or (before.place.node if before is not None else "")
        if not node:
            storages = {wanted.disk_storage, *(disk.storage for disk in wanted.disks_of() if disk.storage)}
            name = wanted.name_of(host)
            node = self._cluster.place(name, storages, wanted.memory, wanted.placements)
        return node, wanted.prepare(self._cluster, node)

    def _template(self) -> tuple[str, str]:
        """Return the node and the number of the guest to clone. Raises JetpackError."""
        clone = self._wanted.clone
        rows = [row for row in self._cluster.guests() if row.get("type") == self._kind.api]
        fit = [row for row in rows if clone in {str(row["vmid"]), row.get("name")}]
        here = [row for row in fit if row["node"] == self._wanted.node] or fit
        if not here:
            raise JetpackError(f"there is no {self._kind.noun} {clone} to clone", hint="`clone` is its name or VMID")
        if len(here) > 1:
            numbers = ", ".join(f"{row['vmid']} on {row['node']}" for row in here)
            raise JetpackError(f"several guests are named {clone}: {numbers}", hint="say the VMID")
        return str(here[0]["node"]), str(here[0]["vmid"])

    def _target(self, source_node: str) -> str:
        return self._wanted.node or source_node

    def _begin(self, host: str, place: Place, source: str, mark: Mark, before: Seen | None) -> object:
        """Begin a guest; where no answer came, find out whether it was begun."""
        what = f"making {host} ({place.vmid})"
        try:
            if self._wanted.clone is None:
                path: tuple[object, ...] = ("nodes", place.node, self._kind.api)
                return self._client.change("POST", what, *path, parameters=self._creation(host, source, mark, before))
            return self._begin_clone(what, host, place, source, mark)
        except ApiError as error:
            if not error.unanswered:
                raise
            if self._is_there(place, mark, error):
                return None
            raise

    def _creation(self, host: str, source: str, mark: Mark, before: Seen | None) -> dict[str, object]:
        wanted = self._wanted
        given = (*wanted.settings_of(host), *wanted.settings_for({}), tag_setting(wanted))
        settings = [one for one in given if one.value is not None]
        config: Config = before.config if before is not None else {}
        return {
            **parameters(self._kind, settings, {key: config[key] for key in config if key != "tags"}),
            **{disk.key: disk.creation() for disk in wanted.disks_of()},
            **wanted.creation(source),
            "vmid": mark.vmid,
            "description": marked(wanted.description or "", mark),
            "pool": wanted.pool,
        }

    def _begin_clone(self, what: str, host: str, place: Place, source: str, mark: Mark) -> object:
        wanted, source_row = self._wanted, self._cluster.guest(int(source))
        node = str(source_row["node"]) if source_row is not None else place.node
        given: dict[str, object] = {
            "newid": place.vmid,
            self._kind.name_key: wanted.name_of(host),
            "full": wanted.full,
            "description": marked(wanted.description or "", mark),
            "pool": wanted.pool,
            "storage": wanted.storage if wanted.full else None,
            "target": place.node if place.node != node else None,
        }
        path = ("nodes", node, self._kind.api, source, "clone")
        return self._client.change("POST", what, *path, parameters=given)

    def _is_there(self, place: Place, mark: Mark, error: ApiError) -> bool:
        """Tell whether a call without an answer made the guest. Raises JetpackError where that cannot be found out."""
        try:
            config = self._client.get(error.message, *place.path, "config")
        except ApiError as silence:
            if silence.missing:
                return False
            raise self._left(place, error, "may have been made") from silence
        found = read_mark(configured(config, "description") or "")
        return found is not None and found.id == mark.id

    def _await(self, place: Place, upid: object, what: str) -> None:
        """Wait until a guest is made; one whose task nobody told us of, until it is locked no more."""
        timeout = self._wanted.create_timeout
        if upid is not None:
            self._client.wait(upid, what, timeout=timeout)
            return
        pause = Pause(timeout)
        while self._client.get(what, *place.path, "status", "current").get("lock"):
            if pause.over:
                raise JetpackError(f"{what}: it is still locked after {timeout:g} s")
            pause.wait()

    def _finish(self, host: str, place: Place) -> Seen:
        """Give a guest what the call that made it could not, and start it."""
        wanted = self._wanted
        found = self._guests.look(place, pool=wanted.pool)
        wanted.surroundings.check()
        # What a clone has of its template's secrets is not told, so they are written whatever it has.
        secrets = [one for one in wanted.settings_of(host) if one.secret and wanted.clone is not None]
        self._settle(host, found, parameters(self._kind, secrets, {}))
        if wanted.start_on_create:
            wanted.surroundings.check()
            wanted.surroundings.say("starting it")
            self._guests.start(place, host, wanted.start_timeout)
        return self._guests.look(place, pool=wanted.pool, new=True)

    def _remember(self, host: str, place: Place, mark: Mark) -> None:
        note = Note(host, self._client.access.url, place.vmid, mark.id)
        self._wanted.notebook.write(note)

    # When something failed.

    def _undone(self, host: str, place: Place, mark: Mark, error: JetpackError) -> JetpackError:
        """Remove what was made, and return the error to raise."""
        wanted = self._wanted
        wanted.surroundings.say("removing what was made")
        try:
            if self._guests.look(place).running:
                self._guests.stop(place, host, wanted.shutdown_timeout)
            self._guests.remove(place, host, mark, wanted.create_timeout)
        except ApiError as left:
            if not left.missing:
                return self._left(place, error, "is left")
        except JetpackError:
            return self._left(place, error, "is left")
        wanted.notebook.forget(host)
        return error

    def _left(self, place: Place, error: JetpackError, what: str) -> JetpackError:
        command = f"{self._kind.command} destroy {place.vmid} --purge"
        hint = f"the {self._kind.noun} {place.vmid} on {place.node} {what}: run it again, or remove it there: {command}"
        return JetpackError(error.message, hint=f"{error.hint}; {hint}" if error.hint else hint)

    # Changing.

    def update(self, host: str, found: Seen) -> Seen:
        """Return a guest that was changed in place, and restarted where that was asked for."""
        cold = self._settle(host, found, whole=False)
        if cold and found.running and self._wanted.restart_on_update:
            self._wanted.surroundings.say("restarting it")
            self._guests.stop(found.place, host, self._wanted.shutdown_timeout)
            self._guests.start(found.place, host, self._wanted.start_timeout)
        return self._guests.look(found.place, pool=self._wanted.pool or found.pool)

    def _settle(
        self, host: str, found: Seen, besides: Mapping[str, object] | None = None, *, whole: bool = True
    ) -> bool:
        """Bring a guest's configuration, disks and pool to what they are to be; tell whether it needs a restart.

        :param besides: What to write even where nothing differs.
        :param whole: Raise JetpackError where only a new guest would do; otherwise that is left as it is.
        """
        place, difference = found.place, self._possible(host, found, whole=whole)
        for left in reversed(range(_TRIES)):
            try:
                self._write(host, place, {**difference.written, **(besides or {})}, found.config)
                break
            except ApiError as error:
                # Somebody else wrote at the same moment: what they did is looked at first.
                if not left or not error.says("changed by other user"):
                    raise
            found = self._guests.look(place, pool=found.pool)
            difference = self._possible(host, found, whole=whole)
        for disk, size in difference.grown.items():
            self._grow(host, place, disk, size)
        if difference.pool is not None:
            self._move(host, place, difference.pool)
        return bool(difference.cold)

    def _possible(self, host: str, found: Seen, *, whole: bool) -> Difference:
        """Return in what a guest differs. Raises JetpackError where only a new one would do for the whole of it."""
        difference = self._wanted.difference(host, found)
        if difference.impossible and whole:
            names = ", ".join(change.field for change in difference.impossible)
            raise JetpackError(f"{host} ({found.place.vmid}): {names}: {difference.why_impossible}")
        return difference

    def _write(self, host: str, place: Place, given: Mapping[str, object], config: Config) -> None:
        if given:
            what = f"changing {host} ({place.vmid})"
            parameters = {**given, "digest": config.get("digest")}
            answer = self._client.change("PUT", what, *place.path, "config", parameters=parameters)
            self._client.wait(answer, what, timeout=self._wanted.create_timeout)

    def _grow(self, host: str, place: Place, disk: str, size: str) -> None:
        what, parameters = f"growing {disk} of {host} ({place.vmid})", {"disk": disk, "size": size}
        timeout = self._wanted.create_timeout
        try:
            self._client.work("PUT", what, *place.path, "resize", parameters=parameters, timeout=timeout)
        except ApiError as error:
            if not error.says("already at specified size"):
                raise

    def _move(self, host: str, place: Place, pool: str) -> None:
        what = f"moving {host} ({place.vmid}) to the pool {pool}"
        parameters = {"poolid": pool, "vms": str(place.vmid), "allow-move": True}
        self._client.change("PUT", what, "pools", parameters=parameters)

    # Replacing.

    def replace(self, host: str, found: Seen) -> Seen:
        """Return a new guest in the place of an old one, which is removed once all is there to make the new one."""
        wanted, place = self._wanted, found.place
        if found.mark is None:
            raise JetpackError(f"{host} ({place.vmid}) was not made by Jetpack")
        check_removable(self._kind, place, host, found.mark, found.config)
        self._source(host, found)
        if found.running:
            self._guests.stop(place, host, wanted.shutdown_timeout)
        self._guests.remove(place, host, found.mark, wanted.create_timeout)
        wanted.notebook.forget(host)
        return self.create(host, vmid=place.vmid, before=found)
