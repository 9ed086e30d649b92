# SPDX-License-Identifier: GPL-3.0-or-later
"""The XML of a domain: its disks and network cards, and a new one as a whole."""

from __future__ import annotations

import string
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from xml.etree.ElementTree import Element, SubElement, tostring

from jetpack_provisioner_libvirt.fields import XML_FIELDS, devices_of
from jetpack_provisioner_libvirt.mark import Mark
from jetpack_provisioner_libvirt.values import Nic

_SLOTS: Final = 16
_PREFIXES: Final = {"virtio": "vd", "scsi": "sd", "sata": "sd", "ide": "hd"}


@dataclass(frozen=True, slots=True)
class Card:
    """A network card as a domain has it."""

    mac: str
    source: str
    """`network NAME` or `bridge NAME`, or what else it is."""
    model: str


def text_of(root: Element) -> str:
    """Return XML as text."""
    return tostring(root, encoding="unicode")


# Network cards.


def cards_of(root: Element) -> tuple[Card, ...]:
    """Return the network cards of a domain, in their order."""
    return tuple(_card(one) for one in root.findall("devices/interface"))


def _card(element: Element) -> Card:
    mac, source, model = (element.find(tag) for tag in ("mac", "source", "model"))
    attributes = source.attrib if source is not None else {}
    kind = element.get("type", "")
    return Card(
        mac=mac.get("address", "").lower() if mac is not None else "",
        source=f"{kind} {attributes.get(kind, '')}".strip(),
        model=model.get("type", "") if model is not None else "",
    )


def new_mac() -> str:
    """Return an Ethernet address out of those of QEMU that nobody is likely to have."""
    tail = uuid.uuid4().bytes
    return f"52:54:00:{tail[0]:02x}:{tail[1]:02x}:{tail[2]:02x}"


def card_element(nic: Nic, mac: str) -> Element:
    """Return a new network card."""
    kind = "network" if nic.network is not None else "bridge"
    element = Element("interface", type=kind)
    SubElement(element, "mac", address=mac)
    SubElement(element, "source", {kind: nic.network or nic.bridge or ""})
    SubElement(element, "model", type=nic.model)
    return element


def plug_elsewhere(element: Element, nic: Nic) -> None:
    """Change what an existing card is plugged into, and keep the card."""
    kind = "network" if nic.network is not None else "bridge"
    element.set("type", kind)
    for tag in ("source", "target", "backend"):
        for one in element.findall(tag):
            element.remove(one)
    SubElement(element, "source", {kind: nic.network or nic.bridge or ""})


def write_cards(root: Element, nics: Sequence[Nic]) -> None:
    """Give a domain the cards that are wanted; a card keeps its address and its slot where it can."""
    devices = devices_of(root)
    there = devices.findall("interface")
    for index, nic in enumerate(nics):
        if index >= len(there):
            devices.append(card_element(nic, nic.mac or new_mac()))
            continue
        card = _card(there[index])
        if card.model != nic.model or nic.mac not in {None, card.mac}:
            devices.insert(list(devices).index(there[index]), card_element(nic, nic.mac or card.mac))
            devices.remove(there[index])
        elif card.source != nic.source:
            plug_elsewhere(there[index], nic)
    for element in there[len(nics) :]:
        devices.remove(element)


# Disks.


def disk_element(path: str, form: str, bus: str, target: str, *, block: bool = False, serial: str = "") -> Element:
    """Return a new disk.

    Volumes are named by their paths: the confinement of AppArmor knows of no others.
    """
    element = Element("disk", type="block" if block else "file", device="disk")
    SubElement(element, "driver", name="qemu", type=form, discard="unmap")
    SubElement(element, "source", {"dev" if block else "file": path})
    SubElement(element, "target", dev=target, bus=bus)
    if serial:
        SubElement(element, "serial").text = serial
    return element


def seed_element(path: str, bus: str, target: str) -> Element:
    """Return the disk that cloud-init reads."""
    element = Element("disk", type="file", device="disk" if bus == "virtio" else "cdrom")
    SubElement(element, "driver", name="qemu", type="raw")
    SubElement(element, "source", file=path)
    SubElement(element, "target", dev=target, bus=bus)
    SubElement(element, "readonly")
    return element


def disk_with_serial(root: Element, serial: str) -> Element | None:
    """Return the disk of a domain that has a serial number."""
    return next((one for one in root.findall("devices/disk") if one.findtext("serial") == serial), None)


def disk_at(root: Element, path: str) -> Element | None:
    """Return the disk of a domain that is at a path of the hypervisor."""
    return next((one for one in root.findall("devices/disk") if source_of(one) == path), None)


def source_of(disk: Element) -> str:
    """Return the path of a disk."""
    source = disk.find("source")
    return (source.get("file") or source.get("dev") or "") if source is not None else ""


def bus_of(disk: Element) -> str:
    """Return how the guest sees a disk."""
    target = disk.find("target")
    return target.get("bus", "") if target is not None else ""


def target_of(disk: Element) -> str:
    """Return the name by which libvirt knows a disk."""
    target = disk.find("target")
    return target.get("dev", "") if target is not None else ""


def free_target(root: Element, bus: str) -> str:
    """Return a name for a disk that no other has."""
    taken = {target_of(one) for one in root.findall("devices/disk")}
    prefix = _PREFIXES[bus]
    return next(name for name in _names(prefix) if name not in taken)


def _names(prefix: str) -> Iterator[str]:
    for first in ("", *string.ascii_lowercase):
        for last in string.ascii_lowercase:
            yield f"{prefix}{first}{last}"


def add_disk(root: Element, element: Element) -> None:
    """Give a domain a disk, with the controller that it needs."""
    devices = devices_of(root)
    if bus_of(element) == "scsi" and not _has_scsi(root):
        SubElement(devices, "controller", type="scsi", index="0", model="virtio-scsi")
    devices.append(element)


def _has_scsi(root: Element) -> bool:
    return any(one.get("type") == "scsi" for one in root.findall("devices/controller"))


# A new domain.


def new_domain(name: str, identity: str, architecture: str, values: Mapping[str, Any], mark: Mark) -> Element:
    """Return a domain without any disk or card.

    :param values: What its fields are to be, by their names.
    """
    root = Element("domain")
    SubElement(root, "name").text = name
    SubElement(root, "uuid").text = identity
    system = SubElement(root, "os")
    SubElement(system, "type", arch=architecture).text = "hvm"
    features = SubElement(root, "features")
    SubElement(features, "acpi")
    SubElement(features, "apic")
    SubElement(root, "clock", offset="utc")
    devices = SubElement(root, "devices")
    for field in XML_FIELDS:
        if field.name in values:
            field.write(root, values[field.name])
    if values.get("direct_kernel") is None:
        SubElement(system, "boot", dev="hd")
        SubElement(system, "boot", dev="network")
    if "q35" in str(values.get("machine")):
        # Cards and disks can be plugged into a running guest only where there are free slots.
        SubElement(devices, "controller", type="pci", index="0", model="pcie-root")
        for index in range(1, _SLOTS + 1):
            SubElement(devices, "controller", type="pci", index=str(index), model="pcie-root-port")
    SubElement(SubElement(devices, "rng", model="virtio"), "backend", model="random").text = "/dev/urandom"
    SubElement(devices, "memballoon", model="virtio")
    mark.write(root)
    return root
