# SPDX-License-Identifier: GPL-3.0-or-later
"""Container templates: found on a storage, and fetched where that is wanted."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

from jetpack_provisioner_proxmox.cluster import newest, versioned

from jetpack_core.errors import JetpackError

if TYPE_CHECKING:
    from jetpack_provisioner_proxmox.cluster import Cluster

_CONTENT = "vztmpl"


@dataclass(frozen=True, slots=True)
class Template:
    """Which template is wanted, and where it may come from."""

    wanted: str
    """`debian-12`, or `STORAGE:vztmpl/NAME`."""
    storage: str
    fetch: bool | Literal["latest"]
    url: str | None = None
    checksum: str | None = None


def template_of(cluster: Cluster, node: str, wanted: Template, timeout: float) -> str:
    """Return the volume of a template on a node, fetched where that is wanted. Raises JetpackError."""
    storage, _, rest = wanted.wanted.partition(":")
    if not rest:
        return _named(cluster, node, wanted, wanted.storage, wanted.wanted, timeout)
    name = rest.removeprefix(f"{_CONTENT}/")
    volume = f"{storage}:{_CONTENT}/{name}"
    if wanted.fetch and volume not in cluster.volumes(node, storage, _CONTENT):
        _fetch(cluster, node, wanted, storage, name, timeout)
    return volume


def _named(cluster: Cluster, node: str, wanted: Template, storage: str, name: str, timeout: float) -> str:
    """Return the newest template of a name."""
    if wanted.url is not None:
        file = PurePosixPath(urlsplit(wanted.url).path).name
        if f"{storage}:{_CONTENT}/{file}" not in cluster.volumes(node, storage, _CONTENT):
            _fetch(cluster, node, wanted, storage, file, timeout)
        return f"{storage}:{_CONTENT}/{file}"
    there = newest(_names(cluster, node, storage), name)
    if there is not None and wanted.fetch != "latest":
        return f"{storage}:{_CONTENT}/{there}"
    if not wanted.fetch:
        hint = "say `fetch: true`, or look at: pveam available"
        raise JetpackError(f"{storage} on {node} has no template {name}", hint=hint)
    offered = newest(cluster.offered(node), name)
    if offered is None and there is None:
        raise JetpackError(f"Proxmox offers no template {name}", hint="look at: pveam available")
    if offered is not None and (there is None or versioned(offered) > versioned(there)):
        _fetch(cluster, node, wanted, storage, offered, timeout)
        there = offered
    return f"{storage}:{_CONTENT}/{there}"


def _names(cluster: Cluster, node: str, storage: str) -> list[str]:
    return [volume.rpartition("/")[2] for volume in cluster.volumes(node, storage, _CONTENT)]


def _fetch(cluster: Cluster, node: str, wanted: Template, storage: str, name: str, timeout: float) -> None:
    """Bring a template to a storage, once however many guests want it at the same time."""
    cluster.client.around().say(f"fetching the template {name}")
    with cluster.lock(f"template {node} {storage} {name}"):
        if name in _names(cluster, node, storage):
            return
        if wanted.url is not None:
            cluster.fetch_url(node, storage, _CONTENT, wanted.url, name, wanted.checksum, timeout)
        else:
            cluster.fetch_template(node, storage, name, timeout)
