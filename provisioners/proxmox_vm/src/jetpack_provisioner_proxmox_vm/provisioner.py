# SPDX-License-Identifier: GPL-3.0-or-later
"""The provisioner `proxmox_vm`: virtual machines of Proxmox VE that match their `provision:` maps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, ClassVar, Final

from jetpack_provisioner_proxmox.comparison import Setting, properties_of, property_text
from jetpack_provisioner_proxmox.disks import Disk
from jetpack_provisioner_proxmox.kinds import QEMU, Kind
from jetpack_provisioner_proxmox.properties import Properties
from jetpack_provisioner_proxmox.provisioner import ProxmoxGuest
from jetpack_provisioner_proxmox.values import Memory, encoded_keys, public_keys
from pydantic import Field, model_validator

from jetpack_provisioner_proxmox_vm.agent import agent_addresses, agent_keys
from jetpack_provisioner_proxmox_vm.cloud import CloudInit
from jetpack_provisioner_proxmox_vm.drives import Drive
from jetpack_provisioner_proxmox_vm.images import Image, image_of

if TYPE_CHECKING:
    from jetpack_provisioner_proxmox.client import Client
    from jetpack_provisioner_proxmox.cluster import Cluster
    from jetpack_provisioner_proxmox.comparison import Config
    from jetpack_provisioner_proxmox.guests import Seen

_ADDRESS_KEYS: Final = ("ip", "gw", "ip6", "gw6")
"""What a machine learns of its interface through cloud-init."""
_GIB: Final = 1 << 30
_ABSENT: Final = {
    "bios": "seabios",
    "cores": "1",
    "cpu": "kvm64",
    "memory": "512",
    "numa": "0",
    "onboot": "0",
    "ostype": "other",
    "protection": "0",
    "scsihw": "lsi",
    "sockets": "1",
    "tablet": "1",
}
"""What a machine has whose configuration does not say it."""


class ProxmoxMachine(ProxmoxGuest):
    """Make a virtual machine of Proxmox VE, change it in place where Proxmox can, and grow its disks.

    Example::

        provision:
          type: proxmox_vm
          cluster: pve1
          image: https://cloud.debian.org/images/cloud/bookworm/latest/debian-12-generic-amd64.qcow2
          memory: 2G
          cores: 2
          rootfs_size: 20G
          ssh_user: admin
          authorized_keys: ~/.ssh/id_ed25519.pub

    The variables of the inventory host `pve1` say how to log in to the API: `jet_proxmox_url`, `jet_proxmox_token`,
    `jet_proxmox_ca` or `jet_proxmox_fingerprint`.
    """

    kind: ClassVar[Kind] = QEMU

    memory: Memory = 2048
    """MiB, or a size such as `2G`."""
    image: str | None = None
    """What its first disk is made of: an URL, or a volume such as `local:import/debian-12.qcow2`."""
    checksum: str | None = None
    """Of what the URL of `image` holds: `sha256:...`."""
    image_storage: str = "local"
    """The storage that images are fetched to; it must take the content `import`."""
    iso: str | None = None
    """A volume in its CD drive `ide3`, such as `local:iso/debian-12.iso`."""
    boot_disk: str = "scsi0"
    """Which disk `rootfs_size` is that of; with `clone`, the one that the template boots from."""
    disks: dict[str, Drive] = Field(default_factory=dict)
    """More disks: `{scsi1: {size: 100G, storage: fast}}`; made and grown, never taken away."""
    disk_options: Properties | None = None
    """Options of the first disk, such as `{discard: on, ssd: true, iothread: true}`."""
    sockets: Annotated[int, Field(ge=1)] | None = None
    """How many processors the cores are on."""
    cpu: str | None = None
    """Which processor it sees: `host`, or `x86-64-v2-AES`, which a new machine gets if nothing is said."""
    balloon: Memory | None = None
    """MiB that it keeps when its node needs memory; 0 for all of it."""
    numa: bool | None = None
    """Let it see how its memory is spread."""
    bios: str | None = None
    """`seabios`, or `ovmf`, for which `config` names an `efidisk0`."""
    machine: str | None = None
    """Such as `q35`."""
    scsihw: str | None = None
    """The controller of its SCSI disks; a new machine gets `virtio-scsi-single` if nothing is said."""
    ostype: str | None = None
    """Which system is in it; a new machine gets `l26`, for Linux, if nothing is said."""
    vga: str | None = None
    """Its screen; a new machine with cloud-init gets its serial console there if nothing is said."""
    tablet: bool | None = None
    """Give it a pointing device."""
    agent: bool = True
    """Whether the QEMU guest agent runs in it: it tells addresses and host keys, and shuts down in order."""
    agent_timeout: Annotated[float, Field(ge=0)] = 60
    """How many seconds a new machine's agent is waited for, that it tells the host keys."""
    cloud_init: CloudInit | bool | None = None
    """What cloud-init is told besides user, keys and addresses, or `false`; on with `image`, keys or a password."""

    @model_validator(mode="after")
    def _is_of_one_piece(self) -> ProxmoxMachine:
        if self.image is not None and self.clone is not None:
            raise ValueError("is made either of an `image` or as a `clone`")
        if self.checksum is not None and ":" not in self.checksum:
            raise ValueError("`checksum` begins with its algorithm: sha256:...")
        wrong = [key for key in (self.boot_disk, *self.disks) if not QEMU.is_disk(key) or not key[-1].isdigit()]
        if wrong:
            raise ValueError(f"{wrong[0]!r} is no disk: scsi0, virtio0, sata0 and so on are")
        if self.boot_disk in self.disks:
            raise ValueError(
                f"{self.boot_disk} is the first disk; `rootfs_size` and `disk_options` say what it is like"
            )
        if self.cloud is None and (self.password is not None or self.authorized_keys is not None):
            raise ValueError("`password` and `authorized_keys` reach it through `cloud_init` only")
        return self

    @property
    def cloud(self) -> CloudInit | None:
        """Return what cloud-init is told; None where it is told nothing."""
        if isinstance(self.cloud_init, CloudInit):
            return self.cloud_init
        wanted = self.cloud_init
        if wanted is None:
            wanted = any(one is not None for one in (self.image, self.authorized_keys, self.password))
        return CloudInit() if wanted else None

    # What it is to be like.

    def settings_of(self, host: str) -> list[Setting]:
        """Return the configuration as it is to be."""
        said = {
            "name": self.name_of(host),
            "memory": self.memory,
            "agent": property_text(QEMU, "agent", {"enabled": "1"}) if self.agent else "0",
            "cores": self.cores,
            "sockets": self.sockets,
            "cpu": self.cpu,
            "balloon": self.balloon,
            "numa": self.numa,
            "bios": self.bios,
            "machine": self.machine,
            "scsihw": self.scsihw,
            "ostype": self.ostype,
            "vga": self.vga,
            "tablet": self.tablet,
            "onboot": self.onboot,
            "protection": self.protection,
            "startup": property_text(QEMU, "startup", self.startup) if self.startup is not None else None,
        }
        plain = [_setting(key, value) for key, value in said.items() if value is not None]
        others = [Setting(key, "config", value) for key, value in self.config.items()]
        return [*plain, *self._interfaces(), *self._cloud_settings(), *others]

    def _interfaces(self) -> list[Setting]:
        return [
            Setting(f"net{number}", f"net{number}", _card(number, given)) for number, given in self.networks.items()
        ]

    def _cloud_settings(self) -> list[Setting]:
        cloud = self.cloud
        if cloud is None:
            return []
        addresses = {number: _address(given) for number, given in self.networks.items()}
        found = [
            Setting(f"ipconfig{number}", f"net{number}", text or None) for number, text in addresses.items() if text
        ]
        if self.ssh_user is not None:
            found.append(Setting("ciuser", "ssh_user", self.ssh_user))
        if self.password is not None:
            found.append(Setting("cipassword", "password", self.password.get_secret_value(), secret=True))
        if self.authorized_keys is not None:
            found.append(Setting("sshkeys", "authorized_keys", encoded_keys(public_keys(self.authorized_keys))))
        if self.nameserver is not None:
            found.append(Setting("nameserver", "nameserver", " ".join(self.nameserver)))
        if self.searchdomain is not None:
            found.append(Setting("searchdomain", "searchdomain", " ".join(self.searchdomain)))
        return [*found, *cloud.settings()]

    def settings_for(self, config: Config) -> list[Setting]:
        """Return what depends on what the machine has, such as the CD drives that it lacks."""
        wanted: dict[str, tuple[str, str]] = {}
        cloud = self.cloud
        if cloud is not None and not any("cloudinit" in str(config[key]) for key in config if QEMU.is_disk(key)):
            wanted[cloud.drive] = ("cloud_init", f"{cloud.storage or self.disk_storage}:cloudinit")
        if self.iso is not None and properties_of(QEMU, "ide3", str(config.get("ide3", ""))).get("file") != self.iso:
            wanted["ide3"] = ("iso", f"{self.iso},media=cdrom")
        drives = [Setting(key, field, text) for key, (field, text) in wanted.items()]
        return [*super().settings_for(config), *drives]

    def disks_of(self) -> tuple[Disk, ...]:
        """Return the first disk and the others."""
        size = self.rootfs_size
        if size is None and self.image is None and self.clone is None:
            size = 8 * _GIB
        first = Disk(
            self.boot_disk,
            "disk_options",
            size=size,
            storage=self.disk_storage,
            options=dict(self.disk_options or {}),
            storage_said=self.storage is not None,
            inherited=self.clone is not None,
            size_field="rootfs_size",
        )
        said = size is not None or self.storage is not None or self.disk_options is not None
        return (*([first] if said else []), *(one.disk(key, self.disk_storage) for key, one in self.disks.items()))

    def made_of(self) -> Mapping[str, str]:
        """Return the image or the machine it is cloned from."""
        said = {"image": self.image, "clone": self.clone}
        return {key: value for key, value in said.items() if value is not None}

    # Making it.

    def prepare(self, cluster: Cluster, node: str) -> str:
        """Return the volume of the image on a node, fetched once; nothing where it begins with an empty disk."""
        if self.image is None:
            return ""
        return image_of(cluster, node, Image(self.image, self.image_storage, self.checksum), self.create_timeout)

    def creation(self, source: str) -> Mapping[str, object]:
        """Return what the call that makes it takes besides."""
        boots = [self.boot_disk, *(["ide3"] if self.iso is not None else []), "net0"]
        given: dict[str, object] = {"boot": f"order={';'.join(boots)}"}
        if source:
            options = {"import-from": source, **(self.disk_options or {})}
            text = ",".join([f"{self.disk_storage}:0", *(f"{key}={value}" for key, value in options.items())])
            given[self.boot_disk] = text
        defaults = {"scsihw": "virtio-scsi-single", "ostype": "l26", "cpu": "x86-64-v2-AES"}
        if self.cloud is not None and self.vga is None:
            # Images for clouds talk to the serial console.
            defaults |= {"serial0": "socket", "vga": "serial0"}
        said = {"scsihw": self.scsihw, "ostype": self.ostype, "cpu": self.cpu}
        wanted = {**{key: value for key, value in defaults.items() if said.get(key) is None}, **given}
        return {key: value for key, value in wanted.items() if key not in self.config}

    # Reaching it.

    def api_addresses(self, client: Client, found: Seen) -> tuple[str, ...]:
        """Return the addresses that the guest agent tells."""
        return agent_addresses(client, found) if self.agent else ()

    def channel_keys(self, client: Client, found: Seen) -> tuple[str, ...]:
        """Return the host keys that the guest agent reads; its channel is the node's own."""
        # A guest that was not made just now has an agent that runs, or none.
        patience = self.agent_timeout if found.new else 0.0
        return agent_keys(client, found, patience) if self.agent else ()


def _card(number: int, given: Mapping[str, str]) -> str:
    """Return a network card; what cloud-init tells of its addresses apart."""
    del number
    return property_text(QEMU, "net", {key: value for key, value in given.items() if key not in _ADDRESS_KEYS})


def _address(given: Mapping[str, str]) -> str:
    return property_text(QEMU, "ipconfig0", {key: given[key] for key in _ADDRESS_KEYS if key in given})


def _setting(key: str, value: object) -> Setting:
    """Return a setting whose parameter has nearly the API's own name."""
    text = str(int(value)) if isinstance(value, bool) else str(value)
    absent = "0" if key == "agent" else _ABSENT.get(key)
    return Setting(key, "hostname" if key == "name" else key, text, absent=absent)
