# SPDX-License-Identifier: GPL-3.0-or-later
"""Facts about the network: interfaces, addresses and the way out."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field
from typing import Final

from jetpack_core.modules.control.facts_parsing.sections import Facts, Sections, lines_of


@dataclass(slots=True)
class Interface:
    """One interface, while its facts are put together."""

    mac: str | None = None
    ipv4: list[str] = field(default_factory=list)
    ipv6: list[str] = field(default_factory=list)

    def add(self, address: str) -> None:
        """Keep an address, once; what is none is dropped."""
        plain = _plain(address)
        kept = self.ipv6 if plain and ":" in plain else self.ipv4
        if plain and plain not in kept:
            kept.append(plain)


def _plain(address: str) -> str | None:
    try:
        return str(ipaddress.ip_address(address.partition("%")[0]))
    except ValueError:
        return None


def network_facts(sections: Sections) -> Facts:
    """Return what is known of the network."""
    interfaces = _interfaces(sections)
    # /proc/net/fib_trie knows the addresses and not the interfaces they are on.
    loose = interfaces.pop("", Interface())
    ipv4 = [address for one in (*interfaces.values(), loose) for address in one.ipv4]
    ipv6 = [address for one in (*interfaces.values(), loose) for address in one.ipv6]
    reached4, reached6 = _reachable(ipv4), _reachable(ipv6)
    return {
        "jet_interfaces": {
            name: {"mac": one.mac, "ipv4": one.ipv4, "ipv6": one.ipv6} for name, one in interfaces.items()
        },
        "jet_ipv4_addresses": reached4,
        "jet_ipv6_addresses": reached6,
        "jet_default_ipv4": _default(_default_route4(sections), interfaces, "ipv4", reached4),
        "jet_default_ipv6": _default(_default_route6(sections), interfaces, "ipv6", reached6),
    }


def _reachable(addresses: list[str]) -> list[str]:
    """Return the addresses that others can use, each once."""
    parsed = dict.fromkeys(ipaddress.ip_address(address) for address in addresses)
    return [str(address) for address in parsed if not (address.is_loopback or address.is_link_local)]


# iproute2 and busybox alike: `2: eth0    inet 192.0.2.1/24 ...`
_IP_LINE: Final = re.compile(r"\d+:\s+(\S+)\s+inet6?\s+([0-9A-Fa-f.:]+)")
# net-tools, busybox and BSD: a name at the start of a line, its addresses below.
_IFCONFIG_NAME: Final = re.compile(r"([^\s:]+)(?::\s|\s)")
_IFCONFIG_ADDRESS: Final = re.compile(r"\s+inet6?\s+(?:addr:\s*)?([0-9A-Fa-f.:]+)")
_MAC: Final = re.compile(r"(?:ether|HWaddr)\s+((?:[0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2})")
# /proc/net/if_inet6: the address in hex, four numbers, the name.
_IF_INET6: Final = re.compile(r"([0-9a-f]{32})(?:\s+[0-9a-f]+){4}\s+(\S+)")
_FIB_ADDRESS: Final = re.compile(r"\s*\|--\s+([0-9.]+)\s*")


def _interfaces(sections: Sections) -> dict[str, Interface]:
    found: dict[str, Interface] = {}
    current = ""
    for line in lines_of(sections, "addresses"):
        if match := _IP_LINE.match(line):
            found.setdefault(_name(match[1]), Interface()).add(match[2])
        elif match := _IF_INET6.fullmatch(line.strip()):
            found.setdefault(match[2], Interface()).add(str(ipaddress.IPv6Address(int(match[1], 16))))
        elif match := _FIB_ADDRESS.fullmatch(line):
            found.setdefault("", Interface()).add(match[1])
        else:
            current = _ifconfig_line(line, current, found)
    for line in lines_of(sections, "links"):
        path, _, mac = line.partition(":")
        name = path.removeprefix("/sys/class/net/").removesuffix("/address")
        if mac and "/" not in name:
            found.setdefault(name, Interface()).mac = mac.lower()
    return found


def _ifconfig_line(line: str, current: str, found: dict[str, Interface]) -> str:
    """Read one line of ifconfig; return the interface it belongs to."""
    if match := _IFCONFIG_NAME.match(line):
        current = _name(match[1]) if not match[1].isdecimal() and match[1] != "--" else ""
    if not current:
        return ""
    if match := _IFCONFIG_ADDRESS.match(line):
        found.setdefault(current, Interface()).add(match[1])
    if match := _MAC.search(line):
        found.setdefault(current, Interface()).mac = match[1].lower()
    return current


def _name(text: str) -> str:
    return text.rstrip(":").partition("@")[0]


_ROUTE_FIELDS: Final = 8
_HEX: Final = re.compile(r"[0-9A-Fa-f]{8}")
_NOWHERE: Final = "0.0.0.0"  # noqa: S104 - a route without a gateway


def _default_route4(sections: Sections) -> tuple[str, str | None] | None:
    """Return interface and gateway of the default route with the lowest metric, from /proc/net/route."""
    routes: list[tuple[int, str, str | None]] = []
    for line in lines_of(sections, "routes"):
        fields = line.split()
        if len(fields) < _ROUTE_FIELDS or fields[1] != "00000000" or fields[7] != "00000000":
            continue
        if _HEX.fullmatch(fields[2]) and fields[6].isdecimal():
            # The kernel prints the address as a number of its own byte order, little-endian nearly everywhere.
            gateway = str(ipaddress.IPv4Address(bytes.fromhex(fields[2])[::-1]))
            routes.append((int(fields[6][:10]), fields[0], None if gateway == _NOWHERE else gateway))
    return min(routes, key=lambda route: route[0])[1:] if routes else None


_ROUTE6_FIELDS: Final = 10
_LONG_HEX: Final = re.compile(r"[0-9a-f]{32}")


def _default_route6(sections: Sections) -> tuple[str, str | None] | None:
    """Return the same from /proc/net/ipv6_route, where the loopback stands for "no route"."""
    routes: list[tuple[int, str, str | None]] = []
    for line in lines_of(sections, "routes6"):
        fields = line.split()
        if len(fields) < _ROUTE6_FIELDS or fields[9] == "lo" or not _LONG_HEX.fullmatch(fields[4]):
            continue
        gateway = ipaddress.IPv6Address(int(fields[4], 16))
        metric = int(fields[5], 16) if _HEX.fullmatch(fields[5]) else 0
        routes.append((metric, fields[9], str(gateway) if int(gateway) else None))
    return min(routes, key=lambda route: route[0])[1:] if routes else None


def _default(
    route: tuple[str, str | None] | None, interfaces: dict[str, Interface], family: str, reached: list[str]
) -> Facts | None:
    """Return the way out with the address it is taken from, or None without one."""
    if route is None:
        return None
    name, gateway = route
    mine = interfaces.get(name, Interface())
    usable = _reachable(mine.ipv4 if family == "ipv4" else mine.ipv6)
    # Where addresses come without interfaces, a single one must be it.
    if not usable and len(reached) == 1:
        usable = reached
    return {"address": usable[0] if usable else None, "interface": name, "gateway": gateway}
