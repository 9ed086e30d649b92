# SPDX-License-Identifier: GPL-3.0-or-later
"""Containers of the test cluster live as real ones do, and so do the tasks, pools and snapshots of guests."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote

import pytest

from provisioners.proxmox.tests.cluster import Cluster
from provisioners.proxmox.tests.cluster.raw import RawClient
from provisioners.proxmox.tests.guest_calls import LXC, QEMU, TEMPLATE, config, create, make, refusal

UPID = re.compile(r"UPID:pve1:[0-9A-F]{8}:[0-9A-F]{8,9}:[0-9A-F]{8}:vzcreate:100:root@pam!jetpack:")


def test_a_new_container_is_stored_as_the_real_one_stores_it(client: RawClient) -> None:
    given = {"net0": "ip=dhcp,bridge=vmbr0,name=eth0,firewall=on", "mp0": "backup=1,mp=/data,local-lvm:0.5"}
    answer = create(client, **given, tags="Web,db;web", description="one\ntwo 50%", memory=1024, onboot=1)
    assert UPID.fullmatch(answer.data)
    assert client.finish(answer) == "OK"
    shown = config(client)
    card = re.fullmatch(
        r"name=eth0,bridge=vmbr0,firewall=1,hwaddr=BC:24:11(:[0-9A-F]{2}){3},ip=dhcp,type=veth", shown.pop("net0")
    )
    assert card is not None
    assert re.fullmatch(r"[0-9a-f]{40}", shown.pop("digest"))
    assert shown == {
        "arch": "amd64",
        "description": "one\ntwo 50%\n",
        "hostname": "ct100",
        "memory": 1024,
        "mp0": "local-lvm:vm-100-disk-1,mp=/data,backup=1,size=512M",
        "onboot": 1,
        "ostype": "debian",
        "rootfs": "local-lvm:vm-100-disk-0,size=8G",
        "swap": 512,
        "tags": "db;web",
        "unprivileged": 1,
    }


def test_a_given_card_address_is_kept(client: RawClient) -> None:
    make(client, net0="name=eth0,hwaddr=02:00:00:00:00:01")
    assert config(client)["net0"] == "name=eth0,hwaddr=02:00:00:00:00:01,type=veth"


def test_containers_were_privileged_unless_told_otherwise_before_9() -> None:
    with Cluster(version="8.4.1") as old:
        client = RawClient.by_token(old)
        make(client)
        assert config(client)["unprivileged"] == 0


def test_a_number_is_not_reserved_by_asking_for_it(client: RawClient) -> None:
    with ThreadPoolExecutor(4) as pool:
        asked = [one.result() for one in [pool.submit(client.get, "/cluster/nextid") for _ in range(4)]]
    assert asked == ["100"] * 4
    make(client)
    assert client.get("/cluster/nextid") == "101"
    taken = client.call("GET", "/cluster/nextid", vmid=100)
    assert (taken.status, taken.errors) == (400, {"vmid": "CT 100 already exists"})
    assert refusal(create(client)) == (500, "unable to create CT 100 - CT 100 already exists on node 'pve1'")


def test_of_two_who_take_a_number_at_once_one_is_refused(cluster: Cluster, client: RawClient) -> None:
    cluster.change_settings(task_seconds=0.3)
    with ThreadPoolExecutor(6) as pool:
        answers = [one.result() for one in [pool.submit(create, client, 100) for _ in range(6)]]
    assert sorted(answer.status for answer in answers) == [200] + [500] * 5


def test_a_container_is_locked_while_it_is_made(cluster: Cluster, client: RawClient) -> None:
    with cluster.held_tasks():
        answer = create(client)
        assert client.get(f"{LXC}/100/status/current")["lock"] == "create"
        assert refusal(client.call("PUT", f"{LXC}/100/config", memory=64)) == (500, "CT is locked (create)")
    assert client.finish(answer) == "OK"
    assert "lock" not in client.get(f"{LXC}/100/status/current")
    assert client.call("PUT", f"{LXC}/100/config", memory=64).status == 200


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"ostemplate": "local:vztmpl/none.tar.zst"}, "volume 'local:vztmpl/none.tar.zst' does not exist"),
        ({"rootfs": "nowhere:8"}, "storage 'nowhere' does not exist"),
        ({"ssh-public-keys": "not a key"}, "SSH public key validation error"),
        ({"pool": "nobody"}, "pool 'nobody' does not exist"),
    ],
    ids=["template", "storage", "key", "pool"],
)
def test_what_a_container_needs_must_be_there(client: RawClient, wrong: dict[str, str], said: str) -> None:
    assert refusal(create(client, **wrong)) == (500, said)
    assert client.cluster.guests == {}
    assert not [one for one in client.cluster.volumes if one["vmid"]]


def test_a_storage_must_take_containers(client: RawClient) -> None:
    answer = create(client, rootfs="local:8")
    assert (answer.status, answer.errors) == (
        400,
        {"storage": "storage 'local' does not support container directories"},
    )


def test_mount_points_need_a_root(client: RawClient) -> None:
    given = {"vmid": 100, "ostemplate": TEMPLATE, "storage": "local-lvm", "mp0": "local-lvm:1,mp=/a"}
    answer = client.call("POST", LXC, given)
    assert refusal(answer) == (500, "mount points configured, but 'rootfs' not set - aborting")


def test_a_running_container_changes_at_once_where_it_can(client: RawClient) -> None:
    make(client, start=1)
    assert client.get(f"{LXC}/100/status/current")["status"] == "running"
    assert client.call("PUT", f"{LXC}/100/config", memory=256, tty=1).status == 200
    pending = {entry["key"]: entry for entry in client.get(f"{LXC}/100/pending")}
    assert pending["memory"] == {"key": "memory", "value": "256"}
    assert pending["tty"] == {"key": "tty", "pending": "1"}
    assert config(client)["tty"] == 1
    assert "tty" not in client.get(f"{LXC}/100/config", current=1)
    client.do("POST", f"{LXC}/100/status/reboot")
    assert client.get(f"{LXC}/100/config", current=1)["tty"] == 1


def test_changes_are_guarded_by_a_digest(client: RawClient) -> None:
    make(client)
    digest = config(client)["digest"]
    assert client.call("PUT", f"{LXC}/100/config", memory=64, digest=digest).status == 200
    refused = client.call("PUT", f"{LXC}/100/config", memory=128, digest=digest)
    assert refusal(refused) == (
        500,
        "detected modified configuration - file changed by other user? Try again.",
    )
    assert config(client)["memory"] == 64


def test_some_changes_are_refused(client: RawClient) -> None:
    make(client)
    put = f"{LXC}/100/config"
    assert refusal(client.call("PUT", put)) == (500, "no options specified")
    refused = client.call("PUT", put, unprivileged=0)
    assert refusal(refused) == (500, "unable to modify read-only option: 'unprivileged'")
    refused = client.call("PUT", put, memory=64, delete="memory")
    assert refusal(refused) == (500, "cannot use '-memory' and '-delete memory' at the same time")


def test_a_disk_that_is_taken_off_is_kept_as_unused(client: RawClient) -> None:
    make(client, mp0="local-lvm:1,mp=/data")
    assert client.call("PUT", f"{LXC}/100/config", delete="mp0").status == 200
    shown = config(client)
    assert "mp0" not in shown
    assert shown["unused0"] == "local-lvm:vm-100-disk-1"


def test_disks_only_grow(client: RawClient) -> None:
    make(client)
    path = f"{LXC}/100/resize"
    client.do("PUT", path, disk="rootfs", size="+512M")
    assert config(client)["rootfs"] == "local-lvm:vm-100-disk-0,size=8704M"
    client.do("PUT", path, disk="rootfs", size="10G")
    assert config(client)["rootfs"] == "local-lvm:vm-100-disk-0,size=10G"
    assert refusal(client.call("PUT", path, disk="rootfs", size="9G")) == (500, "unable to shrink disk size")
    refused = client.call("PUT", path, disk="rootfs", size="10G")
    assert refusal(refused) == (500, "disk is already at specified size")
    assert client.call("PUT", path, disk="mp256", size="9G").status == 400


def test_power_is_refused_where_there_is_nothing_to_do(client: RawClient) -> None:
    make(client)
    power = f"{LXC}/100/status"
    assert refusal(client.call("POST", f"{power}/stop")) == (500, "CT 100 not running")
    assert refusal(client.call("POST", f"{power}/shutdown")) == (500, "CT 100 not running")
    client.do("POST", f"{power}/start")
    assert refusal(client.call("POST", f"{power}/start")) == (500, "CT 100 already running")
    client.do("POST", f"{power}/shutdown", timeout=5)
    assert client.get(f"{power}/current")["status"] == "stopped"


def test_a_locked_container_does_not_start_and_the_task_says_so(cluster: Cluster, client: RawClient) -> None:
    make(client)
    cluster.change_guest(100, config={"lock": "backup"})
    assert client.finish(client.call("POST", f"{LXC}/100/status/start")) == "CT is locked (backup)"
    cluster.change_guest(100, config={"lock": None})
    client.do("POST", f"{LXC}/100/status/start")


def test_a_shutdown_that_is_ignored_times_out_or_is_forced(cluster: Cluster, client: RawClient) -> None:
    make(client, start=1)
    cluster.change_guest(100, ignores_shutdown=True)
    power = f"{LXC}/100/status"
    assert client.finish(client.call("POST", f"{power}/shutdown", timeout=0)) == "container did not stop"
    assert client.get(f"{power}/current")["status"] == "running"
    client.do("POST", f"{power}/shutdown", timeout=0, forceStop=1)
    assert client.get(f"{power}/current")["status"] == "stopped"


def test_a_stop_can_overrule_a_shutdown(cluster: Cluster, client: RawClient) -> None:
    make(client, start=1)
    cluster.change_guest(100, ignores_shutdown=True)
    pending = client.call("POST", f"{LXC}/100/status/shutdown", timeout=600)
    client.do("POST", f"{LXC}/100/status/stop", {"overrule-shutdown": 1})
    assert client.finish(pending) == "interrupted by signal"


def test_interfaces_show_addresses_only_while_it_runs_and_after_a_while(cluster: Cluster, client: RawClient) -> None:
    make(client, net0="name=eth0,bridge=vmbr0,ip=10.9.8.7/24", start=0)
    assert client.get(f"{LXC}/100/interfaces") is None
    cluster.change_settings(boot_seconds=600.0)
    client.do("POST", f"{LXC}/100/status/start")
    early = {one["name"]: one for one in client.get(f"{LXC}/100/interfaces")}
    assert "inet" not in early["eth0"]
    cluster.change_settings(boot_seconds=0.0)
    lo, card = client.get(f"{LXC}/100/interfaces")
    assert lo["name"] == "lo"
    assert card["inet"] == "10.9.8.7/24"
    assert {"ip-address": "10.9.8.7", "prefix": 24, "ip-address-type": "inet"} in card["ip-addresses"]


def test_interfaces_are_not_known_to_7_4() -> None:
    with Cluster(version="7.4.16") as old:
        client = RawClient.by_token(old)
        make(client)
        assert client.call("GET", f"{LXC}/100/interfaces").status == 501


def test_what_runs_or_is_protected_is_not_taken_away(client: RawClient) -> None:
    make(client, start=1)
    said = "unable to destroy CT 100 - container is running"
    assert refusal(client.call("DELETE", f"{LXC}/100")) == (500, said)
    client.call("PUT", f"{LXC}/100/config", protection=1)
    said = "can't remove CT 100 - protection mode enabled"
    assert refusal(client.call("DELETE", f"{LXC}/100", force=1)) == (500, said)
    client.call("PUT", f"{LXC}/100/config", protection=0)
    client.do("DELETE", f"{LXC}/100", force=1, purge=1)
    assert client.cluster.guests == {}
    assert not [one for one in client.cluster.volumes if one["vmid"]]
    missing = "Configuration file 'nodes/pve1/lxc/100.conf' does not exist"
    assert refusal(client.call("DELETE", f"{LXC}/100")) == (500, missing)


def test_a_guest_is_only_known_on_its_node_and_as_its_kind(client: RawClient) -> None:
    make(client)
    elsewhere = "Configuration file 'nodes/pve2/lxc/100.conf' does not exist"
    assert refusal(client.call("GET", "/nodes/pve2/lxc/100/config")) == (500, elsewhere)
    otherwise = "Configuration file 'nodes/pve1/qemu-server/100.conf' does not exist"
    assert refusal(client.call("GET", f"{QEMU}/100/config")) == (500, otherwise)
    listed = client.get("/cluster/resources", type="vm")
    assert [(one["vmid"], one["node"], one["type"], one["name"]) for one in listed] == [(100, "pve1", "lxc", "ct100")]


def test_the_list_of_resources_is_late(cluster: Cluster, client: RawClient) -> None:
    make(client)
    cluster.change_settings(broadcast_seconds=600.0)
    assert "name" not in client.get("/cluster/resources", type="vm")[0]
    cluster.change_settings(broadcast_seconds=0.0)
    assert client.get("/cluster/resources", type="vm")[0]["name"] == "ct100"
    client.do("POST", f"{LXC}/100/status/start")
    assert client.get("/cluster/resources", type="vm")[0]["status"] == "running"
    cluster.change_settings(broadcast_seconds=600.0)
    assert client.get("/cluster/resources", type="vm")[0]["status"] == "unknown"
    assert client.get(f"{LXC}/100/status/current")["status"] == "running"


def test_a_container_is_locked_while_it_is_copied(cluster: Cluster, client: RawClient) -> None:
    make(client)
    with cluster.held_tasks():
        copying = client.call("POST", f"{LXC}/100/clone", newid=101, hostname="copy", full=1)
        assert refusal(client.call("POST", f"{LXC}/100/clone", newid=102)) == (500, "CT is locked (disk)")
    assert client.finish(copying) == "OK"
    assert config(client, f"{LXC}/101")["rootfs"] == "local-lvm:vm-101-disk-0,size=8G"


def test_templates_and_images_are_fetched(cluster: Cluster, client: RawClient) -> None:
    listed = client.get("/nodes/pve2/aplinfo")
    name = next(one["template"] for one in listed if one["package"] == "alpine-3.22-default")
    client.do("POST", "/nodes/pve2/aplinfo", storage="local", template=name)
    held = [one["volid"] for one in client.get("/nodes/pve2/storage/local/content", content="vztmpl")]
    assert f"local:vztmpl/{name}" in held
    refused = client.call("POST", "/nodes/pve2/aplinfo", storage="local", template="none.tar.zst")
    assert (refused.status, refused.errors) == (400, {"template": "no such template"})
    cluster.change_settings(downloads={"https://example.test/a.qcow2": "content"})
    path = "/nodes/pve1/storage/local/download-url"
    values = {"url": "https://example.test/a.qcow2", "content": "import", "filename": "a.qcow2"}
    checked = {**values, "checksum-algorithm": "sha256", "checksum": "0" * 64}
    assert client.finish(client.call("POST", path, checked)).startswith("checksum mismatch: got '")
    client.do("POST", path, values)
    assert refusal(client.call("POST", path, values)) == (500, "refusing to override existing file 'a.qcow2'")


def test_snapshots_bring_a_configuration_back(client: RawClient) -> None:
    make(client, memory=512)
    client.do("POST", f"{LXC}/100/snapshot", snapname="before")
    client.call("PUT", f"{LXC}/100/config", memory=64)
    client.do("POST", f"{LXC}/100/snapshot/before/rollback")
    assert config(client)["memory"] == 512
    assert [one["name"] for one in client.get(f"{LXC}/100/snapshot")] == ["before", "current"]
    client.do("DELETE", f"{LXC}/100/snapshot/before")
    said = "snapshot 'before' does not exist"
    assert refusal(client.call("DELETE", f"{LXC}/100/snapshot/before")) == (500, said)


def test_pools_hold_guests(client: RawClient) -> None:
    assert client.call("POST", "/pools", poolid="web").status == 200
    make(client, pool="web")
    make(client, 101)
    assert client.call("PUT", "/pools", poolid="web", vms="101").status == 200
    assert [one["vmid"] for one in client.get("/pools/web")["members"]] == [100, 101]
    assert refusal(client.call("DELETE", "/pools/web")) == (500, "pool 'web' is not empty")
    assert client.call("PUT", "/pools/web", vms="100,101", delete=1).status == 200
    assert client.call("DELETE", "/pools", poolid="web").status == 200


def test_a_task_is_followed_by_its_status_and_its_log(cluster: Cluster, client: RawClient) -> None:
    with cluster.held_tasks():
        begun = create(client)
        path = f"/nodes/pve1/tasks/{quote(begun.data, safe='')}"
        status = client.get(f"{path}/status")
    shown = [status[name] for name in ("status", "type", "id", "user")]
    assert shown == ["running", "vzcreate", "100", "root@pam!jetpack"]
    assert "exitstatus" not in status
    assert client.finish(begun) == "OK"
    first = client.call("GET", f"{path}/log", limit=1)
    assert first.data == [{"n": 1, "t": f"extracting archive '{TEMPLATE}'"}]
    assert client.get(f"{path}/log", start=first.body["total"] - 1)[0]["t"] == "TASK OK"
    unknown = client.call("GET", path.replace("/nodes/pve1", "/nodes/pve2") + "/status")
    assert (unknown.status, unknown.errors) == (400, {"upid": "no such task"})


def test_a_task_is_ended_by_hand(cluster: Cluster, client: RawClient) -> None:
    with cluster.held_tasks():
        begun = create(client)
        path = f"/nodes/pve1/tasks/{quote(begun.data, safe='')}"
        assert client.call("DELETE", path).status == 200
        assert client.finish(begun) == "interrupted by signal"
    assert cluster.guests == {}
