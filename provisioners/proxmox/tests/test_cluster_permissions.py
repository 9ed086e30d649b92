# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may do what in the test cluster: privileges on paths, tokens of their own, and what is root's alone."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from provisioners.proxmox.tests.cluster import DEBIAN_TEMPLATE, Cluster
from provisioners.proxmox.tests.cluster.raw import RawClient

TEMPLATE = f"local:vztmpl/{DEBIAN_TEMPLATE}"
LXC = "/nodes/pve1/lxc"
NEW = {"ostemplate": TEMPLATE, "rootfs": "local-lvm:1", "net0": "name=eth0,bridge=vmbr0"}
EVERYTHING_NEEDED = {
    "/vms": ["VM.Allocate", "VM.Audit"],
    "/storage/local-lvm": ["Datastore.AllocateSpace"],
    "/sdn/zones": ["SDN.Use"],
}


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    users = {
        "root@pam": {"password": "root of the cluster", "acl": {"/": ["Administrator"]}},
        "ci@pve": {"password": "continuous", "acl": dict(EVERYTHING_NEEDED)},
    }
    tokens = {
        "root@pam!jetpack": {"secret": "a", "privsep": False, "acl": {}},
        "root@pam!own": {"secret": "b", "privsep": True, "acl": {"/vms": ["VM.Audit"]}},
        "ci@pve!all": {"secret": "c", "privsep": False, "acl": {}},
        "ci@pve!more": {"secret": "d", "privsep": True, "acl": {"/": ["Administrator"]}},
    }
    with Cluster(users=users, tokens=tokens, pools=["web"]) as running:
        yield running


@pytest.fixture(scope="module")
def root(cluster: Cluster) -> RawClient:
    return RawClient.by_ticket(cluster)


def token(cluster: Cluster, name: str) -> RawClient:
    return RawClient.by_token(cluster, f"{name}={cluster.settings.tokens[name]['secret']}")


def denied(client: RawClient, method: str, path: str, /, **values: object) -> str:
    answer = client.call(method, path, values)
    assert answer.status == 403, answer
    assert answer.errors == {}
    return answer.reason


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/vms", "Permission check failed (/vms/200, VM.Allocate)"),
        ("/storage/local-lvm", "Permission check failed (/storage/local-lvm, Datastore.AllocateSpace)"),
        ("/sdn/zones", "Permission check failed (/sdn/zones/localnetwork/vmbr0, SDN.Use)"),
    ],
)
def test_a_missing_privilege_is_named_with_its_path(cluster: Cluster, path: str, said: str) -> None:
    client = token(cluster, "ci@pve!all")
    cluster.permit("ci@pve", path)
    try:
        assert denied(client, "POST", LXC, vmid=200, **NEW) == said
        assert 200 not in cluster.guests
    finally:
        cluster.permit("ci@pve", path, *EVERYTHING_NEEDED[path])


def test_the_privileges_needed_are_enough(cluster: Cluster) -> None:
    client = token(cluster, "ci@pve!all")
    client.do("POST", LXC, vmid=201, unprivileged=1, **NEW)
    client.do("DELETE", f"{LXC}/201")


def test_a_pool_can_stand_for_the_guest(cluster: Cluster) -> None:
    client = token(cluster, "ci@pve!all")
    cluster.permit("ci@pve", "/vms")
    cluster.permit("ci@pve", "/pool/web", "VM.Allocate", "VM.Audit")
    try:
        client.do("POST", LXC, vmid=202, pool="web", **NEW)
        assert client.get(f"{LXC}/202/config")["hostname"] == "CT202"
        client.do("DELETE", f"{LXC}/202")
    finally:
        cluster.permit("ci@pve", "/vms", *EVERYTHING_NEEDED["/vms"])


def test_a_token_with_privileges_of_its_own_may_do_no_more_than_both(cluster: Cluster, root: RawClient) -> None:
    root.do("POST", LXC, vmid=203, **NEW)
    own, more = token(cluster, "root@pam!own"), token(cluster, "ci@pve!more")
    assert own.call("GET", f"{LXC}/203/config").status == 200
    said = "Permission check failed (/vms/203, VM.PowerMgmt)"
    assert denied(own, "POST", f"{LXC}/203/status/start") == said
    assert denied(more, "POST", f"{LXC}/203/status/start") == said


def test_an_entry_on_a_nearer_path_takes_the_place_of_those_above(cluster: Cluster, root: RawClient) -> None:
    root.do("POST", LXC, vmid=204, **NEW)
    client = token(cluster, "ci@pve!all")
    cluster.permit("ci@pve", "/vms/204", "NoAccess")
    assert denied(client, "GET", f"{LXC}/204/config") == "Permission check failed (/vms/204, VM.Audit)"
    assert 204 not in [one["vmid"] for one in client.get("/cluster/resources", type="vm")]
    assert 204 in [one["vmid"] for one in root.get("/cluster/resources", type="vm")]


@pytest.mark.parametrize(
    ("options", "privilege"),
    [
        ({"cores": 2}, "VM.Config.CPU"),
        ({"memory": 64}, "VM.Config.Memory"),
        ({"hostname": "a"}, "VM.Config.Network"),
        ({"mp0": "local-lvm:1,mp=/a"}, "VM.Config.Disk"),
        ({"tags": "a"}, "VM.Config.Options"),
        ({"delete": "cores"}, "VM.Config.CPU"),
    ],
)
def test_each_option_needs_its_privilege(
    cluster: Cluster, root: RawClient, options: dict[str, object], privilege: str
) -> None:
    if 205 not in cluster.guests:
        root.do("POST", LXC, vmid=205, **NEW)
    client = token(cluster, "ci@pve!all")
    others = {"VM.Config.CPU", "VM.Config.Memory", "VM.Config.Network", "VM.Config.Disk", "VM.Config.Options"}
    cluster.permit("ci@pve", "/vms/205", "VM.Audit", *(others - {privilege}))
    said = f"Permission check failed (/vms/205, {privilege})"
    assert denied(client, "PUT", f"{LXC}/205/config", **options) == said
    cluster.permit("ci@pve", "/vms/205", "VM.Audit", privilege)
    assert client.call("PUT", f"{LXC}/205/config", options).status == 200


def test_privileged_containers_need_more_since_9(cluster: Cluster) -> None:
    client = token(cluster, "ci@pve!all")
    said = "Permission check failed (/, Sys.Modify)"
    assert denied(client, "POST", LXC, vmid=206, unprivileged=0, **NEW) == said


ROOT_ALONE = {
    "features": ({"features": "nesting=1,keyctl=1"}, 403),
    "no features": ({"features": ""}, 403),
    "bind mount": ({"mp0": "/srv,mp=/srv"}, 500),
    "device": ({"dev0": "/dev/net/tun"}, 403),
    "hookscript": ({"hookscript": "local:snippets/a.sh"}, 403),
}


@pytest.mark.parametrize("name", sorted(ROOT_ALONE))
def test_what_is_roots_alone_is_refused_even_to_roots_token(cluster: Cluster, root: RawClient, name: str) -> None:
    options, status = ROOT_ALONE[name]
    answer = token(cluster, "root@pam!jetpack").call("POST", LXC, {"vmid": 207, **NEW, **options})
    assert answer.status == status
    assert "root" in answer.reason.lower()
    root.do("POST", LXC, {"vmid": 207, **NEW, **options})
    root.do("DELETE", f"{LXC}/207")


def test_nesting_is_everybodys(cluster: Cluster) -> None:
    client = token(cluster, "root@pam!jetpack")
    client.do("POST", LXC, vmid=208, features="nesting=1", **NEW)


def test_locks_are_skipped_by_root_alone(cluster: Cluster, root: RawClient) -> None:
    cluster.add_guest(209, kind="qemu", lock="backup")
    refused = token(cluster, "root@pam!jetpack").call("PUT", "/nodes/pve1/qemu/209/config", skiplock=1, memory="64")
    assert (refused.status, refused.errors) == (400, {"skiplock": "Only root may use this option."})
    locked = root.call("PUT", "/nodes/pve1/qemu/209/config", memory="64")
    assert locked.reason == "VM is locked (backup)"
    assert root.call("PUT", "/nodes/pve1/qemu/209/config", memory="64", skiplock=1).status == 200


def test_a_login_does_not_look_at_tokens(cluster: Cluster) -> None:
    client = token(cluster, "root@pam!jetpack")
    assert client.call("POST", "/access/ticket", username="a@pve", password="b").status == 401


def test_everybody_may_see_their_own_permissions(cluster: Cluster) -> None:
    asked = {"path": "/storage/local-lvm"}
    shown = token(cluster, "ci@pve!all").call("GET", "/access/permissions", asked).data
    assert shown == {"/storage/local-lvm": {"Datastore.AllocateSpace": 1}}
    said = "Permission check failed (/access, Sys.Audit)"
    assert denied(token(cluster, "ci@pve!all"), "GET", "/access/permissions", userid="root@pam") == said


def test_the_agent_needed_another_privilege_before_9() -> None:
    tokens = {"root@pam!own": {"secret": "b", "privsep": True, "acl": {"/vms": ["VM.GuestAgent.Audit"]}}}
    with Cluster(version="8.4.1", tokens=tokens) as old:
        said = "Permission check failed (/vms/100, VM.Monitor)"
        assert denied(token(old, "root@pam!own"), "POST", "/nodes/pve1/qemu/100/agent/ping") == said
