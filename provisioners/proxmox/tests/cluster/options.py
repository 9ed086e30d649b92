# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of a guest: from what a call brings to what the configuration stores, disks allocated on the way."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping

from provisioners.proxmox.tests.cluster.errors import ApiError
from provisioners.proxmox.tests.cluster.parameters import Parameter, find_parameter, parse_pairs, print_pairs
from provisioners.proxmox.tests.cluster.request import Request
from provisioners.proxmox.tests.cluster.sizes import format_size
from provisioners.proxmox.tests.cluster.world import DISK_KEYS, Guest, Storage

# What a call brings besides the guest's own options.
CALL_ONLY = frozenset(
    (
        *("node", "vmid", "ostemplate", "bwlimit", "password", "pool", "ssh-public-keys", "start", "storage"),
        *("delete", "digest", "revert", "skiplock"),
    )
)
_ALLOCATED = re.compile(r"([A-Za-z][\w.-]*):(\d+(?:\.\d+)?)")
_CLOUD_INIT_SIZE = 4 << 20
_FIRMWARE_SIZES = {"efidisk0": 528 << 10, "tpmstate0": 4 << 20}


def guest_parameters(request: Request, kind: str) -> Mapping[str, Parameter]:
    """Return what a guest's configuration may hold."""
    return request.cluster.calls[f"PUT /nodes/{{node}}/{kind}/{{vmid}}/config"].parameters


def pair_keys(request: Request, kind: str, name: str) -> Mapping[str, Parameter]:
    """Return the keys of an option that is a property string."""
    parameter = find_parameter(guest_parameters(request, kind), name)
    if parameter is None or parameter.keys is None:
        raise ApiError(f"unknown option '{name}'")
    return parameter.keys


def given_options(request: Request) -> dict[str, str]:
    """Return the guest's options among what a call brings."""
    return {name: value for name, value in request.arguments.items() if name not in CALL_ONLY}


def store_option(request: Request, guest: Guest, name: str, value: str) -> str:
    """Return what is stored for an option, its disk made where it asks for one."""
    if name == "tags":
        return ";".join(sorted({one.lower() for one in re.split(r"[,;\s]+", value) if one}))
    if re.fullmatch(r"net\d+", name):
        return _store_card(request, guest, name, value)
    if DISK_KEYS.fullmatch(name):
        return _store_disk(request, guest, name, value)
    return value


def _store_card(request: Request, guest: Guest, name: str, value: str) -> str:
    keys = pair_keys(request, guest.kind, name)
    pairs = parse_pairs(keys, value)
    if bridge := pairs.get("bridge"):
        request.need(f"/sdn/zones/localnetwork/{bridge}", "SDN.Use")
    mac = "hwaddr" if guest.kind == "lxc" else "macaddr"
    if guest.kind == "lxc":
        pairs["type"] = "veth"
    pairs.setdefault(mac, make_mac())
    return print_pairs(keys, pairs)


def make_mac() -> str:
    """Return a card's address of the prefix that is Proxmox's own."""
    return (
        "BC:24:11:" + secrets.token_hex(3).upper()[:2] + ":" + ":".join(secrets.token_hex(1).upper() for _ in range(2))
    )


def _store_disk(request: Request, guest: Guest, name: str, value: str) -> str:
    keys = pair_keys(request, guest.kind, name)
    pairs = parse_pairs(keys, value)
    main = "volume" if guest.kind == "lxc" else "file"
    source = pairs[main]
    if source.startswith("/"):
        _check_host_path(request, guest, name)
    elif source not in {"none", "cdrom"}:
        _fill_disk(request, guest, name, pairs, main)
    return print_pairs(keys, pairs)


def _check_host_path(request: Request, guest: Guest, name: str) -> None:
    if request.who.is_root:
        return
    if request.call.method == "POST" and guest.kind == "lxc":
        raise ApiError("Only root can pass arbitrary filesystem paths.")
    kind = "bind" if guest.kind == "lxc" else "path"
    raise ApiError(f"Permission check failed (mount point type {kind} is only allowed for root@pam: {name})", 403)


def _fill_disk(request: Request, guest: Guest, name: str, pairs: dict[str, str], main: str) -> None:
    source = pairs[main]
    if re.fullmatch(r"\d+(\.\d+)?", source):
        source = f"{request.text('storage', 'local')}:{source}"
    wanted = _ALLOCATED.fullmatch(source)
    if wanted is not None:
        storage = _writable(request, wanted[1], guest.kind)
        pairs[main], size = _make_disk(request, guest, name, storage, float(wanted[2]), pairs)
    elif source.endswith(":cloudinit"):
        storage = _writable(request, source.partition(":")[0], guest.kind)
        pairs[main], size = _make_cloud_init(request, guest, storage), _CLOUD_INIT_SIZE
        pairs["media"] = "cdrom"
    else:
        size = request.world.volume(source, guest.node).size
    pairs["size"] = format_size(size)


def _writable(request: Request, name: str, kind: str) -> Storage:
    storage = request.world.disk_storage(name, request.node, kind)
    request.need(f"/storage/{name}", "Datastore.AllocateSpace")
    return storage


def _make_disk(
    request: Request, guest: Guest, name: str, storage: Storage, gib: float, pairs: dict[str, str]
) -> tuple[str, int]:
    size = int(gib * (1 << 30))
    imported = pairs.pop("import-from", None)
    if imported is not None:
        size = _import_size(request, imported, gib)
    elif name in _FIRMWARE_SIZES:
        size = _FIRMWARE_SIZES[name]
    volume = request.world.allocate(storage, guest.node, guest.vmid, size, form=pairs.pop("format", ""))
    return volume.volid, size


def _import_size(request: Request, source: str, gib: float) -> int:
    if gib:
        raise ApiError("cannot use 'import-from' with a size other than 0")
    if source.startswith("/"):
        if not request.who.is_root:
            raise ApiError("Only root can pass arbitrary filesystem paths.")
        raise ApiError(f"'import-from': file '{source}' does not exist")
    volume = request.world.volume(source, request.node)
    if volume.content not in {"import", "images"}:
        raise ApiError(f"cannot import from '{source}': content type '{volume.content}' is not 'import' or 'images'")
    return volume.size


def _make_cloud_init(request: Request, guest: Guest, storage: Storage) -> str:
    name = f"vm-{guest.vmid}-cloudinit"
    form = "qcow2" if storage.has_files else ""
    return request.world.allocate(storage, guest.node, guest.vmid, _CLOUD_INIT_SIZE, name=name, form=form).volid


def show_options(request: Request, guest: Guest, options: Mapping[str, str]) -> dict[str, object]:
    """Return stored options as the API shows them: numbers as numbers, secrets hidden, a container's text ended."""
    parameters = guest_parameters(request, guest.kind)
    return {name: show_option(parameters, guest.kind, name, value) for name, value in options.items()}


def show_option(parameters: Mapping[str, Parameter], kind: str, name: str, value: str) -> object:
    """Return one stored option as the API shows it."""
    if name == "description":
        lines = "".join(line + "\n" for line in value.rstrip("\n").split("\n"))
        return lines if kind == "lxc" else lines.rstrip()
    if name == "cipassword":
        return "*" * 10
    parameter = find_parameter(parameters, name)
    if parameter is None or parameter.type == "string":
        return value
    return float(value) if parameter.type == "number" and "." in value else int(value)
