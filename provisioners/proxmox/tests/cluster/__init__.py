# SPDX-License-Identifier: GPL-3.0-or-later
"""A Proxmox VE cluster for tests: its API over HTTPS in a process of its own, every call checked, guests played.

`Cluster` starts one and ends it; what it proves and what it cannot is told in docs/explanation/proxmox-test-server.md.
"""

from __future__ import annotations

from provisioners.proxmox.tests.cluster.harness import Cluster, ClusterError, RecordedCall
from provisioners.proxmox.tests.cluster.settings import DEBIAN_IMAGE, DEBIAN_TEMPLATE, Settings

__all__ = ["DEBIAN_IMAGE", "DEBIAN_TEMPLATE", "Cluster", "ClusterError", "RecordedCall", "Settings"]
