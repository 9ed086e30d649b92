# SPDX-License-Identifier: GPL-3.0-or-later
"""Which of a guest's addresses it is reached at."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, Final

from jetpack_provisioner_proxmox.comparison import properties_of

if TYPE_CHECKING:
    from jetpack_provisioner_proxmox.comparison import Config
    from jetpack_provisioner_proxmox.kinds import Kind

_INNER: Final = ("lo", "docker", "br-", "veth", "virbr", "cni", "flannel", "cali", "podman")
"""How interfaces begin that lead nowhere from outside."""
_WORDS: Final = frozenset({"dhcp", "manual", "auto"})


def configured_addresses(kind: Kind, config: Config) -> tuple[str, ...]:
    """Return the addresses that a configuration fixes, those of the first interface first."""
    family = "net" if kind.api == "lxc" else "ipconfig"
    keys = sorted((key for key in config if kind.family(key) == family and key != family), key=_number)
    found = [properties_of(kind, key, str(config[key])) for key in keys]
    given = [one[name] for name in ("ip", "ip6") for one in found if one.get(name, "dhcp") not in _WORDS]
    return tuple(address.partition("/")[0] for address in given)


def _number(key: str) -> int:
    return int(key.lstrip("abcdefghijklmnopqrstuvwxyz"))


def usable_addresses(interfaces: Iterable[Mapping[str, Any]], macs: Iterable[str]) -> tuple[str, ...]:
    """Return the addresses by which a guest may be reached, IPv4 of its own interfaces first.

    :param interfaces: As the interfaces of containers and the guest agent tell them.
    :param macs: Hardware addresses of the interfaces that it was given, the first one first.
    """
    order = {mac.lower(): number for number, mac in enumerate(macs)}
    found: list[tuple[bool, int, int, str]] = []
    for interface in interfaces:
        if str(interface.get("name", "")).startswith(_INNER):
            continue
        mac = str(interface.get("hardware-address") or interface.get("hwaddr") or "").lower()
        for text in _texts(interface):
            address = ip_address(text)
            if not (address.is_loopback or address.is_link_local or address.is_unspecified):
                found.append((address.version != 4, order.get(mac, len(order)), len(found), text))  # noqa: PLR2004
    return tuple(dict.fromkeys(text for *_, text in sorted(found)))


def _texts(interface: Mapping[str, Any]) -> list[str]:
    """Return an interface's addresses; older versions tell only one of each family, with its prefix."""
    listed = [str(one.get("ip-address", "")) for one in interface.get("ip-addresses") or ()]
    texts = listed or [str(interface.get(name) or "") for name in ("inet", "inet6")]
    return [text.partition("/")[0].partition("%")[0] for text in texts if text]


def macs_of(kind: Kind, config: Config) -> tuple[str, ...]:
    """Return the hardware addresses of the interfaces a guest was given."""
    keys = sorted((key for key in config if kind.family(key) == "net" and key != "net"), key=_number)
    found = [properties_of(kind, key, str(config[key])) for key in keys]
    return tuple(one.get("hwaddr") or one.get("macaddr") or "" for one in found)
