# SPDX-License-Identifier: GPL-3.0-or-later
"""Calls about storages: what they hold, and fetching templates and images into them."""

from __future__ import annotations

import hashlib
import urllib.error
import urllib.request
from typing import Any
from urllib.parse import urlsplit

from provisioners.proxmox.tests.cluster.errors import ApiError, refuse_parameters, refuse_permission
from provisioners.proxmox.tests.cluster.request import Handler, Request
from provisioners.proxmox.tests.cluster.tasks import Task
from provisioners.proxmox.tests.cluster.world import Storage, Volume

_READERS = ("Datastore.Audit", "Datastore.AllocateSpace")
_FETCH_SECONDS = 30

# package, version, kind of system, section
APPLIANCES = (
    ("alpine-3.22-default", "20250617", "alpine", "system"),
    ("debian-11-standard", "11.7-1", "debian-11", "system"),
    ("debian-12-standard", "12.2-1", "debian-12", "system"),
    ("debian-12-standard", "12.7-1", "debian-12", "system"),
    ("debian-12-standard", "12.12-1", "debian-12", "system"),
    ("debian-13-standard", "13.1-2", "debian-13", "system"),
    ("debian-12-turnkey-wordpress", "18.2-1", "debian-12", "turnkeylinux"),
    ("ubuntu-24.04-standard", "24.04-2", "ubuntu-24.04", "system"),
)


def list_storages(request: Request) -> list[dict[str, Any]]:
    """Return the storages of a node that the caller may see."""
    wanted = set(filter(None, request.text("content").replace(";", ",").split(",")))
    usable = [one for one in request.world.storages.values() if not one.nodes or request.node in one.nodes]
    return [
        {"storage": one.name, **_figures(request, one)}
        for one in usable
        if request.may(f"/storage/{one.name}", *_READERS)
        and (not wanted or wanted & set(one.content))
        and request.text("storage", one.name) == one.name
    ]


def _figures(request: Request, storage: Storage) -> dict[str, Any]:
    mine = [one for one in request.world.volumes.values() if one.storage == storage.name]
    used = sum(one.size for one in mine if one.node in {"", request.node})
    return {
        "type": storage.type,
        "content": ",".join(storage.content),
        "shared": int(storage.shared),
        "enabled": int(storage.enabled),
        "active": int(storage.enabled),
        "total": storage.total,
        "used": used,
        "avail": storage.total - used,
        "used_fraction": used / storage.total,
    }


def show_storage(request: Request) -> dict[str, Any]:
    """Return the state of a storage on a node."""
    return _figures(request, request.world.storage(request.text("storage"), request.node))


def list_content(request: Request) -> list[dict[str, Any]]:
    """Return what a storage holds on a node."""
    storage = request.world.storage(request.text("storage"), request.node)
    found = [
        one
        for one in request.world.volumes.values()
        if one.storage == storage.name
        and one.node in {"", request.node}
        and request.text("content", one.content) == one.content
        and request.text("vmid", str(one.vmid)) == str(one.vmid)
    ]
    return [_listed(one) for one in found]


def _listed(volume: Volume) -> dict[str, Any]:
    shown = {
        "volid": volume.volid,
        "size": volume.size,
        "content": volume.content,
        "format": _shown_format(volume),
        "ctime": volume.made,
    }
    return shown if volume.vmid is None else {**shown, "vmid": volume.vmid}


def _shown_format(volume: Volume) -> str:
    name = volume.volid.partition(":")[2]
    compressed = name.rpartition(".tar.")[2] if ".tar." in name else ""
    return f"t{compressed}" if compressed else volume.format


def _full_name(request: Request) -> str:
    volume = request.text("volume")
    return volume if ":" in volume else f"{request.text('storage')}:{volume}"


def show_volume(request: Request) -> dict[str, Any]:
    """Return what is known of one volume."""
    volume = request.world.volume(_full_name(request), request.node)
    return {"path": f"/dev/null/{volume.volid}", "size": volume.size, "used": volume.size, "format": volume.format}


def delete_volume(request: Request) -> str:
    """Take a volume away."""
    volume = request.world.volume(_full_name(request), request.node)
    request.need(f"/storage/{volume.storage}", "Datastore.Allocate")
    if any(one.base == volume.volid for one in request.world.volumes.values()):
        raise ApiError(f"base volume '{volume.volid}' is still in use by linked cloned")

    def work(task: Task) -> None:
        with request.world.lock:
            request.world.free(volume)
        task.log.append(f"Removed volume '{volume.volid}'")

    return request.begin("imgdel", volume.volid.replace(":", "@"), work)


def _template_storage(request: Request, content: str) -> Storage:
    storage = request.world.storage(request.text("storage"), request.node)
    if content not in storage.content:
        raise refuse_parameters({"storage": f"storage '{storage.name}' does not support '{content}' content"})
    return storage


def _keep(request: Request, storage: Storage, content: str, name: str, size: int) -> None:
    with request.world.lock:
        request.world.put_volume(request.node, f"{storage.name}:{content}/{name}", size)


def download_url(request: Request) -> str:
    """Fetch a file into a storage, its checksum verified."""
    storage = request.text("storage")
    request.need(f"/storage/{storage}", "Datastore.AllocateTemplate")
    if not {"Sys.Audit", "Sys.Modify"} <= request.granted("/") and not request.may(
        f"/nodes/{request.node}", "Sys.AccessNetwork"
    ):
        raise refuse_permission(f"/nodes/{request.node}", "Sys.AccessNetwork")
    content, name = request.text("content"), request.text("filename")
    target = _template_storage(request, content)
    if (("", f"{storage}:{content}/{name}") in request.world.volumes) or (
        (request.node, f"{storage}:{content}/{name}") in request.world.volumes
    ):
        raise ApiError(f"refusing to override existing file '{name}'")

    def work(task: Task) -> None:
        task.log.append(f"downloading {request.text('url')} to {storage}:{content}/{name}")
        data = _fetch(request, request.text("url"))
        _verify(task, data, request.text("checksum-algorithm"), request.text("checksum"))
        _keep(request, target, content, name, len(data))
        task.log.append(f"download of '{request.text('url')}' to '{storage}:{content}/{name}' finished")

    return request.begin("download", name, work)


def _fetch(request: Request, url: str) -> bytes:
    known = request.cluster.settings.downloads.get(url)
    if known is not None:
        return known.encode()
    if urlsplit(url).hostname not in {"127.0.0.1", "localhost"}:
        raise ApiError(f"download failed: exit code 4: unable to resolve host address of '{url}'")
    try:
        with urllib.request.urlopen(url, timeout=_FETCH_SECONDS) as answer:  # noqa: S310  # the schema lets http only
            content: bytes = answer.read()
    except (urllib.error.URLError, OSError) as problem:
        raise ApiError(f"download failed: exit code 8: {problem}") from None
    return content


def _verify(task: Task, data: bytes, algorithm: str, wanted: str) -> None:
    if not algorithm:
        return
    found = hashlib.new(algorithm, data).hexdigest()
    task.log.append("calculating checksum...")
    if found != wanted.lower():
        raise ApiError(f"checksum mismatch: got '{found}' != expect '{wanted}'")
    task.log.append("OK, checksum verified")


def list_appliances(request: Request) -> list[dict[str, Any]]:
    """Return the templates that can be fetched by name."""
    return [
        {
            "template": _appliance_file(package, version),
            "package": package,
            "version": version,
            "os": system,
            "section": section,
            "type": "lxc",
            "headline": package.replace("-", " "),
            "sha512sum": hashlib.sha512(f"{package}_{version}".encode()).hexdigest(),
            "location": f"http://download.proxmox.com/images/{section}/{_appliance_file(package, version)}",
        }
        for package, version, system, section in APPLIANCES
    ]


def _appliance_file(package: str, version: str) -> str:
    return f"{package}_{version}_amd64.tar.zst"


def fetch_appliance(request: Request) -> str:
    """Fetch a template by name."""
    storage, name = request.text("storage"), request.text("template")
    target = _template_storage(request, "vztmpl")
    if name not in {_appliance_file(package, version) for package, version, _, _ in APPLIANCES}:
        raise refuse_parameters({"template": "no such template"})

    def work(task: Task) -> None:
        task.log.append(f"downloading {name} to {storage}:vztmpl/{name}")
        _keep(request, target, "vztmpl", name, 120 << 20)
        task.log.append(f"download of '{name}' to '{storage}' finished")

    return request.begin("download", name, work)


HANDLERS: dict[str, Handler] = {
    "GET /nodes/{node}/storage": list_storages,
    "GET /nodes/{node}/storage/{storage}/status": show_storage,
    "GET /nodes/{node}/storage/{storage}/content": list_content,
    "GET /nodes/{node}/storage/{storage}/content/{volume}": show_volume,
    "DELETE /nodes/{node}/storage/{storage}/content/{volume}": delete_volume,
    "POST /nodes/{node}/storage/{storage}/download-url": download_url,
    "GET /nodes/{node}/aplinfo": list_appliances,
    "POST /nodes/{node}/aplinfo": fetch_appliance,
}
