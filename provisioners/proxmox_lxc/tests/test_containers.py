# SPDX-License-Identifier: GPL-3.0-or-later
"""What containers are made with, and how they are found, on a cluster that checks every call."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from jetpack_provisioner_proxmox_lxc.provisioner import ProxmoxContainer

from jetpack_core.contracts.provisioner import GuestAction
from jetpack_core.errors import JetpackError
from provisioners.proxmox.tests.cluster import Cluster
from provisioners.proxmox.tests.support import KEY, found, settled, update

Make = Callable[..., ProxmoxContainer]


def test_everything_said_is_what_the_container_has(cluster: Cluster, make: Make) -> None:
    wanted = make(
        vmid=777,
        node="pve2",
        pool="staging",
        hostname="front",
        description="The front.\nDo not touch.",
        tags=["Web", "prod"],
        cores=2,
        memory="1G",
        swap=0,
        cpulimit=1.5,
        cpuunits=200,
        rootfs_size="12G",
        net0={"bridge": "vmbr0", "ip": "10.0.0.5/24", "gw": "10.0.0.1", "tag": 20, "firewall": True},
        net1="bridge=vmbr0,ip=dhcp",
        mp0={"mp": "/data", "size": "2G", "backup": True},
        mp1="local-lvm:3,mp=/logs",
        nameserver=["1.1.1.1", "9.9.9.9"],
        searchdomain="example.org",
        features={"nesting": True},
        onboot=True,
        startup={"order": 2, "up": 30},
        timezone="host",
        authorized_keys=[KEY],
        password="correct horse",
        config={"console": True, "tty": 1},
    )
    guest = wanted.create("web1")
    (known,) = cluster.guests.values()
    config = known["config"]
    assert (known["vmid"], known["node"], known["pool"], known["running"]) == (777, "pve2", "staging", True)
    assert guest.id == "777"
    assert (config["hostname"], config["cores"], config["memory"], config["swap"]) == ("front", "2", "1024", "0")
    assert config["tags"] == "jetpack;prod;web"
    assert "size=12G" in config["rootfs"]
    assert "mp=/data" in config["mp0"]
    assert "size=3G" in config["mp1"]
    assert all(word in config["net0"] for word in ("name=eth0", "tag=20", "firewall=1", "ip=10.0.0.5/24"))
    assert config["unprivileged"] == "1"
    assert config["features"] == "nesting=1"
    assert config["description"].startswith("The front.\nDo not touch.\n")
    assert settled(wanted)
    assert wanted.addresses(guest) == ("10.0.0.5",)


@pytest.mark.parametrize(
    ("before", "after", "fields"),
    [
        ({}, {"net0": {"bridge": "vmbr1"}}, {"net0"}),
        ({"net0": {}, "net1": {}}, {"net0": {}}, {"net1"}),
        ({"description": "old"}, {"description": "new"}, {"description"}),
        ({"tags": ["a", "b"]}, {"tags": ["b"]}, {"tags"}),
        ({"pool": "staging"}, {"pool": "production"}, {"pool"}),
        ({"onboot": True}, {"onboot": False}, {"onboot"}),
        ({"mp0": {"mp": "/data", "size": 2}}, {"mp0": {"mp": "/data", "size": 4}}, {"mp0"}),
        ({"mp0": {"mp": "/data", "size": 2}}, {"mp0": {"mp": "/srv", "size": 2, "backup": True}}, {"mp0"}),
        ({}, {"hostname": "other"}, {"hostname"}),
        ({}, {"protection": True}, {"protection"}),
        ({}, {"config": {"tty": "1"}}, {"config"}),
    ],
)
def test_what_proxmox_can_change_is_changed(
    make: Make, cluster: Cluster, before: dict[str, Any], after: dict[str, Any], fields: set[str]
) -> None:
    guest = make(**before).create("web1")
    mac = cluster.guests[int(guest.id)]["config"]["net0"].partition("hwaddr=")[2][:17]
    assert update(make(**after)) == fields
    config = cluster.guests[int(guest.id)]["config"]
    assert mac in config["net0"], "the hardware address is kept"
    assert len(cluster.guests) == 1


def test_what_is_not_said_is_left_alone(make: Make, cluster: Cluster) -> None:
    guest = make().create("web1")
    by_hand = {"tags": "jetpack;by-hand", "onboot": "1", "nameserver": "1.1.1.1", "cores": "3"}
    cluster.change_guest(int(guest.id), config=by_hand)
    assert settled(make())


@pytest.mark.parametrize(
    ("before", "after", "why"),
    [
        ({"rootfs_size": "8G"}, {"rootfs_size": "4G"}, "cannot be made smaller"),
        ({"mp0": {"mp": "/d", "size": 4}}, {"mp0": {"mp": "/d", "size": 2}}, "cannot be made smaller"),
        ({}, {"unprivileged": False}, "unprivileged is fixed"),
        ({}, {"ostemplate": "debian-13"}, "ostemplate is fixed"),
        ({"node": "pve1"}, {"node": "pve2"}, "migrates no guests"),
        ({}, {"storage": "shared"}, "moves no data"),
    ],
)
def test_what_only_a_new_one_can_have_is_reported(
    make: Make, before: dict[str, Any], after: dict[str, Any], why: str
) -> None:
    make(**before).create("web1")
    wanted = make(**after)
    plan = wanted.plan("web1", found(wanted))
    assert plan.action is GuestAction.DRIFT
    assert why in plan.reason


def test_the_rest_is_changed_while_what_only_a_new_one_can_have_is_left(make: Make, cluster: Cluster) -> None:
    guest = make(memory=512).create("web1")
    wanted = make(memory=1024, unprivileged=False)
    plan = wanted.plan("web1", found(wanted))
    assert (plan.action, [change.field for change in plan.changes]) == (GuestAction.UPDATE, ["memory"])
    assert "unprivileged is fixed once it is made; `rebuild: true` replaces the guest" in plan.reason
    wanted.update(found(wanted), plan)
    config = cluster.guests[int(guest.id)]["config"]
    assert (config["memory"], config["unprivileged"]) == ("1024", "1")
    left = wanted.plan("web1", found(wanted))
    assert (left.action, [change.field for change in left.changes]) == (GuestAction.DRIFT, ["unprivileged"])
    both = make(memory=2048, unprivileged=False, rebuild=True)
    assert both.plan("web1", found(both)).action is GuestAction.DRIFT


def test_a_replacement_keeps_number_and_hardware_address(make: Make, cluster: Cluster) -> None:
    old = make().create("web1")
    before = cluster.guests[int(old.id)]["config"]
    wanted = make(unprivileged=False)
    guest = found(wanted)
    new = wanted.replace("web1", guest, wanted.plan("web1", guest))
    after = cluster.guests[int(new.id)]["config"]
    assert new.id == old.id
    assert before["net0"].partition("hwaddr=")[2][:17] in after["net0"]
    assert before["description"] != after["description"], "it is another incarnation"
    assert "unprivileged" not in after or after["unprivileged"] == "0"
    assert settled(wanted)


def test_templates_are_fetched_once_and_the_latest_when_asked_for(
    make: Make, altered: Cluster, cluster: Cluster
) -> None:
    with pytest.raises(JetpackError, match="has no template alpine-3"):
        make(ostemplate="alpine-3", node="pve1").create("web1")
    with pytest.raises(JetpackError, match="offers no template debian-99"):
        make(ostemplate="debian-99", fetch=True, node="pve1").create("web1")
    offered = make().client.get("asking", "nodes", "pve1", "aplinfo")
    name = next(str(one["template"]) for one in offered if not str(one["template"]).startswith("debian-12"))
    short = name.partition("-default")[0].partition("-standard")[0]
    hosts = [f"web{number}" for number in range(4)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda host: make(ostemplate=short, fetch=True, node="pve1").create(host), hosts))
    assert len(cluster.calls_of("POST", "/aplinfo")) == 1
    assert len(cluster.guests) == 4
    make(ostemplate=f"local:vztmpl/{name}", fetch=True, node="pve2").create("other-node")
    assert len(cluster.calls_of("POST", "/aplinfo")) == 2


def test_the_latest_is_fetched_though_an_older_one_is_there(make: Make, altered: Cluster, cluster: Cluster) -> None:
    old, new = (f"debian-12-standard_12.{number}-1_amd64.tar.zst" for number in (7, 12))
    assert f"local:vztmpl/{old}" in [volume["volid"] for volume in cluster.volumes]
    make(ostemplate="debian-12", fetch=True, node="pve1").create("web1")
    make(ostemplate="debian-12", fetch="latest", node="pve1").create("web2")
    make(ostemplate="debian-12", fetch="latest", node="pve1").create("web3")
    used = [call.parameters["ostemplate"] for call in cluster.calls_of("POST", "/lxc")]
    assert used == [f"local:vztmpl/{name}" for name in (old, new, new)]
    assert len(cluster.calls_of("POST", "/aplinfo")) == 1


@pytest.mark.parametrize("full", [True, False])
def test_clones_have_what_is_said_of_them(make: Make, cluster: Cluster, full: bool) -> None:
    cluster.add_guest(900, hostname="golden", template="1", description="golden")
    wanted = make(clone="golden", full=full, memory=1024, rootfs_size="10G", tags=["web"])
    guest = wanted.create("web1")
    config = cluster.guests[int(guest.id)]["config"]
    assert (config["memory"], config["hostname"], config["tags"]) == ("1024", "web1", "jetpack;web")
    assert "size=10G" in config["rootfs"]
    assert cluster.calls_of("POST", "/lxc/900/clone")[-1].parameters["full"] == str(int(full))
    assert settled(wanted)
    smaller = make(clone="golden", rootfs_size="4G")
    with pytest.raises(JetpackError, match="cannot be made smaller"):
        smaller.create("web2")
    assert len(cluster.guests) == 2
    with pytest.raises(JetpackError, match="no container nothing to clone"):
        make(clone="nothing").create("web3")


def test_the_node_with_the_most_free_memory_is_chosen(make: Make, altered: Cluster, cluster: Cluster) -> None:
    cluster.change_node("pve1", memory=16 << 30, used=12 << 30)
    cluster.change_node("pve2", memory=16 << 30, used=2 << 30)
    guest = make().create("web1")
    assert cluster.guests[int(guest.id)]["node"] == "pve2"
    cluster.change_node("pve2", online=False)
    guest = make().create("web2")
    assert cluster.guests[int(guest.id)]["node"] == "pve1"
    with pytest.raises(JetpackError, match="no node of the cluster has the storage fast"):
        make(storage="fast").create("web3")
    with pytest.raises(JetpackError, match="no node has 65536 MiB"):
        make(memory="64G").create("web3")


def test_a_node_that_is_down_is_in_nobodys_way(make: Make, altered: Cluster, cluster: Cluster) -> None:
    cluster.add_guest(300, node="pve2", hostname="theirs")
    ours = make(node="pve2").create("on-pve2")
    cluster.change_node("pve2", online=False)
    with pytest.raises(JetpackError, match=rf"may be the container {ours.id} on pve2, which does not answer"):
        make().find("on-pve2")
    assert make().create("web1").id != ours.id
    assert settled(make())


def test_a_guest_of_which_the_list_tells_nothing_yet_is_found(make: Make, altered: Cluster, cluster: Cluster) -> None:
    cluster.change_settings(broadcast_seconds=600.0)
    guest = make(start_on_create=False).create("web1")
    make().create("web2")
    assert found(make()).id == guest.id
    assert make().find("web3") is None


def test_numbers_come_from_the_range(make: Make, cluster: Cluster) -> None:
    cluster.add_guest(200, hostname="other")
    numbers = [make(vmid_range=[200, 202]).create(host).id for host in ("web1", "web2")]
    assert numbers == ["201", "202"]
    with pytest.raises(JetpackError, match="no VMID from 200 to 202 is free"):
        make(vmid_range=[200, 202]).create("web3")


def test_a_number_of_somebody_else_is_never_touched(make: Make, cluster: Cluster) -> None:
    cluster.add_guest(101, hostname="theirs", running=True)
    wanted = make(vmid=101)
    guest = found(wanted)
    assert not guest.owned
    with pytest.raises(JetpackError, match="not made by Jetpack"):
        wanted.destroy(replace(guest, owned=True))
    cluster.add_guest(102, kind="qemu", name="machine")
    with pytest.raises(JetpackError, match="102 is no container"):
        make(vmid=102).find("web1")
    make(vmid=103).create("web2")
    with pytest.raises(JetpackError, match="103 is that of the host web2"):
        make(vmid=103).find("web1")


def test_a_copy_made_by_hand_is_not_ours(make: Make, cluster: Cluster) -> None:
    guest = make().create("web1")
    config = cluster.guests[int(guest.id)]["config"]
    copied = {key: config[key] for key in ("hostname", "description", "tags", "memory")}
    cluster.add_guest(555, **copied)
    assert found(make()).id == guest.id
    cluster.remove_guest(int(guest.id))
    assert not found(make()).owned


def test_two_guests_of_one_name_are_not_guessed_between(make: Make, cluster: Cluster) -> None:
    for vmid in (101, 102):
        cluster.add_guest(vmid, hostname="web1")
    with pytest.raises(JetpackError, match="several guests could be web1"):
        make().find("web1")


def test_a_guest_that_is_taken_over_gets_the_mark(make: Make, cluster: Cluster) -> None:
    cluster.add_guest(101, hostname="web1", memory="512", unprivileged="1", features="nesting=1")
    cluster.change_guest(101, config={"net0": "name=eth0,bridge=vmbr0,ip=dhcp", "description": "theirs\n"})
    wanted = make()
    assert update(wanted) == {"owner", "tags"}
    assert found(wanted).owned
    assert cluster.guests[101]["config"]["description"].startswith("theirs")
