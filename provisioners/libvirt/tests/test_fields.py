# SPDX-License-Identifier: GPL-3.0-or-later
"""Fields of a domain's XML are read as they were written, and leave alone what is not theirs."""

from __future__ import annotations

from typing import Any
from xml.etree.ElementTree import fromstring

import pytest

pytest.importorskip("jetpack_provisioner_libvirt", reason="libvirt-python cannot be compiled here: no libvirt headers")

from jetpack_provisioner_libvirt.domain import card_element, cards_of, free_target, text_of, write_cards
from jetpack_provisioner_libvirt.fields import XML_FIELDS
from jetpack_provisioner_libvirt.mark import Maker, Mark, mark_of
from jetpack_provisioner_libvirt.values import Nic

FIELDS = {one.name: one for one in XML_FIELDS}
EMPTY = "<domain><os><type arch='x86_64'>hvm</type></os><devices/></domain>"
RICH = """
<domain type='kvm'>
  <memory unit='GiB'>2</memory><currentMemory unit='MiB'>1024</currentMemory>
  <vcpu current='2'>4</vcpu><vcpus><vcpu id='0' enabled='yes'/></vcpus>
  <os><type machine='pc-q35-7.2'>hvm</type><loader type='pflash'>/ovmf.fd</loader><kernel>/old</kernel></os>
  <cpu mode='custom'><model>EPYC</model></cpu>
  <devices><serial type='pty'><log file='/log'/></serial><console type='pty'/><graphics type='spice'/><video/>
    <channel><target type='virtio' name='org.qemu.guest_agent.0'/></channel>
    <channel><target type='virtio' name='com.redhat.spice.0'/></channel></devices>
</domain>"""


@pytest.mark.parametrize("before", [EMPTY, RICH])
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("domain_type", "qemu"),
        ("machine", "pc"),
        ("firmware", "uefi"),
        ("memory", 3 << 30),
        ("memory_max", 5 << 30),
        ("vcpus", 3),
        ("vcpus_max", 8),
        ("cpu_mode", "host-passthrough"),
        ("cpu_mode", "Skylake-Server"),
        ("direct_kernel", {"kernel": "/vmlinuz", "cmdline": "quiet"}),
        ("direct_kernel", None),
        ("graphics", "vnc"),
        ("graphics", "none"),
        ("console", True),
        ("console", False),
        ("guest_agent", True),
        ("guest_agent", False),
    ],
)
def test_what_is_written_is_seen(before: str, name: str, value: Any) -> None:
    root = fromstring(before)  # noqa: S314 - our own
    FIELDS[name].write(root, value)
    again = fromstring(text_of(root))  # noqa: S314 - our own
    assert FIELDS[name].same(FIELDS[name].seen(again), value)


def test_what_libvirt_wrote_is_understood() -> None:
    root = fromstring(RICH)  # noqa: S314 - our own
    assert {name: field.seen(root) for name, field in FIELDS.items()} == {
        "domain_type": "kvm",
        "machine": "pc-q35-7.2",
        "firmware": "uefi",
        "memory": 1 << 30,
        "memory_max": 2 << 30,
        "vcpus": 2,
        "vcpus_max": 4,
        "cpu_mode": "EPYC",
        "direct_kernel": {"kernel": "/old"},
        "graphics": "spice",
        "console": True,
        "console_log": "/log",
        "guest_agent": True,
    }
    FIELDS["guest_agent"].write(root, False)
    assert "com.redhat.spice.0" in text_of(root)


@pytest.mark.parametrize(
    ("seen", "wanted", "same"),
    [
        ("pc-q35-7.2", "q35", True),
        ("pc-q35-7.2", "pc-q35-7.2", True),
        ("pc-q35-7.2", "pc-q35-8.0", False),
        ("pc-i440fx-7.2", "pc", True),
        ("pc-q35-7.2", "pc", False),
        ("virt-8.2", "virt", True),
    ],
)
def test_a_chipset_is_the_same_with_and_without_its_version(seen: str, wanted: str, same: bool) -> None:
    assert FIELDS["machine"].same(seen, wanted) is same


def test_a_card_keeps_its_slot_unless_it_becomes_another_one() -> None:
    root = fromstring(EMPTY)  # noqa: S314 - our own
    write_cards(root, [Nic(network="a", mac="52:54:00:00:00:01"), Nic(bridge="b", mac="52:54:00:00:00:02")])
    for one in root.findall("devices/interface"):
        one.append(fromstring("<address slot='1'/>"))  # noqa: S314 - our own
    write_cards(root, [Nic(network="c"), Nic(bridge="b", model="e1000")])
    assert [(card.mac, card.source, card.model) for card in cards_of(root)] == [
        ("52:54:00:00:00:01", "network c", "virtio"),
        ("52:54:00:00:00:02", "bridge b", "e1000"),
    ]
    assert [one.find("address") is not None for one in root.findall("devices/interface")] == [True, False]
    write_cards(root, [Nic(network="c")])
    assert len(cards_of(root)) == 1


def test_disks_get_names_that_are_free() -> None:
    root = fromstring(EMPTY)  # noqa: S314 - our own
    devices = root.find("devices")
    assert devices is not None
    for letter in "abcdefghijklmnopqrstuvwxyz":
        devices.append(fromstring(f"<disk><target dev='vd{letter}' bus='virtio'/></disk>"))  # noqa: S314 - our own
    assert free_target(root, "virtio") == "vdaa"
    assert free_target(root, "scsi") == "sda"


def test_a_mark_is_read_as_it_was_written_and_nothing_else_is_taken_for_one() -> None:
    root = fromstring(EMPTY)  # noqa: S314 - our own
    assert mark_of(root) is None
    mark = Mark("web1", {"ip": "dhcp"}, {"disk": ("pool", "web1.qcow2")}, ("data",), ("key",), Maker.now(), (3, ("a",)))
    mark.write(root)
    mark.write(root)
    again = fromstring(text_of(root))  # noqa: S314 - our own
    assert mark_of(again) == mark
    assert len(list(again.iter("{urn:io.jetpack:libvirt:1}guest"))) == 1
    assert mark.making is not None
    assert mark.making.is_me
    broken = text_of(root).replace('"host"', '"hsot"')
    assert mark_of(fromstring(broken)) is None  # noqa: S314 - our own
    assert card_element(Nic(network="a"), "52:54:00:00:00:01").get("type") == "network"
