# SPDX-License-Identifier: GPL-3.0-or-later
"""Many containers at once from several processes, by the command line: none twice, none forgotten."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from provisioners.proxmox.tests.cluster import DEBIAN_TEMPLATE, Cluster
from provisioners.proxmox.tests.support import variables

pytestmark = pytest.mark.slow

ALL = [f"web-{number:02}" for number in range(1, 21)]
PROVISION = {
    "type": "proxmox_lxc",
    "cluster": "pve",
    "ostemplate": DEBIAN_TEMPLATE,
    "memory": 256,
    "wait_for_host": False,
}


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    # What the cluster lists is as old as on a real one, and no answer comes at once.
    with Cluster(task_seconds=0.05, boot_seconds=0.0, broadcast_seconds=5.0, latency=0.02) as cluster:
        cluster.add_guest(101, hostname="somebody-elses", running=True)
        yield cluster


def write_inventory(folder: Path, cluster: Cluster, hosts: Sequence[str]) -> Path:
    """Write an inventory of containers; what is JSON is YAML as well."""
    files = {
        "groups/web": {"hosts": list(hosts)},
        "groups/clusters": {"hosts": ["pve"]},
        "group_vars/web": {"provision": PROVISION},
        "host_vars/pve": variables(cluster, jet_proxmox_patience=10),
    }
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(json.dumps(content))
    return folder


def begin(home: Path, *words: str) -> subprocess.Popen[str]:
    """Begin `jetpack` with a home of its own: another machine, as far as locks and notes go."""
    home.mkdir(exist_ok=True)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("JET_", "XDG_"))}
    argv = [sys.executable, "-m", "jetpack_core.cli", *words]
    pipe = subprocess.PIPE
    return subprocess.Popen(argv, env={**kept, "HOME": str(home)}, stdout=pipe, stderr=subprocess.STDOUT, text=True)


def ended(*begun: subprocess.Popen[str]) -> list[str]:
    """Return what commands said that must end well."""
    said = [one.communicate(timeout=240)[0] for one in begun]
    assert [one.returncode for one in begun] == [0] * len(begun), "\n".join(said)
    return said


def mine(cluster: Cluster) -> list[str]:
    return sorted(guest["name"] for guest in cluster.guests.values() if guest["name"] in ALL)


def test_two_runs_of_one_inventory_make_each_container_once(cluster: Cluster, tmp_path: Path) -> None:
    inventory = write_inventory(tmp_path / "inventory", cluster, ALL)
    home = tmp_path / "home"
    ended(*(begin(home, "provision", "-i", str(inventory), "-t", "10") for _ in range(2)))
    assert mine(cluster) == ALL
    made = len(cluster.calls_of("POST", "/lxc"))
    assert made == len(ALL)
    # Of what is being made, the cluster tells no memory yet; the nodes are alike, but for the other guest.
    nodes = Counter(guest["node"] for guest in cluster.guests.values() if guest["name"] in ALL)
    assert min(nodes["pve1"], nodes["pve2"]) >= 8, nodes
    (said,) = ended(begin(home, "provision", "-i", str(inventory)))
    assert "unchanged" in said.lower() or "matched" in said.lower(), said
    assert [call for call in cluster.calls if call.method != "GET"][made * 2 :] == [], said

    (said,) = ended(begin(home, "provision", "-i", str(inventory), "-e", "provision.state=absent", "--yes"))
    assert mine(cluster) == []
    assert sorted(cluster.guests) == [101], said


def test_runs_of_two_machines_take_no_number_twice(cluster: Cluster, tmp_path: Path) -> None:
    halves = [ALL[:10], ALL[10:]]
    inventories = [write_inventory(tmp_path / f"inventory{one}", cluster, half) for one, half in enumerate(halves)]
    runs = [
        begin(tmp_path / f"home{one}", "provision", "-i", str(inventory), "-t", "10")
        for one, inventory in enumerate(inventories)
    ]
    ended(*runs)
    assert mine(cluster) == ALL
    again = [begin(tmp_path / "home", "provision", "-i", str(inventory)) for inventory in inventories]
    before = len([call for call in cluster.calls if call.method != "GET"])
    ended(*again)
    assert len([call for call in cluster.calls if call.method != "GET"]) == before
