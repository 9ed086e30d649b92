# SPDX-License-Identifier: GPL-3.0-or-later
"""The test cluster on the wire: TLS, who may call, what is accepted and how it is refused."""

from __future__ import annotations

import hashlib
import socket
import ssl
from collections.abc import Iterator

import pytest

from provisioners.proxmox.tests.cluster import DEBIAN_TEMPLATE, Cluster
from provisioners.proxmox.tests.cluster.raw import RawClient

TEMPLATE = f"local:vztmpl/{DEBIAN_TEMPLATE}"
UNKNOWN = "property is not defined in schema and the schema does not allow additional properties"
MISSING = "property is missing and it is not optional"


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    users = {
        "root@pam": {"password": "root of the cluster", "acl": {"/": ["Administrator"]}},
        "alice@pve": {"password": "wonder", "acl": {}},
    }
    with Cluster(users=users) as running:
        yield running


@pytest.fixture(scope="module", params=[True, False], ids=["published schema", "own table alone"])
def checking(request: pytest.FixtureRequest) -> Iterator[RawClient]:
    """A cluster that checks against the published schema where a copy is at hand, and one that never does."""
    with Cluster(published=request.param) as running:
        yield RawClient.by_token(running)


def test_the_certificate_is_of_the_clusters_authority_and_has_the_fingerprint(cluster: Cluster) -> None:
    context = ssl.create_default_context(cafile=cluster.ca_file)
    with (
        socket.create_connection((cluster.host, cluster.port), timeout=30) as plain,
        context.wrap_socket(plain, server_hostname=cluster.host) as secure,
    ):
        certificate = secure.getpeercert(binary_form=True)
    assert certificate is not None
    assert hashlib.sha256(certificate).digest().hex(":").upper() == cluster.fingerprint


def test_another_authority_does_not_vouch_for_it(cluster: Cluster) -> None:
    with (
        socket.create_connection((cluster.host, cluster.port), timeout=30) as plain,
        pytest.raises(ssl.SSLCertVerificationError),
    ):
        ssl.create_default_context().wrap_socket(plain, server_hostname=cluster.host)


def test_calls_without_a_ticket_are_refused(cluster: Cluster) -> None:
    answer = RawClient(cluster).call("GET", "/version")
    assert (answer.status, answer.reason, answer.data) == (401, "No ticket", None)


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": "PVEAPIToken=root@pam!jetpack=wrong"},
        {"Authorization": "PVEAPIToken=root@pam!nobody=8ab42e5e-6a92-4a3a-8d9b-5f4f7a1c3e55"},
        {"Cookie": "PVEAuthCookie=PVE%3Aroot%40pam%3A6B01B35A%3A%3AZm9yZ2Vk"},
    ],
    ids=["secret", "name", "ticket"],
)
def test_forged_tokens_and_tickets_are_refused(cluster: Cluster, headers: dict[str, str]) -> None:
    answer = RawClient(cluster, headers).call("GET", "/version")
    assert (answer.status, answer.reason) == (401, "Authentication failed!")


def test_a_wrong_password_is_refused(cluster: Cluster) -> None:
    answer = RawClient(cluster).call("POST", "/access/ticket", username="root@pam", password="guess")
    assert (answer.status, answer.reason) == (401, "authentication failure")


def test_a_ticket_and_its_csrf_token_let_changes_be_made(cluster: Cluster) -> None:
    client = RawClient.by_ticket(cluster)
    assert client.get("/version")["version"] == "9.1.3"
    assert client.call("POST", "/pools", poolid="by-ticket").status == 200
    del client.headers["CSRFPreventionToken"]
    refused = client.call("POST", "/pools", poolid="forged")
    assert (refused.status, refused.reason) == (401, "Permission denied - invalid csrf token")
    assert client.get("/version")["version"] == "9.1.3"


def test_the_csrf_token_of_another_user_does_not_count(cluster: Cluster) -> None:
    root, alice = RawClient.by_ticket(cluster), RawClient.by_ticket(cluster, "alice@pve", "wonder")
    root.headers["CSRFPreventionToken"] = alice.headers["CSRFPreventionToken"]
    assert root.call("POST", "/pools", poolid="stolen").status == 401


def test_a_ticket_is_renewed_by_itself_in_the_passwords_place(cluster: Cluster) -> None:
    first = RawClient(cluster).call("POST", "/access/ticket", username=cluster.user, password=cluster.password)
    again = RawClient(cluster).call("POST", "/access/ticket", username=cluster.user, password=first.data["ticket"])
    assert again.status == 200
    stolen = RawClient(cluster).call("POST", "/access/ticket", username="alice@pve", password=first.data["ticket"])
    assert stolen.status == 401


def test_a_ticket_grows_old() -> None:
    with Cluster() as cluster:
        client = RawClient.by_ticket(cluster)
        cluster.change_settings(ticket_seconds=-1.0)
        answer = client.call("GET", "/version")
    assert (answer.status, answer.reason) == (401, "Authentication failed!")


def test_a_token_cannot_get_a_ticket_for_itself(cluster: Cluster) -> None:
    known = RawClient.by_token(cluster)
    assert known.call("GET", "/access/permissions").status == 200
    assert known.call("PATCH", "/version").status == 501


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_reading_and_deleting_calls_take_no_body(cluster: Cluster, method: str) -> None:
    client = RawClient.by_token(cluster)
    answer = client.send(method, "/api2/json/version", b"a=1", client.headers)
    assert (answer.status, answer.reason) == (501, f"Unexpected content for method '{method}'")


def test_large_bodies_are_refused(cluster: Cluster) -> None:
    client = RawClient.by_token(cluster)
    answer = client.call("POST", "/pools", poolid="p", comment="x" * (513 * 1024))
    assert (answer.status, answer.reason) == (501, "for data too large")


@pytest.mark.parametrize(("content_type", "status"), [("text/plain", 506), ("application/json", 501)])
def test_bodies_are_forms(cluster: Cluster, content_type: str, status: int) -> None:
    client = RawClient.by_token(cluster)
    headers = {**client.headers, "Content-Type": content_type}
    answer = client.send("POST", "/api2/json/pools", b"poolid=p", headers)
    assert answer.status == status
    assert content_type in answer.reason


def test_a_refusal_may_hold_any_character(cluster: Cluster) -> None:
    cluster.fail_next("GET", "/version", message="na\u00efve \u2192 line\nbreak")
    assert RawClient.by_token(cluster).call("GET", "/version").reason == "na\u00efve ? line break"


@pytest.mark.parametrize("path", ["/nothing", "/nodes/pve1/lxc/100/nothing"])
def test_unknown_calls_are_not_implemented(cluster: Cluster, path: str) -> None:
    answer = RawClient.by_token(cluster).call("GET", path)
    assert (answer.status, answer.reason) == (501, f"Method 'GET {path}' not implemented")


def test_calls_that_are_published_but_not_played_say_so(cluster: Cluster) -> None:
    answer = RawClient.by_token(cluster).call("GET", "/nodes/pve1/qemu/100/firewall/options")
    assert answer.status == 501


def test_only_newer_versions_repeat_the_message_in_the_body(cluster: Cluster) -> None:
    missing = "/nodes/pve1/lxc/999/config"
    said = "Configuration file 'nodes/pve1/lxc/999.conf' does not exist"
    answer = RawClient.by_token(cluster).call("GET", missing)
    assert (answer.status, answer.reason, answer.body) == (500, said, {"data": None, "message": said + "\n"})
    with Cluster(version="8.3.1") as old:
        answer = RawClient.by_token(old).call("GET", missing)
    assert (answer.status, answer.reason, answer.body) == (500, said, {"data": None})


def test_nodes_that_are_unknown_or_off_are_told_apart(cluster: Cluster) -> None:
    client = RawClient.by_token(cluster)
    unknown = client.call("GET", "/nodes/pve9/lxc")
    assert (unknown.status, unknown.reason) == (500, "no such cluster node 'pve9'")
    cluster.change_node("pve2", online=False)
    off = client.call("GET", "/nodes/pve2/lxc")
    cluster.change_node("pve2", online=True)
    assert (off.status, off.reason) == (595, "No route to host")


REFUSED: dict[str, tuple[dict[str, object], str]] = {
    "ostemplate": ({"ostemplate": None}, MISSING),
    "nothing": ({"nothing": 1}, UNKNOWN),
    "net32": ({"net32": "name=eth0"}, UNKNOWN),
    "net01": ({"net01": "name=eth0"}, UNKNOWN),
    "vmid": ({"vmid": 99}, "invalid format - value does not look like a valid VM ID"),
    "cores": ({"cores": "many"}, "type check ('integer') failed - got 'many'"),
    "memory": ({"memory": 8}, "value must have a minimum value of 16"),
    "unprivileged": ({"unprivileged": True}, "type check ('boolean') failed - got 'True'"),
    "tty": ({"tty": 7}, "value must have a maximum value of 6"),
    "hostname": ({"hostname": "web_1"}, "invalid format - value does not look like a valid DNS name"),
    "cmode": ({"cmode": "x"}, "value 'x' does not have a value in the enumeration 'shell, console, tty'"),
    "password": ({"password": "abc"}, "value must be at least 5 characters long"),
    "description": ({"description": "x" * 8193}, "value may only be 8192 characters long"),
    "tags": ({"tags": "web;-b"}, "invalid format - invalid characters in tag"),
    "features": (
        {"features": "nestin=1"},
        "invalid format - invalid key in comma-separated list property: nestin",
    ),
    "net0": (
        {"net0": "bridge=vmbr0"},
        f"invalid format - format error\nnet0.name: {MISSING}\n",
    ),
    "net1": (
        {"net1": "name=eth1,ip=10.0.0.1"},
        (
            "invalid format - format error\n"
            "net1.ip: invalid format - value does not look like a valid ipv4 network configuration\n"
        ),
    ),
    "net2": (
        {"net2": "name=eth2,name=eth3"},
        "invalid format - duplicate key in comma-separated list property: name",
    ),
    "net3": (
        {"net3": "eth3"},
        "invalid format - value without key, but schema does not define a default key",
    ),
    "mp0": (
        {"mp0": "local-lvm:1,mp=/a/../b"},
        "invalid format - format error\nmp0.mp: invalid format - /a/../b contains illegal character sequences\n",
    ),
    "timezone": ({"timezone": "Mars/Base"}, "invalid format - invalid time zone 'Mars/Base'"),
    "startup": ({"startup": "soon"}, "invalid format - unable to parse startup options"),
    "env": ({"env": "no equals sign"}, "value does not match the regex pattern"),
}


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_wrong_parameters_are_refused_in_the_real_words(checking: RawClient, name: str) -> None:
    changed, said = REFUSED[name]
    values = {"vmid": 100, "ostemplate": TEMPLATE, "storage": "local-lvm", **changed}
    given = {key: value for key, value in values.items() if value is not None}
    answer = checking.call("POST", "/nodes/pve1/lxc", given)
    assert (answer.status, answer.reason) == (400, "Parameter verification failed.")
    assert answer.errors == {name: said}
    assert checking.cluster.guests == {}


def test_a_parameter_may_need_another(checking: RawClient) -> None:
    values = {"url": "https://example.test/a.iso", "content": "iso", "filename": "a.iso", "checksum": "0"}
    answer = checking.call("POST", "/nodes/pve1/storage/local/download-url", values)
    assert (answer.status, answer.errors) == (400, {"checksum-algorithm": "missing property required by 'checksum'"})


REFUSED_FOR_MACHINES: dict[str, tuple[dict[str, object], str]] = {
    "sshkeys": ({"sshkeys": "ssh-ed25519 AAAA me"}, "invalid format - invalid urlencoded string: ssh-ed25519 AAAA me"),
    "ipconfig0": (
        {"ipconfig0": "ip=10.0.0.5"},
        "invalid format - value does not look like a valid ipv4 network configuration",
    ),
    "net0": (
        {"net0": "virtio,bridge=a b"},
        "invalid format - format error\nnet0.bridge: invalid format - invalid bridge ID 'a b'\n",
    ),
    "scsi31": ({"scsi31": "local-lvm:1"}, UNKNOWN),
    "ostype": (
        {"ostype": "arch"},
        (
            "value 'arch' does not have a value in the enumeration"
            " 'other, wxp, w2k, w2k3, w2k8, wvista, win7, win8, win10, win11, l24, l26, solaris'"
        ),
    ),
    "cores": ({"cores": 0}, "value must have a minimum value of 1"),
    "serial0": ({"serial0": "pipe"}, "value does not match the regex pattern"),
}


@pytest.mark.parametrize("name", sorted(REFUSED_FOR_MACHINES))
def test_wrong_parameters_of_machines_are_refused_too(checking: RawClient, name: str) -> None:
    changed, said = REFUSED_FOR_MACHINES[name]
    answer = checking.call("POST", "/nodes/pve1/qemu", {"vmid": 100, **changed})
    assert (answer.status, answer.errors) == (400, {name: said})


def test_a_parameter_given_twice_is_refused_unless_it_is_a_list(checking: RawClient) -> None:
    answer = checking.call("POST", "/nodes/pve1/lxc", {"vmid": 100, "ostemplate": TEMPLATE, "memory": [64, 128]})
    assert (answer.status, answer.errors) == (400, {"memory": "type check ('integer') failed - got ARRAY"})
    listed = {"vmid": 100, "ostemplate": TEMPLATE, "storage": "local-lvm", "tags": ["b", "a"]}
    checking.do("POST", "/nodes/pve1/lxc", listed)
    assert checking.cluster.guests[100]["config"]["tags"] == "a;b"
    checking.do("DELETE", "/nodes/pve1/lxc/100")


def test_parameters_that_the_table_lacks_are_told_from_those_that_do_not_exist() -> None:
    with Cluster() as cluster:
        answer = RawClient.by_token(cluster).call("POST", "/nodes/pve1/qemu", vmid=100, keyboard="de")
    # Without a copy of the published schema nobody can know.
    assert answer.status in {400, 501}
    assert "keyboard" in str(answer.errors) + answer.reason
