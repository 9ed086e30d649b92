# SPDX-License-Identifier: GPL-3.0-or-later
"""What each call does, by method and path."""

from __future__ import annotations

from provisioners.proxmox.tests.cluster.handlers import (
    agents,
    cloning,
    cluster_wide,
    configs,
    creation,
    disks,
    nodes,
    pools,
    power,
    snapshots,
    storages,
)
from provisioners.proxmox.tests.cluster.request import Handler

__all__ = ["all_handlers"]


def all_handlers() -> dict[str, Handler]:
    """Return the handler of every call this server plays."""
    of_guests = configs.HANDLERS | creation.HANDLERS | power.HANDLERS | cloning.HANDLERS | disks.HANDLERS
    return {
        **cluster_wide.HANDLERS,
        **nodes.HANDLERS,
        **storages.HANDLERS,
        **pools.HANDLERS,
        **of_guests,
        **snapshots.HANDLERS,
        **agents.HANDLERS,
    }
