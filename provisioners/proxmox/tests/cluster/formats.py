# SPDX-License-Identifier: GPL-3.0-or-later
"""The named formats of the API's parameters, and what is said of a value that has another form."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from zoneinfo import available_timezones

from provisioners.proxmox.tests.cluster.properties import PropertyStringError, read_properties

PATTERNS = {
    "pve-vmid": r"[1-9][0-9]{2,8}",
    "pve-node": r"[a-zA-Z0-9]([a-zA-Z0-9\-]*[a-zA-Z0-9])?",
    "pve-configid": r"(?i:[a-z][a-z0-9_-]+)",
    "pve-storage-id": r"(?i:[a-z][a-z0-9\-_.]*[a-z0-9])",
    "pve-bridge-id": r"[-_.\w\d]+",
    "mac-addr": r"(?i:[a-f0-9][02468ace](?::[a-f0-9]{2}){5})",
    "dns-name": r"(([a-zA-Z0-9]([a-zA-Z0-9\-]*[a-zA-Z0-9])?)\.)*([a-zA-Z0-9]([a-zA-Z0-9\-]*[a-zA-Z0-9])?)",
    "disk-size": r"\d+(\.\d+)?([KMGT](?:iB)?)?",
    "pve-startup-order": r"(?:(?:order=)?\d+|up=\d+|down=\d+)(?:,(?:(?:order=)?\d+|up=\d+|down=\d+))*",
    "pve-tag": r"(?i:[a-z0-9_][a-z0-9_\-+.]*)",
    "urlencoded": r"[-%a-zA-Z0-9_.!~*'()]*",
    "pve-volume-id": r"(?i:[a-z][a-z0-9\-_.]*[a-z0-9]):\S+",
    "pve-poolid": r"[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+){0,2}",
    "pve-realm": r"[A-Za-z][A-Za-z0-9.\-_]+",
    "pve-storage-content": r"images|rootdir|vztmpl|iso|backup|snippets|import|none",
}
_REFUSALS = {
    "pve-vmid": "value does not look like a valid VM ID",
    "pve-node": "value does not look like a valid node name",
    "pve-configid": "invalid configuration ID '{value}'",
    "pve-storage-id": "storage ID '{value}' contains illegal characters",
    "pve-bridge-id": "invalid bridge ID '{value}'",
    "mac-addr": "value does not look like a valid unicast MAC address",
    "dns-name": "value does not look like a valid DNS name",
    "disk-size": "value does not look like a valid disk size: {value}",
    "pve-startup-order": "unable to parse startup options",
    "pve-tag": "invalid characters in tag",
    "urlencoded": "invalid urlencoded string: {value}",
    "pve-volume-id": "unable to parse volume ID '{value}'",
    "pve-poolid": "pool name '{value}' contains invalid characters",
    "pve-realm": "value does not look like a valid realm",
    "pve-storage-content": "invalid content type '{value}'",
}
_SEPARATORS = re.compile(r"[,;\s\0]+")
_SHORTEST_PREFIX = 8
_CLOUD_INIT_KEYS = {
    "pve-qm-ipconfig": {"ip": "pve-ipv4-config", "gw": "ipv4", "ip6": "pve-ipv6-config", "gw6": "ipv6"},
    "pve-qm-cicustom": dict.fromkeys(("meta", "network", "user", "vendor"), "pve-volume-id"),
}
_NEEDED_KEYS = {"gw": "ip", "gw6": "ip6"}


class FormatError(Exception):
    """A value has not the form of its format; the text is what the API says after `invalid format - `."""


def check_format(name: str, value: str) -> None:
    """Raise FormatError when a value has not the named form; formats unknown here accept everything."""
    if name.endswith("-list") and name != "pve-hotplug-features":
        for part in filter(None, _SEPARATORS.split(value)):
            check_format(name.removesuffix("-list"), part)
    elif name in PATTERNS:
        _require(re.fullmatch(PATTERNS[name], value) is not None, _REFUSALS[name].format(value=value))
    elif (check := _checks().get(name)) is not None:
        check(value)
    elif name in _CLOUD_INIT_KEYS:
        _check_keys(_CLOUD_INIT_KEYS[name], value)


def _require(holds: bool, refusal: str) -> None:
    if not holds:
        raise FormatError(refusal)


def _checks() -> dict[str, Callable[[str], None]]:
    return {
        "ipv4": lambda value: _require(_is_ip(value, 4), "value does not look like a valid IPv4 address"),
        "ipv6": lambda value: _require(_is_ip(value, 6), "value does not look like a valid IPv6 address"),
        "ip": lambda value: _require(
            _is_ip(value, 4) or _is_ip(value, 6), "value does not look like a valid IP address"
        ),
        "CIDRv4": lambda value: _require(_is_cidr(value, 4), "value does not look like a valid IPv4 CIDR network"),
        "CIDRv6": lambda value: _require(_is_cidr(value, 6), "value does not look like a valid IPv6 CIDR network"),
        "pve-ipv4-config": _check_ipv4_config,
        "pve-ipv6-config": _check_ipv6_config,
        "address": _check_address,
        "lxc-ip-with-ll-iface": _check_nameserver,
        "pve-ct-timezone": _check_timezone,
        "pve-lxc-mp-string": _check_mount_string,
        "pve-lxc-dev-string": _check_device,
        "pve-volume-id-or-qm-path": _check_drive_file,
        "pve-volume-id-or-absolute-path": _check_import_source,
        "pve-qm-boot": _check_boot,
    }


def _is_ip(value: str, version: int) -> bool:
    try:
        return ipaddress.ip_address(value).version == version
    except ValueError:
        return False


def _is_cidr(value: str, version: int) -> bool:
    address, slash, prefix = value.partition("/")
    longest = 32 if version == 4 else 128
    return bool(slash) and _is_ip(address, version) and prefix.isdigit() and _SHORTEST_PREFIX <= int(prefix) <= longest


def _check_ipv4_config(value: str) -> None:
    accepted = value in {"dhcp", "manual"} or _is_cidr(value, 4)
    _require(accepted, "value does not look like a valid ipv4 network configuration")


def _check_ipv6_config(value: str) -> None:
    accepted = value in {"auto", "dhcp", "manual"} or _is_cidr(value, 6)
    _require(accepted, "value does not look like a valid ipv6 network configuration")


def _check_address(value: str) -> None:
    accepted = _is_ip(value, 4) or _is_ip(value, 6) or re.fullmatch(PATTERNS["dns-name"], value)
    _require(bool(accepted), f"value does not look like a valid address: {value}")


def _check_nameserver(value: str) -> None:
    address, _, _ = value.partition("%") if value.startswith("fe80::") else (value, "", "")
    _require(_is_ip(address, 4) or _is_ip(address, 6), "value does not look like a valid IP address")


def _check_timezone(value: str) -> None:
    _require(value in {"host", "UTC"} or value in available_timezones(), f"invalid time zone '{value}'")


def _check_mount_string(value: str) -> None:
    wrong = "/./" in value or "/../" in value or value.endswith(("/.", "/..")) or value.startswith("../")
    _require(not wrong, f"{value} contains illegal character sequences")


def _check_device(value: str) -> None:
    wrong = not value.startswith("/dev/") or "/./" in value or "/../" in value
    _require(not wrong, f"{value} is not a valid device path")


def _check_drive_file(value: str) -> None:
    if value not in {"none", "cdrom"} and not value.startswith("/"):
        check_format("pve-volume-id", value)


def _check_import_source(value: str) -> None:
    if not value.startswith("/"):
        check_format("pve-volume-id", value)


def _check_boot(value: str) -> None:
    pairs = _pairs(value, "legacy")
    _require(set(pairs) <= {"legacy", "order"}, "invalid key in comma-separated list property: " + ",".join(pairs))
    for device in filter(None, pairs.get("order", "").split(";")):
        _require(
            bool(re.fullmatch(r"(ide|sata|scsi|virtio|net|usb|hostpci)\d+", device)), f"invalid boot device '{device}'"
        )


def _check_keys(formats: dict[str, str], value: str) -> None:
    pairs = _pairs(value)
    for key, text in pairs.items():
        _require(key in formats, f"invalid key in comma-separated list property: {key}")
        check_format(formats[key], text)
        needed = _NEEDED_KEYS.get(key, key)
        _require(needed in pairs, f"format error\n{needed}: missing property required by '{key}'\n")


def _pairs(value: str, default_key: str = "") -> dict[str, str]:
    try:
        return read_properties(value, default_key)
    except PropertyStringError as problem:
        raise FormatError(str(problem)) from None
