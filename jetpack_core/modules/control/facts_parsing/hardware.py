# SPDX-License-Identifier: GPL-3.0-or-later
"""Facts about the machine: memory, processors, file systems, and what it runs on itself."""

from __future__ import annotations

import re
from typing import Final

from jetpack_core.modules.control.facts_parsing.sections import Facts, Sections, line_of, lines_of, number


def hardware_facts(sections: Sections) -> Facts:
    """Return what is known of the machine."""
    memory = _memory(sections)
    virtualization = virtualization_of(sections)
    return {
        "jet_memory_mb": memory.get("MemTotal"),
        "jet_memory_available_mb": memory.get("MemAvailable", memory.get("MemFree")),
        "jet_swap_mb": memory.get("SwapTotal"),
        "jet_cpus": number(line_of(sections, "cpus")),
        "jet_cpu_model": _cpu_model(sections),
        "jet_mounts": mounts(sections),
        "jet_virtualization": virtualization,
        "jet_container": None if virtualization is None else virtualization in _CONTAINERS,
        "jet_vendor": line_of(sections, "vendor"),
        "jet_product": line_of(sections, "product"),
        "jet_boot_id": line_of(sections, "boot-id"),
        "jet_uptime_seconds": number((line_of(sections, "uptime") or "").partition(".")[0]),
        **_clock(sections),
    }


_MEMORY_LINE: Final = re.compile(r"(\w+):\s+(\d{1,19})\s*(kB|B)")
_BYTES: Final = {"kB": 1024, "B": 1}
_MEGABYTE: Final = 1024 * 1024


def _memory(sections: Sections) -> dict[str, int]:
    """Return the lines of /proc/meminfo in MiB."""
    matches = (_MEMORY_LINE.match(line) for line in lines_of(sections, "memory"))
    return {match[1]: int(match[2]) * _BYTES[match[3]] // _MEGABYTE for match in matches if match}


def _cpu_model(sections: Sections) -> str | None:
    line = line_of(sections, "cpu-model")
    if line is None:
        return None
    _, colon, value = line.partition(":")
    return value.strip() if colon else line


# These hold no files of anybody: proc(5), sysfs(5) and their like.
_PSEUDO_NAMES: Final = (
    "autofs binfmt_misc bpf cgroup cgroup2 configfs debugfs devpts efivarfs fusectl hugetlbfs mqueue nsfs "
    "proc pstore ramfs rpc_pipefs securityfs selinuxfs sysfs tracefs"
)
_PSEUDO: Final = frozenset(_PSEUDO_NAMES.split())
_OCTAL: Final = re.compile(r"\\([0-3][0-7]{2})")
_MOUNT_FIELDS: Final = 4


def mounts(sections: Sections) -> list[Facts]:
    """Return the mounted file systems that hold files, each path once, the one mounted last."""
    sizes = _sizes(sections)
    found: dict[str, Facts] = {}
    for line in lines_of(sections, "mounts"):
        fields = [_OCTAL.sub(lambda code: chr(int(code[1], 8)), field) for field in line.split(" ")]
        if len(fields) < _MOUNT_FIELDS or fields[2] in _PSEUDO:
            continue
        device, path, kind, options = fields[:_MOUNT_FIELDS]
        size, available = sizes.get(path, (None, None))
        found[path] = {
            "path": path,
            "device": device,
            "type": kind,
            "options": options.split(","),
            "size_mb": size,
            "available_mb": available,
        }
    return [found[path] for path in sorted(found)]


_DF_LINE: Final = re.compile(r".*?\s(\d{1,19})\s+\d+\s+(\d{1,19})\s+(?:\d+%|-)\s+(/.*)")


def _sizes(sections: Sections) -> dict[str, tuple[int, int]]:
    """Return size and free space in MiB by path, from `df -Pk`."""
    matches = (_DF_LINE.fullmatch(line) for line in lines_of(sections, "sizes"))
    return {match[3]: (int(match[1]) // 1024, int(match[2]) // 1024) for match in matches if match}


_CONTAINER_NAMES: Final = "docker podman lxc lxc-libvirt systemd-nspawn openvz rkt wsl proot pouch container-other"
_CONTAINERS: Final = frozenset(_CONTAINER_NAMES.split())
# The vendor or product names that hypervisors give their guests (DMI).
_VENDORS: Final = (
    ("qemu", "kvm"),
    ("kvm", "kvm"),
    ("vmware", "vmware"),
    ("virtualbox", "oracle"),
    ("innotek", "oracle"),
    ("xen", "xen"),
    ("bochs", "bochs"),
    ("parallels", "parallels"),
    ("amazon ec2", "amazon"),
    ("google compute", "google"),
    ("virtual machine", "microsoft"),
    ("openstack", "kvm"),
)


def virtualization_of(sections: Sections) -> str | None:
    """Return what the host runs on, in the words of systemd-detect-virt(1); `none` on bare metal."""
    told = [line.split() for line in lines_of(sections, "virtualization")]
    said = {words[0]: words[1] for words in reversed(told) if len(words) > 1}
    for source in ("detected", "container"):
        if said.get(source, "none") != "none":
            return said[source]
    hints = f"{line_of(sections, 'vendor')} {line_of(sections, 'product')}".lower()
    guess = next((name for hint, name in _VENDORS if hint in hints), None)
    bare = {words[0] for words in told if len(words) == 1}
    if "hypervisor" in bare:
        return guess or "vm-other"
    if "detected" in said or "flags" in bare:
        return "none"
    return guess


def _clock(sections: Sections) -> Facts:
    now, zone = ([*lines_of(sections, "clock"), "", ""])[:2]
    return {"jet_date_time": now or None, "jet_timezone": zone or None}
