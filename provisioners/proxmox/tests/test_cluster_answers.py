# SPDX-License-Identifier: GPL-3.0-or-later
"""What the test cluster answers has the shape that the published schema promises."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from provisioners.proxmox.tests.cluster import DEBIAN_TEMPLATE, Cluster
from provisioners.proxmox.tests.cluster.calls import read_calls
from provisioners.proxmox.tests.cluster.published import find_schema
from provisioners.proxmox.tests.cluster.raw import RawClient

TYPES: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (int,),
    "array": (list,),
    "object": (dict,),
    "null": (type(None),),
}


@pytest.fixture(scope="module")
def returns() -> Mapping[str, Mapping[str, Any]]:
    path = find_schema()
    if path is None:
        pytest.skip("no copy of the published schema: name one in JETPACK_PVE_SCHEMA")
    endpoints = json.loads(path.read_text(encoding="utf-8"))["endpoints"]
    return {f"{one['method']} {one['path']}": one["returns"] or {} for one in endpoints}


@pytest.fixture(scope="module")
def client() -> Iterator[RawClient]:
    with Cluster(boot_seconds=0.0, pools=["p"]) as cluster:
        client = RawClient.by_token(cluster)
        new = {"ostemplate": f"local:vztmpl/{DEBIAN_TEMPLATE}", "storage": "local-lvm", "net0": "name=eth0,ip=dhcp"}
        client.do("POST", "/nodes/pve1/lxc", vmid=100, start=1, pool="p", tags="a", **new)
        machine = {"vmid": 101, "scsi0": "local-lvm:1", "ide2": "local-lvm:cloudinit", "agent": "1", "ciuser": "me"}
        client.do("POST", "/nodes/pve1/qemu", machine, start=1, pool="p")
        client.call("POST", "/nodes/pve1/qemu/101/agent/exec", command=["true"])
        client.do("POST", "/nodes/pve1/lxc/100/snapshot", snapname="before")
        yield client


def wrong_shapes(where: str, shape: Mapping[str, Any], value: Any) -> Iterator[str]:
    """Yield where a value differs from its published shape."""
    if not isinstance(value, TYPES.get(shape.get("type", ""), (object,))):
        yield f"{where}: {value!r} is no {shape['type']}"
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from wrong_shapes(f"{where}[{number}]", shape.get("items", {}), item)
    elif isinstance(value, dict):
        for name, inner in shape.get("properties", {}).items():
            if name in value:
                yield from wrong_shapes(f"{where}.{name}", inner, value[name])
            elif not inner.get("optional"):
                yield f"{where}: no {name}"


@pytest.mark.parametrize("name", sorted(name for name in read_calls() if name.startswith("GET ")))
def test_reading_calls_answer_in_the_published_shape(
    returns: Mapping[str, Mapping[str, Any]], client: RawClient, name: str
) -> None:
    upid = client.cluster.tasks[0]["upid"]
    values = {"node": "pve1", "vmid": "100" if "/lxc/" in name else "101", "storage": "local-lvm", "poolid": "p"}
    path = name.removeprefix("GET ").format(**values, upid=upid, volume="local-lvm:vm-100-disk-0")
    queries: dict[str, dict[str, object]] = {"dump": {"type": "user"}, "exec-status": {"pid": 1000}}
    query = queries.get(path.rpartition("/")[2], {})
    answer = client.call("GET", path, query)
    assert answer.status == 200, answer
    # The number comes as text, as from the real one.
    data = int(answer.data) if name == "GET /cluster/nextid" else answer.data
    assert list(wrong_shapes(path, returns[name], data)) == []


def test_a_wrong_shape_is_found() -> None:
    shape = {"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "string", "optional": 1}}}
    assert list(wrong_shapes("x", shape, {"b": 1})) == ["x: no a", "x.b: 1 is no string"]
