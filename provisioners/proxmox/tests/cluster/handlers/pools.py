# SPDX-License-Identifier: GPL-3.0-or-later
"""Calls about pools."""

from __future__ import annotations

from typing import Any

from provisioners.proxmox.tests.cluster.errors import ApiError, refuse_permission
from provisioners.proxmox.tests.cluster.request import Handler, Request
from provisioners.proxmox.tests.cluster.world import Pool


def _pool(request: Request) -> Pool:
    name = request.text("poolid")
    if name not in request.world.pools:
        raise ApiError(f"pool '{name}' does not exist")
    return request.world.pools[name]


def list_pools(request: Request) -> list[dict[str, Any]]:
    """Return the pools the caller may see, or one with its members."""
    if "poolid" in request.arguments:
        request.need(f"/pool/{request.text('poolid')}", "Pool.Audit")
        return [{"poolid": request.text("poolid"), **show_pool(request)}]
    visible = [name for name in request.world.pools if request.may(f"/pool/{name}", "Pool.Audit")]
    return [{"poolid": name, "comment": request.world.pools[name].comment} for name in visible]


def show_pool(request: Request) -> dict[str, Any]:
    """Return a pool and its members."""
    pool = _pool(request)
    guests = [request.world.guests[vmid] for vmid in sorted(pool.guests) if vmid in request.world.guests]
    members = [
        {"id": f"{one.kind}/{one.vmid}", "type": one.kind, "vmid": one.vmid, "node": one.node, "name": one.name}
        for one in guests
    ]
    return {"comment": pool.comment, "members": members}


def create_pool(request: Request) -> None:
    """Make a pool."""
    name = request.text("poolid")
    if name in request.world.pools:
        raise ApiError(f"pool '{name}' already exists")
    request.world.pools[name] = Pool(request.text("comment"))


def update_pool(request: Request) -> None:
    """Put guests and storages into a pool, or take them out."""
    pool = _pool(request)
    pool.comment = request.text("comment", pool.comment)
    vmids = {int(one) for one in request.text("vms").split(",") if one}
    storages = {one for one in request.text("storage").split(",") if one}
    for vmid in vmids:
        _move_guest(request, pool, vmid)
    if request.flag("delete"):
        pool.storages -= storages
    else:
        pool.storages |= storages


def _move_guest(request: Request, pool: Pool, vmid: int) -> None:
    request.need(f"/vms/{vmid}", "VM.Allocate")
    current = request.world.pool_of(vmid)
    if request.flag("delete"):
        if vmid not in pool.guests:
            raise ApiError(f"VM {vmid} is not a pool member")
        pool.guests.discard(vmid)
        return
    if current is not None and not request.flag("allow-move"):
        raise ApiError(f"VM {vmid} is already a pool member")
    if current is not None:
        request.need(f"/pool/{current}", "Pool.Allocate")
        request.world.pools[current].guests.discard(vmid)
    pool.guests.add(vmid)


def delete_pool(request: Request) -> None:
    """Take an empty pool away."""
    if _pool(request).guests:
        raise ApiError(f"pool '{request.text('poolid')}' is not empty")
    del request.world.pools[request.text("poolid")]


def join_pool(request: Request, vmid: int) -> None:
    """Put a new guest into the pool a call names."""
    name = request.text("pool")
    if name:
        _pool_named(request, name).guests.add(vmid)


def check_pool(request: Request, vmid: int) -> None:
    """Raise unless the caller may make a guest with a number, by itself or in the pool a call names."""
    name = request.text("pool")
    if "pool" in request.arguments:
        _pool_named(request, name)
    if not request.may(f"/vms/{vmid}", "VM.Allocate") and not (name and request.may(f"/pool/{name}", "VM.Allocate")):
        raise refuse_permission(f"/pool/{name}" if name else f"/vms/{vmid}", "VM.Allocate")


def _pool_named(request: Request, name: str) -> Pool:
    if name not in request.world.pools:
        raise ApiError(f"pool '{name}' does not exist")
    return request.world.pools[name]


HANDLERS: dict[str, Handler] = {
    "GET /pools": list_pools,
    "POST /pools": create_pool,
    "PUT /pools": update_pool,
    "DELETE /pools": delete_pool,
    "GET /pools/{poolid}": show_pool,
    "PUT /pools/{poolid}": update_pool,
    "DELETE /pools/{poolid}": delete_pool,
}
