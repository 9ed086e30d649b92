# SPDX-License-Identifier: GPL-3.0-or-later
"""Images that first disks are made of: found on a storage, or fetched to it once."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from jetpack_provisioner_proxmox.cluster import Cluster

_CONTENT: Final = "import"
_SUFFIXES: Final = (".qcow2", ".raw", ".vmdk", ".ova")


@dataclass(frozen=True, slots=True)
class Image:
    """Which image is wanted."""

    wanted: str
    """An URL, or a volume."""
    storage: str
    checksum: str | None = None


def image_of(cluster: Cluster, node: str, wanted: Image, timeout: float) -> str:
    """Return the volume of an image on a node, fetched where it is not there. Raises JetpackError."""
    if not wanted.wanted.startswith(("http://", "https://")):
        return wanted.wanted
    volume = f"{wanted.storage}:{_CONTENT}/{_file_name(wanted)}"
    cluster.client.around().say("looking for the image")
    with cluster.lock(f"image {node} {volume}"):
        if volume not in cluster.volumes(node, wanted.storage, _CONTENT):
            cluster.client.around().say("fetching the image")
            name = _file_name(wanted)
            cluster.fetch_url(node, wanted.storage, _CONTENT, wanted.wanted, name, wanted.checksum, timeout)
    return volume


def _file_name(wanted: Image) -> str:
    """Return the name of an image on the storage; another checksum or another place is another file."""
    path = PurePosixPath(urlsplit(wanted.wanted).path)
    # `.img` is what many call a qcow2 image, and what Proxmox does not take.
    suffix = path.suffix if path.suffix in _SUFFIXES else ".qcow2"
    mark = hashlib.sha256(f"{wanted.wanted}\n{wanted.checksum or ''}".encode()).hexdigest()[:8]
    return f"{path.stem or 'image'}-{mark}{suffix}"
