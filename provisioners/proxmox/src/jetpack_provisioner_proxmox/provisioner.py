# SPDX-License-Identifier: GPL-3.0-or-later
"""What containers and virtual machines of Proxmox have in common: parameters, and how they are converged."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, ClassVar, Final, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema

from jetpack_core.contracts.provisioner import Guest, GuestAction, GuestPlan, Provisioner
from jetpack_core.errors import JetpackError
from jetpack_core.state import state_folder
from jetpack_provisioner_proxmox.access import access_of
from jetpack_provisioner_proxmox.addresses import configured_addresses
from jetpack_provisioner_proxmox.client import Client
from jetpack_provisioner_proxmox.cluster import FIRST_VMID, LAST_VMID, Cluster
from jetpack_provisioner_proxmox.comparison import Config, Setting
from jetpack_provisioner_proxmox.disks import Disk
from jetpack_provisioner_proxmox.guests import Guests, check_removable, seen
from jetpack_provisioner_proxmox.kinds import Kind
from jetpack_provisioner_proxmox.making import Maker
from jetpack_provisioner_proxmox.notebook import Notebook
from jetpack_provisioner_proxmox.placing import Placements
from jetpack_provisioner_proxmox.planning import compared
from jetpack_provisioner_proxmox.properties import Properties, plain_text
from jetpack_provisioner_proxmox.values import DiskSize, KeyList, Memory, Password, Tags, Words, check_name

if TYPE_CHECKING:
    from jetpack_provisioner_proxmox.guests import Seen
    from jetpack_provisioner_proxmox.planning import Difference

Seconds = Annotated[float, Field(gt=0)]
Vmid = Annotated[int, Field(ge=FIRST_VMID, le=LAST_VMID)]
_ANYTHING: Final = WithJsonSchema({"type": ["string", "number", "boolean"]})
Text = Annotated[str, BeforeValidator(plain_text), _ANYTHING]
NETWORKS: Final = 8
"""How many interfaces have parameters of their own; `config` reaches the others."""


class ProxmoxGuest(Provisioner):
    """A guest of Proxmox VE; what kind of guest, its subclasses say."""

    kind: ClassVar[Kind]

    cluster: str
    """Inventory host whose variables `jet_proxmox_url`, `jet_proxmox_token` and so on say where the API is."""
    node: str | None = None
    """The node it is made on; the one with the most free memory if not said."""
    vmid: Vmid | None = None
    """Its number; the next free one if not said."""
    vmid_range: tuple[Vmid, Vmid] | None = None
    """The first and the last number that it may get by itself."""
    pool: str | None = None
    """The pool it is in."""
    hostname: str | None = None
    """Its name; that of the host if not said."""
    description: str | None = None
    """Its notes; Jetpack's mark stands below them."""
    tags: Tags | None = None
    """Its tags, besides `jetpack`; others are left alone if not said."""
    cores: Annotated[int, Field(ge=1)] | None = None
    """How many processors it has."""
    memory: Memory = 512
    """MiB, or a size such as `2G`."""
    storage: str | None = None
    """Where its disks are; `local-lvm` if not said."""
    rootfs_size: DiskSize | None = None
    """Size of its first disk, such as `8G`; grown in place."""
    bridge: str = "vmbr0"
    """The bridge of interfaces that do not name one."""
    ip: str | None = None
    """Address of `net0`, such as `10.0.0.5/24`; `dhcp` if nothing is said."""
    gateway: str | None = None
    """The router of `net0`."""
    net0: Properties | None = None
    """The first interface: `{bridge: vmbr0, ip: 10.0.0.5/24, gw: 10.0.0.1}`, or as Proxmox writes it."""
    net1: Properties | None = None
    """As `net0`, for the second interface."""
    net2: Properties | None = None
    """As `net0`, for the third interface."""
    net3: Properties | None = None
    """As `net0`, for the fourth interface."""
    net4: Properties | None = None
    """As `net0`, for the fifth interface."""
    net5: Properties | None = None
    """As `net0`, for the sixth interface."""
    net6: Properties | None = None
    """As `net0`, for the seventh interface."""
    net7: Properties | None = None
    """As `net0`, for the eighth interface."""
    nameserver: Words | None = None
    """Its name servers."""
    searchdomain: Words | None = None
    """Where it looks for short names."""
    ssh_user: str | None = None
    """The user to log in as."""
    password: Password | None = None
    """The password of that user; Proxmox does not tell it, so a changed one is not seen."""
    authorized_keys: KeyList | None = None
    """Public keys that may log in, or files of this machine that hold some: `~/.ssh/id_ed25519.pub`."""
    onboot: bool | None = None
    """Start it with its node."""
    startup: Properties | None = None
    """When it starts among others: `{order: 1, up: 30}`."""
    protection: bool | None = None
    """Let neither it nor its disks be removed, by nobody."""
    config: dict[str, Text] = Field(default_factory=dict)
    """Whatever else its configuration is to say, by the API's own names: `{hookscript: local:snippets/hook.sh}`."""
    clone: str | None = None
    """Make it of another guest, by its name or number."""
    full: bool = True
    """With `clone`, copy its disks; with `false` they are linked, where that is a template."""
    start_on_create: bool = True
    """Whether a new guest is started."""
    rebuild: bool = False
    """Replace it where only a new guest could have what is wanted."""
    restart_on_update: bool = False
    """Restart it when a change takes effect only then."""
    create_timeout: Seconds = 900
    """How many seconds making it may take, its template fetched."""
    start_timeout: Seconds = 180
    """How many seconds starting it may take."""
    shutdown_timeout: Seconds = 60
    """How many seconds it may take to shut down before it is stopped by force."""
    lock_timeout: Seconds = 120
    """How many seconds to wait while another task, such as a backup, holds it."""
    state: Literal["present", "started", "stopped", "absent"] = "present"
    """`present`, `started`, `stopped` or `absent`."""

    # What a kind of guest adds.

    @abstractmethod
    def settings_of(self, host: str) -> list[Setting]:
        """Return the configuration as it is to be; disks, tags, description and pool apart."""

    def settings_for(self, config: Config) -> list[Setting]:
        """Return the settings that depend on what a guest has; of one that is not there yet, nothing is configured.

        Interfaces that are not among those said are to go; where none is said, others than the first are left alone.
        """
        if all(getattr(self, f"net{number}") is None for number in range(NETWORKS)):
            return []
        wanted = {str(number) for number in self.networks} | {key[3:] for key in self.config if key[:3] == "net"}
        there = [
            (key, "net" + key.removeprefix(stem)) for stem in ("net", "ipconfig") for key in config if _is(stem, key)
        ]
        return [Setting(key, net, None) for key, net in there if net[3:] not in wanted]

    @abstractmethod
    def disks_of(self) -> tuple[Disk, ...]:
        """Return the disks as they are to be."""

    @abstractmethod
    def made_of(self) -> Mapping[str, str]:
        """Return what is fixed once it is made, and what Proxmox does not tell later, by parameter."""

    @abstractmethod
    def prepare(self, cluster: Cluster, node: str) -> str:
        """Bring to a node what it is made of, and return what that is called there."""

    @abstractmethod
    def creation(self, source: str) -> Mapping[str, object]:
        """Return what the call that makes it takes, besides its settings, its mark, its number and its pool."""

    @abstractmethod
    def api_addresses(self, client: Client, found: Seen) -> tuple[str, ...]:
        """Return the addresses that the cluster knows of a running guest."""

    def channel_keys(self, client: Client, found: Seen) -> tuple[str, ...]:
        """Return the host keys where there is a trusted way to them."""
        del client, found
        return ()

    # What is common.

    @property
    def disk_storage(self) -> str:
        """Return where disks are made."""
        return self.storage or "local-lvm"

    @property
    def networks(self) -> dict[int, Mapping[str, str]]:
        """Return the interfaces by number; one with an address of DHCP where none is said."""
        given: dict[int, Mapping[str, str] | None] = {
            number: getattr(self, f"net{number}") for number in range(NETWORKS)
        }
        said = {number: one for number, one in given.items() if one is not None} or {0: {}}
        return {number: {**self._shorthand(number, one), **one} for number, one in said.items()}

    def _shorthand(self, number: int, given: Mapping[str, str]) -> dict[str, str]:
        """Return what an interface has that its own parameter does not say."""
        said = {"bridge": self.bridge}
        if number == 0 and self.ip is not None:
            said["ip"] = self.ip
        elif "ip" not in given and "ip6" not in given:
            said["ip"] = "dhcp"
        if number == 0 and self.gateway is not None:
            said["gw"] = self.gateway
        return said

    def name_of(self, host: str) -> str:
        """Return a guest's name. Raises JetpackError for what Proxmox does not take."""
        return check_name(self.hostname or host, "hostname")

    @cached_property
    def client(self) -> Client:
        """Return what speaks to the cluster."""
        access = access_of(self.cluster, self.surroundings.cluster)
        # The phase gives other surroundings once work begins, so they are asked for each time.
        return Client(access, lambda: self.surroundings, lock_timeout=self.lock_timeout)

    @cached_property
    def around(self) -> Cluster:
        """Return what looks around in the cluster."""
        return Cluster(self.client)

    @cached_property
    def guests(self) -> Guests:
        """Return the cluster's guests of this kind."""
        return Guests(self.around, self.kind)

    @cached_property
    def notebook(self) -> Notebook:
        """Return what this machine remembers."""
        return Notebook(state_folder() / "proxmox", self.client.access.url)

    @cached_property
    def placements(self) -> Placements:
        """Return where this machine has just put guests."""
        return Placements(state_folder() / "proxmox", self.client.access.url)

    def _maker(self) -> Maker:
        return Maker(self, self.guests)

    # The contract.

    def find(self, host: str) -> Guest | None:
        """Return the guest that was made for a host, or else the one that has its name or number."""
        found = self.guests.find(host, self.name_of(host), self.vmid, self.notebook.read(host))
        if found is None:
            return None
        if self.state == "absent" and found.mark is not None:
            # Told before it is shut down for nothing.
            check_removable(self.kind, found.place, host, found.mark, found.config)
        return found.as_guest(host)

    def plan(self, host: str, guest: Guest | None) -> GuestPlan:
        """Compare a guest with the parameters."""
        if guest is None:
            return GuestPlan(GuestAction.CREATE, self._maker().summary(host))
        difference = self.difference(host, seen(guest))
        if difference.impossible and (self.rebuild or not difference.changes):
            changes = (*difference.impossible, *difference.changes)
            return GuestPlan(GuestAction.DRIFT, changes, difference.why_impossible)
        if not difference.changes:
            return GuestPlan(GuestAction.NONE)
        later = self._later(difference) if guest.running else ""
        reasons = [text for text in (later, _left(difference)) if text]
        return GuestPlan(GuestAction.UPDATE, difference.changes, "; ".join(reasons))

    def difference(self, host: str, found: Seen) -> Difference:
        """Return in what a guest differs from the parameters."""
        return compared(self, host, found)

    def _later(self, difference: Difference) -> str:
        """Return what is to be said of changes that take effect with the next restart."""
        if not difference.cold:
            return ""
        names = ", ".join(difference.cold)
        if self.restart_on_update:
            return f"it is restarted, as that is when {names} take effect"
        return f"{names} take effect once it is restarted; `restart_on_update: true` does that"

    def create(self, host: str) -> Guest:
        """Make the guest and start it; what fails half-way is removed again."""
        return self._maker().create(host).as_guest(host)

    def update(self, guest: Guest, plan: GuestPlan) -> Guest:
        """Change the configuration, and grow disks."""
        del plan
        return self._maker().update(guest.name, seen(guest)).as_guest(guest.name)

    def replace(self, host: str, guest: Guest, plan: GuestPlan) -> Guest:
        """Remove the guest and make it anew, with the same number and the same hardware addresses."""
        del plan
        self._refuse_stranger(guest)
        return self._maker().replace(host, seen(guest)).as_guest(host)

    def start(self, guest: Guest) -> None:
        """Start the guest."""
        self.guests.start(seen(guest).place, guest.name, self.start_timeout)

    def stop(self, guest: Guest) -> None:
        """Let the guest shut down, and stop it by force when it does not."""
        self.guests.stop(seen(guest).place, guest.name, self.shutdown_timeout)

    def destroy(self, guest: Guest) -> None:
        """Remove the guest with its disks, and nothing else."""
        self._refuse_stranger(guest)
        found = seen(guest)
        if found.mark is not None:
            self.guests.remove(found.place, guest.name, found.mark, self.create_timeout)
            self.notebook.forget(guest.name)

    def _refuse_stranger(self, guest: Guest) -> None:
        mark = seen(guest).mark
        if not guest.owned or mark is None or mark.host != guest.name:
            message = f"the {self.kind.noun} {guest.id} was not made by Jetpack for {guest.name}"
            command = f"{self.kind.command} destroy {guest.id}"
            raise JetpackError(message, hint=f"remove it by hand if you mean it: {command}")

    def addresses(self, guest: Guest) -> tuple[str, ...]:
        """Return the guest's addresses: those it is given, or else those it has."""
        found = seen(guest)
        return configured_addresses(self.kind, found.config) or self.api_addresses(self.client, found)

    def host_keys(self, guest: Guest) -> tuple[str, ...]:
        """Return the host keys where the guest has a trusted way to tell them."""
        found = seen(guest)
        if self.surroundings.variables.get("jet_connection") not in {None, "ssh"}:
            return ()
        return self.channel_keys(self.client, found)

    def details(self, guest: Guest) -> Mapping[str, object]:
        """Return where the guest is."""
        found = seen(guest)
        told = {"vmid": found.place.vmid, "node": found.place.node, "pool": found.pool}
        return {name: value for name, value in told.items() if value is not None}


def _is(stem: str, key: str) -> bool:
    return key.startswith(stem) and key.removeprefix(stem).isdecimal()


def _left(difference: Difference) -> str:
    """Return what is to be said of what no update can change."""
    if not difference.impossible:
        return ""
    return f"left as it is: {difference.why_impossible}; `rebuild: true` replaces the guest"
