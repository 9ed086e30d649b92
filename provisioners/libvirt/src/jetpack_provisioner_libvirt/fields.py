# SPDX-License-Identifier: GPL-3.0-or-later
"""Parameters that are one value of a domain's XML: how each is seen there, and how it is written.

New domains are written by the same functions that change old ones, so that both are alike.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from xml.etree.ElementTree import Element, SubElement

_UNITS: Final = {"b": 1, "bytes": 1, "kib": 1 << 10, "k": 1 << 10, "mib": 1 << 20, "gib": 1 << 30, "tib": 1 << 40}
_MODES: Final = ("host-passthrough", "host-model", "maximum")
_AGENT: Final = "org.qemu.guest_agent.0"
_CHIPSETS: Final = {"pc": "pc-i440fx-", "q35": "pc-q35-", "virt": "virt-"}


@dataclass(frozen=True, slots=True)
class XmlField:
    """A parameter in the XML of a domain."""

    name: str
    seen: Callable[[Element], Any]
    """Read it; None where the XML does not say it."""
    write: Callable[[Element, Any], None]
    fixed: bool = False
    """Whether what is installed in the guest may depend on it."""
    same: Callable[[Any, Any], bool] = operator.eq
    """Compare what is seen with what is wanted."""


def child(parent: Element, tag: str) -> Element:
    """Return a child, made where it is missing."""
    found = parent.find(tag)
    return found if found is not None else SubElement(parent, tag)


def devices_of(root: Element) -> Element:
    """Return where a domain's devices are."""
    return child(root, "devices")


def _remove(parent: Element, *tags: str) -> None:
    for tag in tags:
        for one in parent.findall(tag):
            parent.remove(one)


# Memory and processors.


def _amount(root: Element, tag: str) -> int | None:
    found = root.find(tag)
    if found is None or not found.text:
        return None
    return int(found.text) * _UNITS[found.get("unit", "KiB").lower()]


def _set_amount(root: Element, tag: str, value: int) -> None:
    element = child(root, tag)
    element.set("unit", "KiB")
    element.text = str(value >> 10)


def seen_memory(root: Element) -> int | None:
    """Return how much memory a domain has, in bytes."""
    current = _amount(root, "currentMemory")
    return current if current is not None else _amount(root, "memory")


def seen_memory_max(root: Element) -> int | None:
    """Return how much memory a domain can have without a restart, in bytes."""
    return _amount(root, "memory")


def _write_memory(root: Element, value: int) -> None:
    _set_amount(root, "memory", value)
    _set_amount(root, "currentMemory", value)


def _write_memory_max(root: Element, value: int) -> None:
    _set_amount(root, "memory", value)


def seen_vcpus(root: Element) -> int | None:
    """Return how many processors a domain has."""
    found = root.find("vcpu")
    if found is None:
        return None
    return int(found.get("current") or found.text or 1)


def seen_vcpus_max(root: Element) -> int | None:
    """Return how many processors a domain can have without a restart."""
    found = root.find("vcpu")
    return int(found.text or 1) if found is not None else None


def _write_vcpus(root: Element, value: int) -> None:
    element = child(root, "vcpu")
    element.text = str(value)
    element.attrib.pop("current", None)
    # One by one, as libvirt notes them of a domain whose processors can be plugged.
    _remove(root, "vcpus")


def _write_vcpus_max(root: Element, value: int) -> None:
    element = child(root, "vcpu")
    element.set("current", element.text or "1")
    element.text = str(value)


def _seen_cpu(root: Element) -> str | None:
    cpu = root.find("cpu")
    if cpu is None:
        return None
    return cpu.findtext("model") if cpu.get("mode", "custom") == "custom" else cpu.get("mode")


def _write_cpu(root: Element, value: str) -> None:
    _remove(root, "cpu")
    if value in _MODES:
        SubElement(root, "cpu", mode=value)
    else:
        cpu = SubElement(root, "cpu", mode="custom", match="exact")
        SubElement(cpu, "model", fallback="forbid").text = value


# Machine and boot.


def _seen_type(root: Element) -> str | None:
    return root.get("type")


def _write_type(root: Element, value: str) -> None:
    root.set("type", value)


def _seen_machine(root: Element) -> str | None:
    found = root.find("os/type")
    return found.get("machine") if found is not None else None


def _write_machine(root: Element, value: str) -> None:
    child(child(root, "os"), "type").set("machine", value)


def _same_machine(seen: Any, wanted: Any) -> bool:
    """Tell whether a chipset with its version, as libvirt notes it, is the one that is wanted, perhaps without."""
    return seen == wanted or str(seen).startswith(_CHIPSETS.get(str(wanted), f"{wanted}-"))


def _seen_firmware(root: Element) -> str:
    loader = root.find("os/loader")
    pflash = loader is not None and loader.get("type") == "pflash"
    return "uefi" if pflash or child(root, "os").get("firmware") == "efi" else "bios"


def _write_firmware(root: Element, value: str) -> None:
    if value == "uefi":
        child(root, "os").set("firmware", "efi")


def _seen_kernel(root: Element) -> Mapping[str, str] | None:
    found = {tag: root.findtext(f"os/{tag}") for tag in ("kernel", "initrd", "cmdline")}
    return {tag: text for tag, text in found.items() if text} or None


def _write_kernel(root: Element, value: Mapping[str, str] | None) -> None:
    system = child(root, "os")
    _remove(system, "kernel", "initrd", "cmdline")
    for tag, text in (value or {}).items():
        SubElement(system, tag).text = text


# Devices that are there or not.


def _seen_graphics(root: Element) -> str:
    found = root.find("devices/graphics")
    return found.get("type", "none") if found is not None else "none"


def _write_graphics(root: Element, value: str) -> None:
    devices = devices_of(root)
    if _seen_graphics(root) == value:
        return
    _remove(devices, "graphics", "video", "audio")
    if value != "none":
        SubElement(devices, "graphics", type=value, port="-1", autoport="yes", listen="127.0.0.1")
        SubElement(SubElement(devices, "video"), "model", type="virtio")


def _seen_console(root: Element) -> bool:
    return root.find("devices/serial") is not None


def _write_console(root: Element, value: bool) -> None:
    devices = devices_of(root)
    if value and not _seen_console(root):
        SubElement(SubElement(devices, "serial", type="pty"), "target", port="0")
    if not value:
        _remove(devices, "serial", "console")


def _seen_console_log(root: Element) -> str | None:
    found = root.find("devices/serial/log")
    return found.get("file") if found is not None else None


def _write_console_log(root: Element, value: str | None) -> None:
    serial = root.find("devices/serial")
    if serial is None:
        return
    _remove(serial, "log")
    # The console that goes with it is a copy, which libvirt makes anew.
    _remove(devices_of(root), "console")
    if value is not None:
        SubElement(serial, "log", file=value, append="on")


def _agents(root: Element) -> list[Element]:
    return [
        one
        for one in root.findall("devices/channel")
        if (target := one.find("target")) is not None and target.get("name") == _AGENT
    ]


def _seen_agent(root: Element) -> bool:
    return bool(_agents(root))


def _write_agent(root: Element, value: bool) -> None:
    if value and not _seen_agent(root):
        SubElement(SubElement(devices_of(root), "channel", type="unix"), "target", type="virtio", name=_AGENT)
    for one in () if value else _agents(root):
        devices_of(root).remove(one)


XML_FIELDS: Final = (
    XmlField("domain_type", _seen_type, _write_type),
    XmlField("machine", _seen_machine, _write_machine, fixed=True, same=_same_machine),
    XmlField("firmware", _seen_firmware, _write_firmware, fixed=True),
    XmlField("memory", seen_memory, _write_memory),
    XmlField("memory_max", seen_memory_max, _write_memory_max),
    XmlField("vcpus", seen_vcpus, _write_vcpus),
    XmlField("vcpus_max", seen_vcpus_max, _write_vcpus_max),
    XmlField("cpu_mode", _seen_cpu, _write_cpu),
    XmlField("direct_kernel", _seen_kernel, _write_kernel),
    XmlField("graphics", _seen_graphics, _write_graphics),
    XmlField("console", _seen_console, _write_console),
    XmlField("console_log", _seen_console_log, _write_console_log),
    XmlField("guest_agent", _seen_agent, _write_agent),
)
"""In the order in which they are written: a maximum after what it is the maximum of."""
