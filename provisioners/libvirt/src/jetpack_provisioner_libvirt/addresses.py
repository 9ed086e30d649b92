# SPDX-License-Identifier: GPL-3.0-or-later
"""Which addresses a guest has: by its lease, by the agent in it, or by what its hypervisor saw on the wire."""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Callable, Iterable
from typing import Any, Final

from jetpack_provisioner_libvirt.domain import Card

_NETWORK: Final = "network "


def addresses_of(connection: Any, identity: str, cards: tuple[Card, ...], source: str) -> tuple[str, ...]:
    """Return the addresses of a running guest, those of version 4 first; empty while none is known.

    What one way cannot tell, the next one may: a bridge has no leases, an image may have no agent, and the hypervisor
    forgets whom it saw.

    :param identity: The UUID of its domain.
    :param source: `auto`, or the only way that is to be asked: `lease`, `agent` or `arp`.
    """
    import libvirt

    ways: dict[str, Callable[[], Iterable[str]]] = {
        "lease": lambda: _leased(connection, cards),
        "agent": lambda: _told(connection, identity, libvirt.VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_AGENT, cards),
        "arp": lambda: _told(connection, identity, libvirt.VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_ARP, cards),
    }
    for name in ways if source == "auto" else (source,):
        try:
            found = sorted_addresses(ways[name]())
        except libvirt.libvirtError:
            # No agent yet, no leases on a bridge, nothing seen, no answer: this way knows nothing at this moment.
            continue
        if found:
            return found
    return ()


def sorted_addresses(found: Iterable[str]) -> tuple[str, ...]:
    """Return addresses that can be connected to, those of version 4 first, each once."""
    usable = []
    for text in dict.fromkeys(found):
        try:
            address = ipaddress.ip_address(text)
        except ValueError:
            continue
        if not (address.is_loopback or address.is_link_local or address.is_unspecified or address.is_multicast):
            usable.append(address)
    return tuple(str(one) for one in sorted(usable, key=lambda one: one.version))


def _leased(connection: Any, cards: tuple[Card, ...]) -> list[str]:
    """Return the addresses that the networks of libvirt lent to the cards, the newest lease first."""
    now, leases = time.time(), []
    for card in cards:
        if card.source.startswith(_NETWORK):
            network = connection.networkLookupByName(card.source.removeprefix(_NETWORK))
            leases += [one for one in network.DHCPLeases(card.mac) if one["expirytime"] == 0 or one["expirytime"] > now]
    return [one["ipaddr"] for one in sorted(leases, key=lambda one: -int(one["expirytime"]))]


def _told(connection: Any, identity: str, source: int, cards: tuple[Card, ...]) -> list[str]:
    """Return the addresses of the guest's own cards; bridges and tunnels inside it are nobody else's affair."""
    ours = {card.mac for card in cards}
    found = connection.lookupByUUIDString(identity).interfaceAddresses(source, 0)
    return [
        address["addr"]
        for one in found.values()
        if (one.get("hwaddr") or "").lower() in ours
        for address in one.get("addrs") or ()
    ]
