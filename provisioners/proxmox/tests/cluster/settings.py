# SPDX-License-Identifier: GPL-3.0-or-later
"""What a cluster is made of when it starts; all of it plain data, so that it travels to the server's process."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

DEBIAN_TEMPLATE = "debian-12-standard_12.7-1_amd64.tar.zst"
DEBIAN_IMAGE = "debian-12-generic-amd64.qcow2"
ROOT_PASSWORD = "root of the cluster"
TOKEN_SECRET = "8ab42e5e-6a92-4a3a-8d9b-5f4f7a1c3e55"


def default_storages() -> dict[str, dict[str, Any]]:
    """Return what a fresh installation has, and a storage that every node shares."""
    everything = ["rootdir", "images", "vztmpl", "iso", "import", "snippets", "backup"]
    return {
        "local": {"type": "dir", "content": ["vztmpl", "iso", "import", "backup"]},
        "local-lvm": {"type": "lvmthin", "content": ["rootdir", "images"]},
        "shared": {"type": "nfs", "content": everything, "shared": True},
    }


def default_users() -> dict[str, dict[str, Any]]:
    """Return the one user every installation has."""
    return {"root@pam": {"password": ROOT_PASSWORD, "acl": {"/": ["Administrator"]}}}


def default_tokens() -> dict[str, dict[str, Any]]:
    """Return a token of root with all its privileges."""
    return {"root@pam!jetpack": {"secret": TOKEN_SECRET, "privsep": False, "acl": {}}}


@dataclass(slots=True)
class Settings:
    """A cluster as a test wants it; times are seconds."""

    version: str = "9.1.3"
    nodes: dict[str, dict[str, Any]] = field(default_factory=lambda: {"pve1": {}, "pve2": {}})
    storages: dict[str, dict[str, Any]] = field(default_factory=default_storages)
    # Templates, images and disks by node; "*" puts them on every node.
    volumes: dict[str, list[dict[str, Any]]] = field(
        default_factory=lambda: {
            "*": [
                {"volid": f"local:vztmpl/{DEBIAN_TEMPLATE}", "size": 126 << 20},
                {"volid": f"local:import/{DEBIAN_IMAGE}", "size": 3 << 30},
            ]
        }
    )
    users: dict[str, dict[str, Any]] = field(default_factory=default_users)
    tokens: dict[str, dict[str, Any]] = field(default_factory=default_tokens)
    pools: list[str] = field(default_factory=list)
    task_seconds: float = 0.05
    boot_seconds: float = 0.1
    shutdown_seconds: float = 0.05
    latency: float = 0.0
    # How long /cluster/resources goes on showing the state a guest had before.
    broadcast_seconds: float = 0.0
    # The real one holds a refused login and a wrong CSRF token back for three seconds.
    refusal_seconds: float = 0.0
    ticket_seconds: float = 7200.0
    # Contents of addresses that download-url may fetch; addresses of this machine are really fetched.
    downloads: dict[str, str] = field(default_factory=dict)
    # "none" plays guests in memory; "docker" backs each by a container of `image`.
    guests: str = "none"
    image: str = ""
    # Check calls against the published schema as well, where a copy is at hand.
    published: bool = True
    # How a VM with an agent answers, unless a test says otherwise for that VM.
    agent: bool = True

    @property
    def release(self) -> tuple[int, int]:
        """The major and minor version."""
        major, minor, *_ = (int(part) for part in self.version.split("."))
        return major, minor

    def to_json(self) -> str:
        """Return the settings as one line."""
        return json.dumps(asdict(self))

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> Settings:
        """Return settings from plain data, raising TypeError for an unknown name."""
        return cls(**values)
