# SPDX-License-Identifier: GPL-3.0-or-later
"""How sizes, disks, networks and cloud-init data are written, and the one form they are compared in."""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

MIB: Final = 1 << 20
_SIZE: Final = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*([kmgt])(?:i?b)?", re.IGNORECASE)
_FACTORS: Final = {"k": 1 << 10, "m": MIB, "g": 1 << 30, "t": 1 << 40}
_MAC: Final = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}")
_MULTICAST: Final = 1
_CHECKSUM: Final = re.compile(r"(sha256|sha512):([0-9a-f]{64}|[0-9a-f]{128})")
_LABEL: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,19}")
_DHCP: Final = "dhcp"


def _bytes(value: Any) -> int:
    match = _SIZE.fullmatch(str(value).strip()) if not isinstance(value, bool) else None
    if match is None:
        raise ValueError(f"must be a size with its unit, such as 512m or 10g, not {value!r}")
    return int(float(match[1]) * _FACTORS[match[2].lower()])


def parse_disk_size(value: Any) -> int:
    """Return bytes of `10g` or `512m`. Raises ValueError, also for what is no whole number of MiB."""
    size = _bytes(value)
    if size % MIB or not size:
        raise ValueError(f"must be a whole number of MiB, not {value!r}")
    return size


def parse_memory(value: Any) -> int:
    """Return bytes of `2g`, `512m`, or of a plain number of MiB. Raises ValueError."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = f"{value}m"
    return parse_disk_size(value)


def shown_size(value: int) -> str:
    """Return bytes as they are written, in the largest unit that is exact."""
    for unit in ("t", "g", "m", "k"):
        if value % _FACTORS[unit] == 0:
            return f"{value // _FACTORS[unit]}{unit}"
    return f"{value} bytes"


DiskSize = Annotated[int, BeforeValidator(parse_disk_size)]
"""Bytes."""
Memory = Annotated[int, BeforeValidator(parse_memory)]
"""Bytes."""


def parse_mac(value: Any) -> str:
    """Return an Ethernet address in lower case. Raises ValueError, also for those of groups."""
    text = str(value).strip().lower()
    if _MAC.fullmatch(text) is None or int(text[:2], 16) & _MULTICAST:
        raise ValueError(f"must be the address of one network card, such as 52:54:00:12:34:56, not {value!r}")
    return text


def parse_ip(value: Any) -> str:
    """Return `dhcp`, or an address with its prefix length. Raises ValueError."""
    text = str(value).strip()
    if text == _DHCP:
        return text
    if "/" not in text:
        raise ValueError(f"must be `dhcp`, or an address with its prefix length, such as 192.0.2.5/24, not {value!r}")
    return str(ipaddress.ip_interface(text))


def parse_address(value: Any) -> str:
    """Return an address. Raises ValueError."""
    return str(ipaddress.ip_address(str(value).strip()))


def parse_checksum(value: Any) -> str:
    """Return `sha256:...` or `sha512:...` in lower case. Raises ValueError."""
    text = str(value).strip().lower()
    match = _CHECKSUM.fullmatch(text)
    if match is None or len(match[2]) * 4 != int(match[1].removeprefix("sha")):
        raise ValueError(f"must be `sha256:` or `sha512:` and the digits of the checksum, not {value!r}")
    return text


def parse_label(value: Any) -> str:
    """Return the name of a disk. Raises ValueError for what cannot be its serial number in the guest."""
    text = str(value)
    if _LABEL.fullmatch(text) is None:
        raise ValueError(f"may have at most 20 letters, digits, `_`, `.` and `-`, unlike {value!r}")
    return text


Mac = Annotated[str, BeforeValidator(parse_mac)]
Ip = Annotated[str, BeforeValidator(parse_ip)]
Address = Annotated[str, BeforeValidator(parse_address)]
Checksum = Annotated[str, BeforeValidator(parse_checksum)]
Label = Annotated[str, BeforeValidator(parse_label)]


class Nic(BaseModel):
    """A network card of the guest."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    network: str | None = None
    """A network of libvirt."""
    bridge: str | None = None
    """A bridge of the hypervisor."""
    mac: Mac | None = None
    """Its Ethernet address; chosen when the guest is made, and kept ever after, if not said."""
    model: str = "virtio"
    """What the guest sees: `virtio`, `e1000e`, ..."""
    ip: Ip | None = None
    """`dhcp`, or an address with its prefix length, for cloud-init."""
    gateway: Address | None = None
    """The router, for cloud-init."""

    @model_validator(mode="after")
    def _has_one_source(self) -> Nic:
        if (self.network is None) == (self.bridge is None):
            raise ValueError("needs either `network` or `bridge`")
        return self

    @property
    def source(self) -> str:
        """Return what it is plugged into, in a word."""
        return f"network {self.network}" if self.network is not None else f"bridge {self.bridge}"


def _as_nic(value: Any) -> Any:
    return {"network": value} if isinstance(value, str) else value


NicUse = Annotated[Nic, BeforeValidator(_as_nic)]


class Disk(BaseModel):
    """A disk besides the one that the guest boots from."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Label
    """Its serial number in the guest: /dev/disk/by-id/virtio-NAME."""
    size: DiskSize | None = None
    """Make a disk of this size for the guest, and remove it with the guest."""
    volume: str | None = None
    """Use a volume that is there, and leave it when the guest is removed."""
    pool: str | None = None
    """The storage pool, if it is not the guest's."""
    bus: Literal["virtio", "scsi", "sata"] = "virtio"
    """How the guest sees it."""

    @model_validator(mode="after")
    def _is_made_or_used(self) -> Disk:
        if (self.size is None) == (self.volume is None):
            raise ValueError("needs either `size`, for a disk of its own, or `volume`, for one that is there")
        return self


class Kernel(BaseModel):
    """A kernel that is started without a boot loader; all paths are on the hypervisor."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kernel: str
    """The kernel."""
    initrd: str | None = None
    """Its initial memory disk."""
    cmdline: str = ""
    """Its command line, such as `root=/dev/vda1 console=ttyS0`."""


class CloudInit(BaseModel):
    """What cloud-init is given besides what the other parameters say."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    user_data: dict[str, Any] | str | None = None
    """A map is added to the user-data that is made of the other parameters, and beats it; a text takes its place."""
    meta_data: dict[str, Any] = Field(default_factory=dict)
    """Added to the meta-data; beats it."""
    network_config: dict[str, Any] | None = None
    """Takes the place of the network-config that is made of the other parameters."""
    bus: Literal["scsi", "sata", "ide", "virtio"] = "scsi"
    """How the guest sees the disk with these data; cloud images often have no driver for SATA."""


CloudInitUse = CloudInit | bool
