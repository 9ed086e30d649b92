# SPDX-License-Identifier: GPL-3.0-or-later
"""The provisioner `proxmox_lxc`: containers of Proxmox VE that match their `provision:` maps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from jetpack_provisioner_proxmox.addresses import macs_of, usable_addresses
from jetpack_provisioner_proxmox.comparison import Setting, properties_of, property_text
from jetpack_provisioner_proxmox.disks import Disk
from jetpack_provisioner_proxmox.kinds import LXC, Kind
from jetpack_provisioner_proxmox.properties import Properties, keyed
from jetpack_provisioner_proxmox.provisioner import ProxmoxGuest
from jetpack_provisioner_proxmox.refusals import ApiError
from jetpack_provisioner_proxmox.values import Memory, parse_bytes, public_keys
from pydantic import Field, model_validator

from jetpack_core.errors import JetpackError
from jetpack_provisioner_proxmox_lxc.templates import Template, template_of

if TYPE_CHECKING:
    from jetpack_provisioner_proxmox.client import Client
    from jetpack_provisioner_proxmox.cluster import Cluster
    from jetpack_provisioner_proxmox.guests import Seen

_MOUNTS = 8
_TUN = "/dev/net/tun"
_GIB = 1 << 30
_NOT_IMPLEMENTED = 501


class ProxmoxContainer(ProxmoxGuest):
    """Make a container of Proxmox VE, change it in place where Proxmox can, and grow its disks.

    Example::

        provision:
          type: proxmox_lxc
          cluster: pve1
          ostemplate: debian-12
          fetch: true
          memory: 1024
          rootfs_size: 16G
          authorized_keys: ~/.ssh/id_ed25519.pub
          ssh_user: root

    The variables of the inventory host `pve1` say how to log in to the API: `jet_proxmox_url`, `jet_proxmox_token`,
    `jet_proxmox_ca` or `jet_proxmox_fingerprint`.
    """

    kind: ClassVar[Kind] = LXC

    ostemplate: str | None = None
    """What it is made of: `debian-12` for the newest of its name, or `local:vztmpl/NAME`. Not needed with `clone`."""
    fetch: bool | Literal["latest"] = False
    """With `true`, fetch the template where the storage has none; with `latest`, also when there is a newer one."""
    template_url: str | None = None
    """Where the template is fetched from; from the list that Proxmox offers if not said."""
    template_checksum: str | None = None
    """Of what `template_url` holds: `sha256:...`."""
    template_storage: str = "local"
    """The storage of templates."""
    unprivileged: bool = True
    """Let root in it be nobody on the node; fixed once it is made, and with `clone` that of the template."""
    swap: Memory | None = None
    """MiB of swap; 512 if not said."""
    cpulimit: Annotated[float, Field(ge=0)] | None = None
    """How much of all processors it may use, such as 1.5; 0 for no limit."""
    cpuunits: Annotated[int, Field(ge=0)] | None = None
    """Its weight among others."""
    features: Properties | None = None
    """`{nesting: true, keyctl: true, fuse: true}`; `nesting` alone if not said, it is unprivileged and no clone."""
    tun: bool = False
    """Give it /dev/net/tun, as VPNs need; only root@pam with a password may."""
    mp0: Properties | None = None
    """A mount point: `{mp: /data, size: 8G}`, or `{mp: /srv, volume: /srv/on/the/node, ro: true}`; grown in place."""
    mp1: Properties | None = None
    """As `mp0`, for the second mount point."""
    mp2: Properties | None = None
    """As `mp0`, for the third mount point."""
    mp3: Properties | None = None
    """As `mp0`, for the fourth mount point."""
    mp4: Properties | None = None
    """As `mp0`, for the fifth mount point."""
    mp5: Properties | None = None
    """As `mp0`, for the sixth mount point."""
    mp6: Properties | None = None
    """As `mp0`, for the seventh mount point."""
    mp7: Properties | None = None
    """As `mp0`, for the eighth mount point."""
    ostype: str | None = None
    """Which system is in it; found out from the template if not said."""
    timezone: str | None = None
    """Its time zone, or `host` for that of the node."""

    @model_validator(mode="after")
    def _is_made_of_something(self) -> ProxmoxContainer:
        if (self.ostemplate is None) == (self.clone is None):
            raise ValueError("needs either `ostemplate` or `clone`")
        if self.clone is not None and (self.password is not None or self.authorized_keys is not None):
            raise ValueError("a clone has the keys and passwords of what it is cloned from; take them out")
        if self.template_url is not None and not self.fetch:
            raise ValueError("`template_url` needs `fetch: true`")
        if self.template_checksum is not None and ":" not in self.template_checksum:
            raise ValueError("`template_checksum` begins with its algorithm: sha256:...")
        return self

    # What it is to be like.

    def settings_of(self, host: str) -> list[Setting]:
        """Return the configuration as it is to be."""
        said = {
            "hostname": self.name_of(host),
            "cores": self.cores,
            "swap": self.swap,
            "cpulimit": self.cpulimit,
            "cpuunits": self.cpuunits,
            "ostype": self.ostype,
            "timezone": self.timezone,
            "nameserver": " ".join(self.nameserver) if self.nameserver is not None else None,
            "searchdomain": " ".join(self.searchdomain) if self.searchdomain is not None else None,
            "onboot": self.onboot,
            "protection": self.protection,
            "startup": property_text(LXC, "startup", self.startup) if self.startup is not None else None,
        }
        plain = [_setting(key, value) for key, value in said.items() if value is not None]
        others = [Setting(key, "config", value) for key, value in self.config.items()]
        return [
            *plain,
            Setting("memory", "memory", str(self.memory), absent="512"),
            *self._privileges(),
            *self._features(),
            *self._interfaces(),
            *others,
        ]

    def _privileges(self) -> list[Setting]:
        """Return whether it is unprivileged; a clone is what its template is, unless the map says it."""
        if self.clone is not None and "unprivileged" not in self.model_fields_set:
            return []
        return [Setting("unprivileged", "unprivileged", str(int(self.unprivileged)), fixed=True, absent="0")]

    def _features(self) -> list[Setting]:
        """Return the features; an empty one would be refused to all but root."""
        if self.features is None:
            plain = self.unprivileged and self.clone is None
            return [Setting("features", "features", "nesting=1", partial=True)] if plain else []
        text = property_text(LXC, "features", self.features)
        return [Setting("features", "features", text or None)]

    def _interfaces(self) -> list[Setting]:
        return [
            Setting(f"net{number}", f"net{number}", property_text(LXC, "net", {"name": f"eth{number}", **given}))
            for number, given in self.networks.items()
        ]

    def disks_of(self) -> tuple[Disk, ...]:
        """Return the root file system and the mount points."""
        root = Disk(
            "rootfs",
            "rootfs_size",
            size=self.rootfs_size if self.clone is not None else self.rootfs_size or 8 * _GIB,
            storage=self.disk_storage,
            storage_said=self.storage is not None,
        )
        given = {number: getattr(self, f"mp{number}") for number in range(_MOUNTS)}
        return (root, *(self._mount(f"mp{number}", one) for number, one in given.items() if one is not None))

    def _mount(self, key: str, given: Mapping[str, str]) -> Disk:
        """Return one mount point, whichever way it is written."""
        options = {("mp" if name == "path" else name): value for name, value in keyed(given, "volume").items()}
        volume, size, storage = options.pop("volume", ""), options.pop("size", ""), options.pop("storage", "")
        made, _, gibs = volume.partition(":")
        if "mp" not in options:
            raise JetpackError(f"{key} does not say where it is mounted", hint=f"{key}: {{mp: /data, size: 8G}}")
        if gibs and gibs.replace(".", "", 1).isdecimal():
            # As Proxmox writes it: `local-lvm:8`.
            volume, storage, size = "", made, size or gibs
        if not volume and not size:
            raise JetpackError(f"{key} needs a `size`, or a `volume`", hint=f"{key}: {{mp: /data, size: 8G}}")
        try:
            number = parse_bytes(size, _GIB) if size and not volume.startswith("/") else None
        except ValueError as error:
            raise JetpackError(f"{key}: {error}") from error
        where = storage or self.disk_storage
        return Disk(key, key, number, where, volume, options, whole=True, storage_said=bool(storage))

    def made_of(self) -> Mapping[str, str]:
        """Return the template or the container it is cloned from."""
        return {"ostemplate": self.ostemplate} if self.ostemplate is not None else {"clone": str(self.clone)}

    # Making it.

    def prepare(self, cluster: Cluster, node: str) -> str:
        """Return the volume of the template on a node, fetched where that is wanted."""
        wanted = Template(
            str(self.ostemplate), self.template_storage, self.fetch, self.template_url, self.template_checksum
        )
        return template_of(cluster, node, wanted, self.create_timeout)

    def creation(self, source: str) -> Mapping[str, object]:
        """Return what the call that makes it takes besides."""
        given: dict[str, object] = {"ostemplate": source, "storage": self.disk_storage}
        if self.password is not None:
            given["password"] = self.password.get_secret_value()
        if self.authorized_keys:
            given["ssh-public-keys"] = "\n".join(public_keys(self.authorized_keys))
        return given

    def settings_for(self, config: Mapping[str, object]) -> list[Setting]:
        """Return what depends on what the container has, such as the number under which it gets its device."""
        return [*super().settings_for(config), *(self._tun(config) if self.tun else [])]

    def _tun(self, config: Mapping[str, object]) -> list[Setting]:
        devices = {key: str(config[key]) for key in config if LXC.family(key) == "dev" and key != "dev"}
        if any(properties_of(LXC, key, text).get("path") == _TUN for key, text in devices.items()):
            return []
        free = next(f"dev{number}" for number in range(len(devices) + 1) if f"dev{number}" not in devices)
        return [Setting(free, "tun", _TUN)]

    # Reaching it.

    def api_addresses(self, client: Client, found: Seen) -> tuple[str, ...]:
        """Return the addresses its interfaces have now; Proxmox VE 7 does not tell them."""
        try:
            told: Any = client.get(f"asking for the addresses of {found.place.vmid}", *found.place.path, "interfaces")
        except ApiError as error:
            if error.status == _NOT_IMPLEMENTED or error.says("not running"):
                return ()
            raise
        return usable_addresses(told or (), macs_of(LXC, found.config))


def _setting(key: str, value: object) -> Setting:
    """Return a setting whose parameter has the API's own name."""
    absent = {"onboot": "0", "protection": "0", "swap": "512", "cpulimit": "0"}.get(key)
    return Setting(key, key, str(int(value)) if isinstance(value, bool) else str(value), absent=absent)
