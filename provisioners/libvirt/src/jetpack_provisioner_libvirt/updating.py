# SPDX-License-Identifier: GPL-3.0-or-later
"""Change a guest in place: what it is from its next start on, and at once where libvirt can."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any
from xml.etree.ElementTree import Element

from jetpack_core.errors import JetpackError
from jetpack_provisioner_libvirt.creation import add_volume, check_networks
from jetpack_provisioner_libvirt.daemon import refusals, words
from jetpack_provisioner_libvirt.differences import Differences, can_live
from jetpack_provisioner_libvirt.domain import (
    cards_of,
    disk_at,
    disk_with_serial,
    plug_elsewhere,
    source_of,
    target_of,
    text_of,
    write_cards,
)
from jetpack_provisioner_libvirt.fields import XML_FIELDS, devices_of, seen_memory, seen_vcpus
from jetpack_provisioner_libvirt.mark import NAMESPACE, PREFIX, Mark
from jetpack_provisioner_libvirt.storage import by_hand, is_taken
from jetpack_provisioner_libvirt.values import Disk
from jetpack_provisioner_libvirt.view import View, domain_of, look, view_of

if TYPE_CHECKING:
    from jetpack_core.contracts.provisioner import Guest
    from jetpack_provisioner_libvirt.provisioner import Tools, VirtualMachine


class Update:
    """Changes one guest.

    :param guest: As it is now.
    """

    def __init__(self, wanted: VirtualMachine, tools: Tools, guest: Guest) -> None:
        self._wanted = wanted
        self._tools = tools
        self._guest = guest
        self._view = view_of(guest)
        self._domain = domain_of(tools.connection, tools.uri, guest)
        self._values = wanted.xml_values()
        self._given = wanted.model_fields_set

    def make(self) -> Guest:
        """Return the guest as it is then. Raises JetpackError; the next run does what is left to do."""
        if self._matters("networks"):
            check_networks(self._tools, self._wanted)
        self._tools.check()
        root = self._configured()
        self._tools.check()
        self._grow()
        if self._matters("autostart"):
            with refusals(f"setting the autostart of {self._guest.name}", self._tools.uri):
                self._domain.setAutostart(int(self._wanted.autostart))
        if self._view.live is not None:
            self._change_live(root, self._view.live)
        return self._noted()

    def _matters(self, name: str) -> bool:
        """Tell whether a parameter is changed; of a guest that was taken over, only what was said of it."""
        return self._view.mark is not None or name in self._given

    # From the next start on.

    def _configured(self) -> Element:
        """Return the domain's XML, written anew."""
        import libvirt

        root = copy.deepcopy(self._view.config)
        for field in XML_FIELDS:
            if field.name in self._values and self._matters(field.name) and not field.fixed:
                field.write(root, self._values[field.name])
        if self._matters("networks"):
            write_cards(root, self._wanted.networks)
        if self._matters("extra_disks"):
            self._write_disks(root)
        with refusals(f"changing the guest {self._guest.name}", self._tools.uri):
            self._tools.connection.defineXMLFlags(text_of(root), libvirt.VIR_DOMAIN_DEFINE_VALIDATE)
        return root

    def _write_disks(self, root: Element) -> None:
        mark = self._view.mark
        wanted = {one.name: one for one in self._wanted.extra_disks}
        for name in mark.extra if mark is not None else ():
            element = disk_with_serial(root, name)
            if name not in wanted and element is not None:
                devices_of(root).remove(element)
        for disk in wanted.values():
            self._write_disk(root, disk)
        if mark is not None:
            # Those that went stay the guest's own, and are removed with it.
            names = tuple(dict.fromkeys((*mark.extra, *wanted)))
            replace(self._mark(), extra=names).write(root)

    def _write_disk(self, root: Element, disk: Disk) -> None:
        element = disk_with_serial(root, disk.name)
        if element is not None:
            bus = element.find("target")
            if bus is not None and bus.get("bus") == disk.bus:
                return
            devices_of(root).remove(element)
        add_volume(self._tools, root, self._volume(disk), disk.bus, disk.name)

    def _volume(self, disk: Disk) -> Any:
        """Return the volume of a disk, made where it is not there. Raises JetpackError."""
        pool = disk.pool or self._wanted.pool
        if disk.volume is not None:
            volume = self._tools.storage.volume(pool, disk.volume)
            if volume is None:
                raise JetpackError(f"the storage pool {pool} has no volume {disk.volume!r} for the disk {disk.name}")
            return volume
        role, place = f"extra.{disk.name}", (pool, f"{self._view.name}-{disk.name}.qcow2")
        known = self._mark().volumes.get(role)
        volume = self._tools.storage.volume(*(known or place))
        if volume is not None and known is None:
            hint = f"look whether anybody needs it; if not: {by_hand(self._tools.uri, *place)}"
            raise JetpackError(f"the storage pool {pool} has a volume {place[1]} already", hint=hint)
        return volume if volume is not None else self._made(role, known or place, disk)

    def _made(self, role: str, place: tuple[str, str], disk: Disk) -> Any:
        """Return a new volume. It is the guest's before it is there, so that it is never forgotten."""
        before = self._mark()
        self._set_mark(replace(before, volumes={**before.volumes, role: place}))
        try:
            return self._tools.storage.make(*place, disk.size or 0, "qcow2")
        except JetpackError as error:
            if is_taken(error):
                self._set_mark(before)
            raise

    def _mark(self) -> Mark:
        return self._view.mark or Mark(host=self._guest.name)

    def _set_mark(self, mark: Mark) -> None:
        import libvirt

        if self._view.mark is None:
            # What others made stays theirs, also when it is taken over.
            return
        with refusals(f"writing down what belongs to {self._guest.name}", self._tools.uri):
            self._domain.setMetadata(
                libvirt.VIR_DOMAIN_METADATA_ELEMENT, mark.xml(), PREFIX, NAMESPACE, libvirt.VIR_DOMAIN_AFFECT_CONFIG
            )
        self._view = replace(self._view, mark=mark)

    def _grow(self) -> None:
        """Make disks larger."""
        sizes = {"disk": self._wanted.disk_size}
        sizes |= {f"extra.{one.name}": one.size for one in self._wanted.extra_disks}
        for role, size in sizes.items():
            seen, place = self._view.sizes.get(role), self._mark().volumes.get(role)
            if seen is not None and place is not None and size is not None and size > seen:
                self._grow_one(role, place, size)

    def _grow_one(self, role: str, place: tuple[str, str], size: int) -> None:
        import libvirt

        path, live = self._tools.storage.path(*place), self._view.live
        disk = disk_at(live, path) if live is not None else None
        if role == "disk" and disk_at(live if live is not None else self._view.config, path) is None:
            hint = f"if a snapshot took its place, merge it first: virsh -c {self._tools.uri} blockcommit"
            raise JetpackError(f"the guest {self._view.name} does not use its disk {path} any more", hint=hint)
        if disk is None:
            self._tools.storage.grow(*place, size)
            return
        # QEMU has it open; it tells the guest as well.
        with refusals(f"growing the disk {place[1]}", self._tools.uri):
            self._domain.blockResize(target_of(disk), size, libvirt.VIR_DOMAIN_BLOCK_RESIZE_BYTES)

    # At once.

    def _change_live(self, root: Element, live: Element) -> None:
        """Change the running guest as far as it can be changed; what cannot be waits for its next start."""
        import libvirt

        flag = libvirt.VIR_DOMAIN_AFFECT_LIVE
        memory, vcpus = self._wanted.memory, self._wanted.vcpus
        if self._matters("memory") and memory != seen_memory(live) and can_live(live, "memory", memory):
            self._try("the memory", partial(self._domain.setMemoryFlags, memory >> 10, flag))
        if self._matters("vcpus") and vcpus != seen_vcpus(live) and can_live(live, "vcpus", vcpus):
            self._try("the number of processors", partial(self._domain.setVcpusFlags, vcpus, flag))
        if self._matters("networks"):
            self._change_cards(root, live, flag)
        if self._matters("extra_disks"):
            self._plug_disks(root, live, flag)

    def _try(self, what: str, change: Callable[[], Any]) -> None:
        import libvirt

        self._tools.check()
        try:
            change()
        except libvirt.libvirtError as error:
            self._tools.warn(f"{what} waits for the next start: {words(error)}")

    def _change_cards(self, root: Element, live: Element, flag: int) -> None:
        wanted = {card.mac: element for card, element in _cards(root)}
        there = {card.mac: element for card, element in _cards(live)}
        sources = {nic.source: nic for nic in self._wanted.networks}
        now = {card.mac: card for card in cards_of(live)}
        then = {card.mac: card for card in cards_of(root)}
        for mac, element in there.items():
            if mac not in wanted:
                self._try(f"taking out the card {mac}", partial(self._domain.detachDeviceFlags, text_of(element), flag))
            elif now[mac].source != then[mac].source and then[mac].source in sources:
                moved = copy.deepcopy(element)
                plug_elsewhere(moved, sources[then[mac].source])
                self._try(
                    f"plugging the card {mac} elsewhere", partial(self._domain.updateDeviceFlags, text_of(moved), flag)
                )
        for mac, element in wanted.items():
            if mac not in there:
                self._try(
                    f"plugging in the card {mac}", partial(self._domain.attachDeviceFlags, text_of(element), flag)
                )

    def _plug_disks(self, root: Element, live: Element, flag: int) -> None:
        for disk in self._wanted.extra_disks:
            element = disk_with_serial(root, disk.name)
            if element is not None and disk_at(live, source_of(element)) is None:
                self._try(
                    f"plugging in the disk {disk.name}", partial(self._domain.attachDeviceFlags, text_of(element), flag)
                )

    def _noted(self) -> Guest:
        """Write down what waits for the next start, and return the guest."""
        guest = look(self._guest.name, self._domain, self._tools.storage)
        view: View = view_of(guest)
        if view.live is None or view.mark is None:
            return guest
        unmarked = replace(view, mark=replace(view.mark, waits=(0, ())))
        waiting = tuple(one.change.field for one in Differences(self._wanted, unmarked, self._values, {}).running())
        waits = (view.run, waiting) if waiting else (0, ())
        if waits != view.mark.waits:
            self._view = view
            self._set_mark(replace(view.mark, waits=waits))
            return look(self._guest.name, self._domain, self._tools.storage)
        return guest


def _cards(root: Element) -> list[tuple[Any, Element]]:
    return list(zip(cards_of(root), root.findall("devices/interface"), strict=True))
