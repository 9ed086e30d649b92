# SPDX-License-Identifier: GPL-3.0-or-later
"""The provisioner `libvirt`: virtual machines that match their `provision:` maps."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, Literal

from pydantic import Field, model_validator

from jetpack_core.contracts.provisioner import Guest, GuestAction, GuestPlan, Provisioner
from jetpack_core.errors import JetpackError
from jetpack_core.records import Change
from jetpack_provisioner_libvirt.acceleration import EMULATED, KVM, Acceleration
from jetpack_provisioner_libvirt.addresses import addresses_of
from jetpack_provisioner_libvirt.creation import Creation
from jetpack_provisioner_libvirt.daemon import connect, uri_of
from jetpack_provisioner_libvirt.differences import Differences, plan_of
from jetpack_provisioner_libvirt.domain import cards_of
from jetpack_provisioner_libvirt.images import BaseImage
from jetpack_provisioner_libvirt.life import destroy, start, stop
from jetpack_provisioner_libvirt.mark import Volume
from jetpack_provisioner_libvirt.seed import Seed, static_address
from jetpack_provisioner_libvirt.storage import Storage
from jetpack_provisioner_libvirt.updating import Update
from jetpack_provisioner_libvirt.values import (
    Address,
    Checksum,
    CloudInit,
    Disk,
    DiskSize,
    Ip,
    Kernel,
    Memory,
    Nic,
    NicUse,
    shown_size,
)
from jetpack_provisioner_libvirt.view import find_domain, look, view_of

_NAME: Final = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]*")
_SCHEMES: Final = ("http://", "https://", "file://")
_DEFAULT_MEMORY: Final = 1 << 30
_ABANDONED: Final = 900.0
"""Seconds after which a guest that somebody else began to make counts as given up."""


@dataclass(frozen=True, slots=True)
class Tools:
    """What all work on a guest needs."""

    connection: Any
    uri: str
    storage: Storage
    say: Callable[[str], None]
    warn: Callable[[str], None]
    check: Callable[[], None]
    lock: Callable[[str], AbstractContextManager[None]]
    pool: str

    def acceleration(self) -> Acceleration:
        """Return what finds out about KVM."""
        return Acceleration(self.connection, self.uri, self.storage, self.pool, self.say, self.lock)

    def image(self, wanted: VirtualMachine) -> BaseImage | None:
        """Return the base image, None where there is none."""
        if wanted.base_image is None:
            return None
        return BaseImage(wanted.base_image, wanted.checksum, self.pool, self.storage, self.say, self.lock)


class VirtualMachine(Provisioner):
    """Make a virtual machine of libvirt, and change it in place: at once where libvirt can, else from its next start.

    Example::

        provision:
          type: libvirt
          base_image: https://cloud.debian.org/images/cloud/bookworm/latest/debian-12-genericcloud-amd64.qcow2
          checksum: sha512:...
          disk_size: 20g
          memory: 2g
          ssh_user: debian
          authorized_keys: [~/.ssh/id_ed25519.pub]

    What only a new guest could have is reported and left alone until the map says `rebuild: true`.
    """

    uri: str | None = None
    """The daemon, such as `qemu+ssh://root@hypervisor/system`; `cluster`'s `jet_libvirt_uri` or `qemu:///system`."""
    cluster: str | None = None
    """Inventory host whose variable `jet_libvirt_uri` says where the daemon is."""
    name: str | None = None
    """The domain's name; that of the host if not said."""
    pool: str = "default"
    """The storage pool for the guest's disks."""
    base_image: str | None = None
    """What the disk begins as: a volume of the pool, a path, or a URL; brought to the pool once and never written."""
    checksum: Checksum | None = None
    """Of a base image that has a URL: `sha256:...` or `sha512:...`."""
    disk_size: DiskSize | None = None
    """Size of the disk, such as `20g`; that of the base image if not said. It can grow later, also while it is used."""
    extra_disks: tuple[Disk, ...] = ()
    """Further disks, each with a `name` and either a `size` or a `volume` that is there."""
    memory: Memory = _DEFAULT_MEMORY
    """Memory, such as `2g` or `512m`; a plain number means MiB; `1g` if not said."""
    memory_max: Memory | None = None
    """Up to where the memory can grow while the guest runs; `memory` if not said."""
    vcpus: int = Field(1, gt=0)
    """How many processors it has."""
    vcpus_max: int | None = Field(None, gt=0)
    """Up to where the processors can become more while the guest runs; `vcpus` if not said."""
    cpu_mode: str | None = None
    """`host-passthrough`, `host-model`, `maximum`, or a model; with KVM `host-passthrough` if not said."""
    domain_type: Literal["auto", "kvm", "qemu"] = "auto"
    """`kvm` on the processor, `qemu` emulated; `auto` tries KVM out, and emulates where it does not work."""
    machine: str | None = None
    """The chipset: `q35` (if not said and there is one), `pc`, `virt`, or one with its version."""
    firmware: Literal["bios", "uefi"] = "bios"
    """What starts the boot loader."""
    networks: tuple[NicUse, ...] = (Nic(network="default"),)
    """Names of networks, or maps of `network` or `bridge`, `mac`, `model`, `ip`, `gateway`; `default` if not said."""
    hostname: str | None = None
    """The name the guest has for itself; that of the host if not said."""
    ssh_user: str | None = None
    """The user that cloud-init makes, with sudo and the keys; the image's own if not said."""
    authorized_keys: tuple[str, ...] = ()
    """Public keys that may log in, or files of this machine with such keys."""
    ip: Ip | None = None
    """Of the first card: `dhcp`, or an address with its prefix length."""
    gateway: Address | None = None
    """The router of the first card."""
    nameservers: tuple[Address, ...] = ()
    """Name servers, where DHCP does not tell them."""
    cloud_init: CloudInit | bool = True
    """More for cloud-init: `user_data`, `meta_data`, `network_config`, `bus`; `false` for images without it."""
    direct_kernel: Kernel | None = None
    """Start a `kernel`, with `initrd` and `cmdline`, instead of the disk's boot loader."""
    autostart: bool = False
    """Whether it is started with the hypervisor."""
    graphics: Literal["none", "vnc", "spice"] = "none"
    """A screen, on the hypervisor's own address only."""
    console: bool = True
    """A serial console, for `virsh console`."""
    console_log: str | None = None
    """File of the hypervisor that keeps what the console says."""
    guest_agent: bool = True
    """The channel for qemu-guest-agent."""
    address_from: Literal["auto", "lease", "agent", "arp"] = "auto"
    """How its address is found out; `auto` asks for the lease, then the agent, then what the hypervisor saw."""
    start_on_create: bool = True
    """Whether a new guest is started."""
    rebuild: bool = False
    """Replace the guest where only a new one could have what is wanted."""
    stop_timeout: float = Field(60, gt=0)
    """Seconds it may take to shut down before its power is turned off."""

    @model_validator(mode="after")
    def _fits_together(self) -> VirtualMachine:
        if self.name is not None and _NAME.fullmatch(self.name) is None:
            raise ValueError(f"`name` may have letters, digits, `_`, `.` and `-`, unlike {self.name!r}")
        if self.base_image is None and self.disk_size is None and self.direct_kernel is None:
            raise ValueError("needs `base_image`, `disk_size` for an empty disk, or `direct_kernel`")
        self._check_source()
        if self.memory_max is not None and self.memory_max < self.memory:
            raise ValueError("`memory_max` must not be less than `memory`")
        if self.vcpus_max is not None and self.vcpus_max < self.vcpus:
            raise ValueError("`vcpus_max` must not be less than `vcpus`")
        names = [one.name for one in self.extra_disks]
        if len(set(names)) < len(names):
            raise ValueError("every one of `extra_disks` needs a name of its own")
        return self

    def _check_source(self) -> None:
        """Raise ValueError for a URL that cannot be fetched or trusted, and for a checksum of nothing."""
        from_web = self.base_image is not None and "://" in self.base_image
        if from_web and not str(self.base_image).startswith(_SCHEMES):
            raise ValueError(f"`base_image` must begin with http://, https:// or file://, unlike {self.base_image}")
        if from_web and self.checksum is None:
            raise ValueError("`base_image` with a URL needs `checksum`, such as sha512:...")
        if self.checksum is not None and not from_web:
            raise ValueError("`checksum` is for a `base_image` with a URL only")

    # What the other files ask for.

    def domain_name(self, host: str) -> str:
        """Return the name of a host's domain. Raises JetpackError."""
        if self.name is not None:
            return self.name
        if _NAME.fullmatch(host) is None:
            raise JetpackError(f"{host!r} cannot be the name of a guest", hint="give it another one with `name`")
        return host

    def volumes_of(self, name: str) -> dict[str, Volume]:
        """Return the volumes that are made for a domain."""
        volumes: dict[str, Volume] = {}
        if self.base_image is not None or self.disk_size is not None:
            volumes["disk"] = (self.pool, f"{name}.qcow2")
        for disk in self.extra_disks:
            if disk.size is not None:
                volumes[f"extra.{disk.name}"] = (disk.pool or self.pool, f"{name}-{disk.name}.qcow2")
        if self.cloud_init is not False:
            volumes["seed"] = (self.pool, f"{name}-seed.iso")
        return volumes

    def xml_values(self) -> dict[str, Any]:
        """Return what the fields of a domain's XML are to be, without those of which nothing was said."""
        kernel = self.direct_kernel
        values = {
            "domain_type": None if self.domain_type == "auto" else self.domain_type,
            "machine": self.machine,
            "memory_max": self.memory_max,
            "vcpus_max": self.vcpus_max,
            "cpu_mode": self.cpu_mode,
        }
        return {
            **{name: value for name, value in values.items() if value is not None},
            "firmware": self.firmware,
            "memory": self.memory,
            "vcpus": self.vcpus,
            "direct_kernel": {k: v for k, v in kernel.model_dump().items() if v} if kernel is not None else None,
            "graphics": self.graphics,
            "console": self.console,
            "console_log": self.console_log if self.console else None,
            "guest_agent": self.guest_agent,
        }

    def fixed_values(self, host: str, tools: Tools) -> dict[str, Any]:
        """Return what has its effect once and for all when a guest is made. Raises JetpackError."""
        image = tools.image(self)
        values: dict[str, Any] = {"name": self.domain_name(host), "pool": self.pool}
        if image is not None:
            values["base_image"] = image.identity()
        if self.cloud_init is False:
            return {**values, "cloud_init": False}
        return {**values, **Seed(self, self.hostname or host).fixed()}

    @cached_property
    def _uri(self) -> str:
        return uri_of(self.surroundings.cluster, self.uri)

    @cached_property
    def _connection(self) -> Any:
        return connect(self._uri)

    def _tools(self) -> Tools:
        around = self.surroundings
        storage = Storage(self._connection, self._uri, around.check)
        return Tools(
            self._connection, self._uri, storage, around.say, around.warn, around.check, around.lock, self.pool
        )

    # What the phase asks for.

    def find(self, host: str) -> Guest | None:
        """Return the domain of a host's name, or else the one that was made for it."""
        tools = self._tools()
        domain = find_domain(tools.connection, tools.uri, host, self.domain_name(host))
        return None if domain is None else look(host, domain, tools.storage)

    def plan(self, host: str, guest: Guest | None) -> GuestPlan:
        """Compare a domain with the parameters."""
        tools = self._tools()
        if guest is None:
            abilities = Creation(self, tools, host).check()
            slow = self.domain_type == "auto" and KVM not in abilities.kinds and EMULATED in abilities.kinds
            reason = f"{tools.uri} offers no KVM, so it is emulated, which is slow" if slow else ""
            return GuestPlan(GuestAction.CREATE, self._summary(), reason)
        view = view_of(guest)
        if guest.owned and view.mark is not None and view.mark.making is not None:
            maker = view.mark.making
            if not maker.is_me and time.time() - maker.since < _ABANDONED:
                message = f"{maker.who} is making the guest {view.name} at this moment"
                raise JetpackError(message, hint="wait until that has come to its end, and run it again")
            return GuestPlan(GuestAction.REPLACE, (), "an earlier run did not come to the end of making it")
        fixed = self.fixed_values(host, tools)
        image = tools.image(self)
        if view.mark is not None and image is not None and image.is_nowhere():
            # A guest does not need the file any more that its image was copied from.
            fixed["base_image"] = view.mark.fixed.get("base_image")
        differences = Differences(self, view, self.xml_values(), fixed).all()
        return plan_of(differences, rebuild=self.rebuild)

    def _summary(self) -> tuple[Change, ...]:
        values = {
            "base_image": self.base_image,
            "disk_size": shown_size(self.disk_size) if self.disk_size else None,
            "extra_disks": [one.name for one in self.extra_disks] or None,
            "memory": shown_size(self.memory),
            "vcpus": self.vcpus,
            "networks": [nic.source for nic in self.networks] or None,
            "ip": self.ip,
        }
        return tuple(Change(name, None, value) for name, value in values.items() if value is not None)

    def create(self, host: str) -> Guest:
        """Make the domain and its disks, and start it; what fails half-way is removed again."""
        return Creation(self, self._tools(), host).make()

    def replace(self, host: str, guest: Guest, plan: GuestPlan) -> Guest:
        """Remove the domain and make it anew, with the same network addresses; disks given by `volume` stay."""
        del plan
        creation = Creation(self, self._tools(), host)
        # Whatever is missing for the new one is to be told while the old one is still there.
        creation.prepare()
        macs = [card.mac for card in cards_of(view_of(guest).config)]
        if guest.running:
            self.stop(guest)
        self.destroy(guest)
        return creation.make(macs)

    def update(self, guest: Guest, plan: GuestPlan) -> Guest:
        """Change what differs, at once where libvirt can."""
        del plan
        return Update(self, self._tools(), guest).make()

    def start(self, guest: Guest) -> None:
        """Start the domain."""
        start(self._tools(), guest)

    def stop(self, guest: Guest) -> None:
        """Shut the domain down; turn its power off after `stop_timeout`."""
        stop(self._tools(), guest, self.stop_timeout)

    def destroy(self, guest: Guest) -> None:
        """Remove the domain and the volumes that were made for it."""
        destroy(self._tools(), guest)

    def addresses(self, guest: Guest) -> tuple[str, ...]:
        """Return the guest's addresses; the one it is told to have first."""
        own = static_address(self)
        found = addresses_of(self._connection, guest.id, cards_of(view_of(guest).config), self.address_from)
        return tuple(dict.fromkeys((own, *found))) if own is not None else found

    def host_keys(self, guest: Guest) -> tuple[str, ...]:
        """Return the keys that cloud-init gave to the guest's SSH server."""
        mark = view_of(guest).mark
        return mark.host_keys if mark is not None else ()
