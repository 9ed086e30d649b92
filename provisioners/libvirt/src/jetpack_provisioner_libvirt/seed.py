# SPDX-License-Identifier: GPL-3.0-or-later
"""What cloud-init is told at the first boot, and the small disk that it reads this from.

Formats: cloud-init's documentation, "NoCloud" and "Networking config Version 2".
"""

from __future__ import annotations

import hashlib
import io
import ipaddress
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import yaml

from jetpack_core.errors import JetpackError
from jetpack_provisioner_libvirt.values import CloudInit, Nic

if TYPE_CHECKING:
    from jetpack_provisioner_libvirt.provisioner import VirtualMachine

LABEL: Final = "cidata"
_HEADER: Final = "#cloud-config\n"
_ROOT: Final = "root"
_FILES: Final = (("user-data", "/USERDATA.;1"), ("meta-data", "/METADATA.;1"), ("network-config", "/NETCONF.;1"))


@dataclass(frozen=True, slots=True)
class HostKey:
    """The key of a guest's SSH server, made before the guest is."""

    private: str
    public: str
    """Its type and its base64."""


def new_host_key() -> HostKey:
    """Make a key."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
    public = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    return HostKey(private.decode(), public.decode())


def read_keys(given: Sequence[str]) -> tuple[str, ...]:
    """Return public keys, those in files of this machine read. Raises JetpackError."""
    keys: list[str] = []
    for one in given:
        text = one.strip()
        if text.startswith(("/", "~")):
            try:
                text = Path(text).expanduser().read_text(encoding="utf-8")
            except (OSError, ValueError) as error:
                raise JetpackError(f"`authorized_keys`: {one} cannot be read: {error}") from error
        keys += [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    for key in keys:
        if "PRIVATE KEY" in key or len(key.split()) < 2:  # noqa: PLR2004 - its type and its base64
            raise JetpackError("`authorized_keys`: not a public key", hint="give those of files that end in .pub")
    return tuple(keys)


class Seed:
    """The data for cloud-init of one guest.

    :param hostname: The name the guest has for itself.
    """

    def __init__(self, wanted: VirtualMachine, hostname: str) -> None:
        self._wanted = wanted
        self._hostname = hostname
        self._given = wanted.cloud_init if isinstance(wanted.cloud_init, CloudInit) else CloudInit()

    @property
    def bus(self) -> str:
        """Return how the guest sees the disk with the data."""
        return self._given.bus

    @property
    def takes_host_keys(self) -> bool:
        """Tell whether keys for the SSH server can be handed over: a user's own text holds none of ours."""
        given = self._given.user_data
        return not isinstance(given, str) and "ssh_keys" not in (given or {})

    def fixed(self) -> dict[str, Any]:
        """Return what has its effect at the first boot, by parameter; what may be secret as digests."""
        wanted, given = self._wanted, self._given
        nics = {
            f"networks[{index}].{name}": getattr(nic, name)
            for index, nic in enumerate(wanted.networks)
            for name in ("ip", "gateway")
        }
        values = {
            "hostname": self._hostname,
            "ssh_user": wanted.ssh_user,
            "authorized_keys": list(read_keys(wanted.authorized_keys)),
            "ip": wanted.ip,
            "gateway": wanted.gateway,
            "nameservers": list(wanted.nameservers),
            "cloud_init.user_data": _digest(given.user_data),
            "cloud_init.meta_data": _digest(given.meta_data),
            "cloud_init.network_config": _digest(given.network_config),
            "cloud_init.bus": given.bus,
        }
        return {name: value for name, value in {**values, **nics}.items() if value}

    def files(self, instance: str, macs: Sequence[str], key: HostKey | None) -> dict[str, str]:
        """Return the files of the disk by name.

        :param instance: Tells one first boot from another.
        :param macs: Addresses of the guest's network cards, in their order.
        """
        meta = {"instance-id": instance, "local-hostname": self._hostname, **self._given.meta_data}
        return {
            "user-data": self._user_data(key),
            "meta-data": _text(meta),
            "network-config": _text(self._given.network_config or self._network(macs)),
        }

    def _user_data(self, key: HostKey | None) -> str:
        given = self._given.user_data
        if isinstance(given, str):
            return given
        data: dict[str, Any] = {"hostname": self._hostname.partition(".")[0], "preserve_hostname": False}
        if "." in self._hostname:
            data["fqdn"] = self._hostname
        if key is not None:
            data["ssh_keys"] = {"ed25519_private": key.private, "ed25519_public": key.public}
        return _HEADER + _text({**data, **self._login(), **(given or {})})

    def _login(self) -> dict[str, Any]:
        user, keys = self._wanted.ssh_user, list(read_keys(self._wanted.authorized_keys))
        if user is None:
            return {"ssh_authorized_keys": keys} if keys else {}
        account: dict[str, Any] = {"name": user, "lock_passwd": True, "ssh_authorized_keys": keys}
        if user == _ROOT:
            return {"disable_root": False, "users": [account]}
        return {"users": [{**account, "shell": "/bin/bash", "sudo": "ALL=(ALL) NOPASSWD:ALL"}]}

    def _network(self, macs: Sequence[str]) -> dict[str, Any]:
        cards = {}
        for index, (nic, mac) in enumerate(zip(self._wanted.networks, macs, strict=True)):
            first = index == 0
            ip = (self._wanted.ip if first else None) or nic.ip
            gateway = (self._wanted.gateway if first else None) or nic.gateway
            servers = self._wanted.nameservers if first else ()
            cards[f"eth{index}"] = {
                "match": {"macaddress": mac},
                "set-name": f"eth{index}",
                **_addressing(ip, gateway),
                **({"nameservers": {"addresses": list(servers)}} if servers else {}),
            }
        return {"version": 2, "ethernets": cards}


def _addressing(ip: str | None, gateway: str | None) -> dict[str, Any]:
    if ip is None or ip == "dhcp":
        # By its Ethernet address, so that a new guest with an old card has the old lease.
        return {"dhcp4": True, "dhcp-identifier": "mac"}
    found: dict[str, Any] = {"dhcp4": False, "addresses": [ip]}
    if gateway is not None:
        everywhere = "0.0.0.0/0" if ipaddress.ip_address(gateway).version == 4 else "::/0"  # noqa: PLR2004
        found["routes"] = [{"to": everywhere, "via": gateway}]
    return found


def static_address(wanted: VirtualMachine) -> str | None:
    """Return the address that the guest is told to have, None where it asks for one."""
    first: Nic | None = wanted.networks[0] if wanted.networks else None
    ip = wanted.ip or (first.ip if first is not None else None)
    return None if ip is None or ip == "dhcp" else ip.partition("/")[0]


def iso_of(files: Mapping[str, str]) -> bytes:
    """Return an ISO 9660 image with files, under the label that cloud-init looks for."""
    import pycdlib

    disk = pycdlib.PyCdlib()
    disk.new(interchange_level=3, joliet=3, rock_ridge="1.09", vol_ident=LABEL)
    for name, short in _FILES:
        data = files[name].encode()
        disk.add_fp(io.BytesIO(data), len(data), short, rr_name=name, joliet_path=f"/{name}")
    written = io.BytesIO()
    disk.write_fp(written)
    disk.close()
    return written.getvalue()


def _text(value: Any) -> str:
    return yaml.safe_dump(value, sort_keys=False, default_flow_style=False, allow_unicode=True)


def _digest(value: Any) -> str | None:
    """Return a digest in the place of what may hold passwords; metadata are read by many."""
    if not value:
        return None
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()[:16]
