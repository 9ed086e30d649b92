# SPDX-License-Identifier: GPL-3.0-or-later
"""Make a guest, or leave nothing of it.

The domain comes first, marked as unfinished and with the names of all that is going to be made for it. So whatever
happens, even to this process, the next run knows what is whose.
"""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final
from xml.etree.ElementTree import Element

from jetpack_core.errors import JetpackError
from jetpack_provisioner_libvirt.acceleration import KVM, Abilities, abilities_of
from jetpack_provisioner_libvirt.daemon import code_of, domain_with, found, parsed, refusals
from jetpack_provisioner_libvirt.domain import (
    add_disk,
    cards_of,
    disk_element,
    free_target,
    new_domain,
    new_mac,
    seed_element,
    text_of,
    write_cards,
)
from jetpack_provisioner_libvirt.mark import Maker, Mark, Volume
from jetpack_provisioner_libvirt.seed import HostKey, Seed, iso_of, new_host_key
from jetpack_provisioner_libvirt.storage import by_hand, is_taken
from jetpack_provisioner_libvirt.values import shown_size
from jetpack_provisioner_libvirt.view import look

if TYPE_CHECKING:
    from jetpack_core.contracts.provisioner import Guest
    from jetpack_provisioner_libvirt.images import Base, BaseImage
    from jetpack_provisioner_libvirt.provisioner import Tools, VirtualMachine

_MACHINE: Final = "q35"
_BEST_CPU: Final = "host-passthrough"


@dataclass(slots=True)
class _Made:
    """What was begun for a guest that is being made."""

    identity: str
    volumes: list[Volume] = field(default_factory=list)


class Creation:
    """Makes one guest."""

    def __init__(self, wanted: VirtualMachine, tools: Tools, host: str) -> None:
        self._wanted = wanted
        self._tools = tools
        self._host = host
        self._name = wanted.domain_name(host)

    def check(self) -> Abilities:
        """Raise JetpackError for what is missing, as far as can be told without making anything."""
        wanted, tools = self._wanted, self._tools
        abilities = abilities_of(tools.connection, tools.uri)
        for pool in sorted({wanted.pool, *(one.pool or wanted.pool for one in wanted.extra_disks)}):
            tools.storage.pool(pool)
        for disk in wanted.extra_disks:
            pool = disk.pool or wanted.pool
            if disk.volume is not None and tools.storage.volume(pool, disk.volume) is None:
                raise JetpackError(f"the storage pool {pool} has no volume {disk.volume!r} for the disk {disk.name}")
        check_networks(tools, wanted)
        image = self._image()
        if image is not None:
            image.check()
        return abilities

    def make(self, macs: Sequence[str] = ()) -> Guest:
        """Return the new guest. Raises JetpackError; nothing is left then, or the error names it.

        :param macs: Addresses of an older guest's network cards, which this one takes over.
        """
        abilities, base = self.prepare()
        self._tools.check()
        volumes = self._wanted.volumes_of(self._name)
        self._check_free(volumes)
        kind = self._accelerated(abilities) if self._wanted.domain_type == "auto" else ""
        key = new_host_key() if self._has_seed and self._seed().takes_host_keys else None
        made = _Made(str(uuid.uuid4()))
        with self._undone_on_failure(made):
            mark = self._mark(volumes, key)
            root = new_domain(self._name, made.identity, abilities.architecture, self._values(abilities, kind), mark)
            self._write_cards(root, macs)
            self._define(root)
            self._fill(root, volumes, base, key, made)
            replace(mark, making=None).write(root)
            domain = self._define(root)
            self._start(domain)
            return look(self._host, domain, self._tools.storage)

    def prepare(self) -> tuple[Abilities, Base | None]:
        """Bring the base image to the pool. Raises JetpackError, also for all else that is missing."""
        abilities = self.check()
        image = self._image()
        base = image.bring() if image is not None else None
        self._check_size(base)
        return abilities, base

    def _accelerated(self, abilities: Abilities) -> str:
        """Return the type of the domain, and warn where it is not what everybody expects."""
        kind, why = self._tools.acceleration().choose(abilities)
        if why and KVM in abilities.kinds:
            # That there is none at all, the plan says.
            self._tools.warn(f"{why}; so {self._name} is emulated, which is slow")
        return kind

    # What it is made from.

    @property
    def _has_seed(self) -> bool:
        return self._wanted.cloud_init is not False

    def _seed(self) -> Seed:
        return Seed(self._wanted, self._wanted.hostname or self._host)

    def _image(self) -> BaseImage | None:
        return self._tools.image(self._wanted)

    def _check_size(self, base: Base | None) -> None:
        size = self._wanted.disk_size
        if base is not None and size is not None and size < base.size:
            message = f"`disk_size` is {shown_size(size)}, but the base image has {shown_size(base.size)}"
            raise JetpackError(message, hint="a disk can be larger than its image, never smaller")

    def _check_free(self, volumes: dict[str, Volume]) -> None:
        for pool, name in volumes.values():
            if self._tools.storage.volume(pool, name) is not None:
                hint = f"look whether anybody needs it; if not: {by_hand(self._tools.uri, pool, name)}"
                raise JetpackError(f"the storage pool {pool} has a volume {name} already", hint=hint)

    def _mark(self, volumes: dict[str, Volume], key: HostKey | None) -> Mark:
        return Mark(
            host=self._host,
            fixed=self._wanted.fixed_values(self._host, self._tools),
            volumes=volumes,
            extra=tuple(one.name for one in self._wanted.extra_disks),
            host_keys=(key.public,) if key is not None else (),
            making=Maker.now(),
        )

    def _values(self, abilities: Abilities, kind: str) -> dict[str, Any]:
        """Return what the fields of the XML are to be, what was not said chosen well."""
        values = self._wanted.xml_values()
        if kind:
            values["domain_type"] = kind
        if values["domain_type"] == KVM:
            values.setdefault("cpu_mode", _BEST_CPU)
        if _MACHINE in abilities.machines:
            values.setdefault("machine", _MACHINE)
        return values

    def _write_cards(self, root: Element, macs: Sequence[str]) -> None:
        taken = dict(enumerate(macs))
        nics = [
            nic.model_copy(update={"mac": nic.mac or taken.get(index) or new_mac()})
            for index, nic in enumerate(self._wanted.networks)
        ]
        write_cards(root, nics)

    # Making it.

    def _define(self, root: Element) -> Any:
        import libvirt

        with refusals(f"defining the guest {self._name}", self._tools.uri):
            return self._tools.connection.defineXMLFlags(text_of(root), libvirt.VIR_DOMAIN_DEFINE_VALIDATE)

    def _fill(
        self, root: Element, volumes: dict[str, Volume], base: Base | None, key: HostKey | None, made: _Made
    ) -> None:
        """Make the volumes and give them to the domain."""
        if "disk" in volumes:
            self._tools.say("making its disk")
            size = self._wanted.disk_size or (base.size if base is not None else 0)
            backing = (base.path, base.form) if base is not None else None
            volume = self._volume(volumes["disk"], size, made, backing)
            self._add(root, volume, "virtio")
        for disk in self._wanted.extra_disks:
            if disk.size is not None:
                volume = self._volume(volumes[f"extra.{disk.name}"], disk.size, made)
            else:
                volume = self._tools.storage.volume(disk.pool or self._wanted.pool, str(disk.volume))
            self._add(root, volume, disk.bus, disk.name)
        if "seed" in volumes:
            self._add_seed(root, volumes["seed"], key, made)

    def _volume(
        self, place: Volume, size: int, made: _Made, backing: tuple[str, str] | None = None, form: str = "qcow2"
    ) -> Any:
        self._tools.check()
        # Noted first: what is refused may be made all the same.
        made.volumes.append(place)
        try:
            return self._tools.storage.make(*place, size, form, backing)
        except JetpackError as error:
            if is_taken(error):
                made.volumes.remove(place)
            raise

    def _add(self, root: Element, volume: Any, bus: str, serial: str = "") -> None:
        add_volume(self._tools, root, volume, bus, serial)

    def _add_seed(self, root: Element, place: Volume, key: HostKey | None, made: _Made) -> None:
        seed, macs = self._seed(), [one.mac for one in cards_of(root)]
        data = iso_of(seed.files(made.identity, macs, key))
        volume = self._volume(place, len(data), made, form="raw")
        self._tools.storage.fill(volume, [data])
        with refusals("looking at the disk for cloud-init", self._tools.uri):
            path = volume.path()
        add_disk(root, seed_element(path, seed.bus, free_target(root, seed.bus)))

    def _start(self, domain: Any) -> None:
        self._tools.check()
        with refusals(f"starting the guest {self._name}", self._tools.uri):
            if self._wanted.autostart:
                domain.setAutostart(1)
            if self._wanted.start_on_create:
                self._tools.say("starting it")
                domain.create()

    # Undoing it.

    @contextlib.contextmanager
    def _undone_on_failure(self, made: _Made) -> Iterator[None]:
        try:
            yield
        except BaseException as error:
            left = self._undo(made)
            if left and isinstance(error, JetpackError):
                hint = f"left behind may be {', '.join(left)}; the next run, or `jetpack destroy`, removes them"
                raise JetpackError(error.message, hint=f"{error.hint}; {hint}" if error.hint else hint) from error
            raise

    def _undo(self, made: _Made) -> list[str]:
        """Remove what was made, and return the names of what may be left."""
        domain = f"the domain {self._name} ({made.identity})"
        left = [] if self._powered_off(made) else [domain]
        for pool, name in made.volumes:
            try:
                self._tools.storage.remove(pool, name)
            except JetpackError:
                left.append(f"the volume {name} of the pool {pool}")
        # The domain knows what belongs to it, so it goes last, and only if nothing is left.
        if not left and not self._undefined(made):
            left.append(domain)
        return left

    def _powered_off(self, made: _Made) -> bool:
        try:
            with refusals("undoing"):
                domain = domain_with(self._tools.connection, made.identity)
                if domain is not None and domain.isActive():
                    domain.destroy()
        except JetpackError:
            return False
        return True

    def _undefined(self, made: _Made) -> bool:
        try:
            with refusals("undoing"):
                domain = domain_with(self._tools.connection, made.identity)
                if domain is not None:
                    undefine(domain)
        except JetpackError:
            return False
        return True


def add_volume(tools: Tools, root: Element, volume: Any, bus: str, serial: str = "") -> Element:
    """Give a domain a volume as a disk, and return the disk. Raises JetpackError."""
    import libvirt

    with refusals("looking at a volume", tools.uri):
        path, kind = volume.path(), volume.info()[0]
        form = parsed(volume.XMLDesc(0)).find("target/format")
    block = kind == libvirt.VIR_STORAGE_VOL_BLOCK
    name = (form.get("type") if form is not None else None) or "raw"
    element = disk_element(path, name, bus, free_target(root, bus), block=block, serial=serial)
    add_disk(root, element)
    return element


def undefine(domain: Any) -> None:
    """Let libvirt forget a domain, with all that libvirt keeps for it."""
    import libvirt

    flags = libvirt.VIR_DOMAIN_UNDEFINE_MANAGED_SAVE | libvirt.VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA
    if parsed(domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE)).find("os/nvram") is not None:
        flags |= libvirt.VIR_DOMAIN_UNDEFINE_NVRAM
    try:
        domain.undefineFlags(flags | libvirt.VIR_DOMAIN_UNDEFINE_CHECKPOINTS_METADATA)
    except libvirt.libvirtError as error:
        # Hypervisors without checkpoints know no such flag.
        if code_of(error) != libvirt.VIR_ERR_INVALID_ARG:
            raise
        domain.undefineFlags(flags)


def check_networks(tools: Tools, wanted: VirtualMachine) -> None:
    """Raise JetpackError for networks that are not there or not active."""
    names = {nic.network for nic in wanted.networks if nic.network is not None}
    for name in sorted(names):
        with refusals(f"looking for the network {name}", tools.uri):
            network = found(partial(tools.connection.networkLookupByName, name), "VIR_ERR_NO_NETWORK")
            if network is None:
                known = sorted(one.name() for one in tools.connection.listAllNetworks())
                there = f"there are: {', '.join(known)}" if known else "there is none yet"
                raise JetpackError(f"{tools.uri} has no network {name!r}; {there}", hint="`bridge` names a bridge")
            if not network.isActive():
                hint = f"start it with: virsh -c {tools.uri} net-start {name}"
                raise JetpackError(f"the network {name} of {tools.uri} is not active", hint=hint)
