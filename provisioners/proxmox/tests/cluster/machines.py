# SPDX-License-Identifier: GPL-3.0-or-later
"""What is behind the guests: nothing but addresses, or real containers that a play can reach."""

from __future__ import annotations

import ipaddress
import re
from abc import ABC, abstractmethod
from collections.abc import Sequence

from provisioners.proxmox.tests.cluster.properties import read_properties
from provisioners.proxmox.tests.cluster.world import Ended, Guest

_MAC = re.compile(r"([0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2}")
_NO_SUCH_COMMAND = 127
_SIMULATED_NETWORK = ipaddress.ip_network("198.18.0.0/15")


class Machines(ABC):
    """The machines behind a cluster's guests."""

    # The network the guests are in, in which a static address is really theirs.
    subnet = ""

    @abstractmethod
    def start(self, guest: Guest) -> None:
        """Let a guest run, raising ApiError when it cannot."""

    @abstractmethod
    def stop(self, guest: Guest) -> None:
        """End a guest; what it has stored stays."""

    @abstractmethod
    def remove(self, vmid: int) -> None:
        """Take away what a guest left behind."""

    @abstractmethod
    def address(self, guest: Guest) -> str:
        """Return a running guest's IPv4 address with its prefix, empty while it has none."""

    @abstractmethod
    def execute(self, guest: Guest, argv: Sequence[str], stdin: str) -> Ended:
        """Run a command as root in a running guest, as its agent does."""

    @abstractmethod
    def close(self) -> None:
        """Take away everything that is left."""


class SimulatedMachines(Machines):
    """Guests that only have an address: the one they ask for, else one of a network reserved for benchmarks."""

    subnet = str(_SIMULATED_NETWORK)

    def start(self, guest: Guest) -> None:
        """Do nothing: being marked as running is all there is."""

    def stop(self, guest: Guest) -> None:
        """Do nothing."""

    def remove(self, vmid: int) -> None:
        """Do nothing."""

    def execute(self, guest: Guest, argv: Sequence[str], stdin: str) -> Ended:
        """Find no such command: there is nothing that could run it."""
        return Ended(_NO_SUCH_COMMAND, "", f"{argv[0]}: not found\n")

    def close(self) -> None:
        """Do nothing."""

    def address(self, guest: Guest) -> str:
        """Return the address the guest asks for, or one made of its number."""
        wanted = wanted_address(guest)
        return wanted or f"{_SIMULATED_NETWORK[guest.vmid % _SIMULATED_NETWORK.num_addresses]}/15"


def wanted_address(guest: Guest) -> str:
    """Return the static IPv4 address with prefix that a guest's configuration asks for, empty for none."""
    source = "net0" if guest.kind == "lxc" else "ipconfig0"
    default = "" if guest.kind == "lxc" else "ip"
    asked = read_properties(guest.config.get(source, ""), default or "ip").get("ip", "")
    return asked if "/" in asked else ""


def first_mac(guest: Guest) -> str:
    """Return the address of a guest's first network card, empty when it has none."""
    pairs = read_properties(guest.config.get("net0", ""), "model")
    models = (value for value in pairs.values() if _MAC.fullmatch(value))
    return pairs.get("hwaddr") or next(models, "")
