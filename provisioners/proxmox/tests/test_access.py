# SPDX-License-Identifier: GPL-3.0-or-later
"""How clusters are logged in to and trusted, and what is said when that fails: never a secret."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from jetpack_provisioner_proxmox.access import access_of
from jetpack_provisioner_proxmox.client import Client
from jetpack_provisioner_proxmox.refusals import ApiError

from jetpack_core.contracts.provisioner import Surroundings
from jetpack_core.errors import JetpackError
from provisioners.proxmox.tests.cluster import Cluster
from provisioners.proxmox.tests.support import FAST, variables

OTHER_PIN = ":".join(["AB"] * 32)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with Cluster(**FAST) as cluster:
        yield cluster


def client(given: Mapping[str, object], lock_timeout: float = 5) -> Client:
    return Client(access_of("pve", given), Surroundings, lock_timeout=lock_timeout)


def by_password(cluster: Cluster, **more: object) -> dict[str, object]:
    given = variables(cluster, jet_proxmox_user=cluster.user, jet_proxmox_password=cluster.password, **more)
    return {name: value for name, value in given.items() if name != "jet_proxmox_token"}


def test_a_token_needs_no_ticket(cluster: Cluster) -> None:
    assert client(variables(cluster)).get("asking", "version")["version"]
    assert cluster.calls[-1].who == cluster.token_id


def test_a_password_gives_a_ticket_and_guards_changes(cluster: Cluster) -> None:
    speaker = client(by_password(cluster))
    assert speaker.get("asking", "version")["version"]
    speaker.change("POST", "making a pool", "pools", parameters={"poolid": "by-password"})
    assert cluster.calls[-1].who == cluster.user
    assert len(cluster.calls_of("POST", "/access/ticket")) == 1


def test_the_value_of_a_token_can_stand_apart(cluster: Cluster) -> None:
    apart = {"jet_proxmox_user": cluster.token_id, "jet_proxmox_token": cluster.token_secret}
    assert client(variables(cluster, **apart)).get("asking", "version")["version"]


@pytest.mark.parametrize("login", [variables, by_password])
def test_a_pinned_certificate_needs_no_authority(cluster: Cluster, login: Any) -> None:
    given = login(cluster, jet_proxmox_fingerprint=cluster.fingerprint)
    del given["jet_proxmox_ca"]
    assert client(given).get("asking", "version")["version"]


@pytest.mark.parametrize("login", [variables, by_password])
@pytest.mark.parametrize("both", [True, False])
def test_another_certificate_than_the_pinned_one_gets_no_word_from_us(cluster: Cluster, login: Any, both: bool) -> None:
    given = login(cluster, jet_proxmox_fingerprint=OTHER_PIN)
    if not both:
        del given["jet_proxmox_ca"]
    before = len(cluster.calls)
    with pytest.raises(ApiError, match="another certificate than the one pinned") as told:
        client(given).get("asking", "version")
    assert cluster.fingerprint.upper().replace(":", "") in told.value.message.replace(":", "")
    assert len(cluster.calls) == before


@pytest.mark.parametrize("login", [variables, by_password])
def test_an_authority_that_did_not_sign_is_not_trusted(cluster: Cluster, login: Any, tmp_path: Path) -> None:
    with Cluster(**FAST) as other:
        other_ca = tmp_path / "ca.pem"
        other_ca.write_text(Path(other.ca_file).read_text())
    before = len(cluster.calls)
    with pytest.raises(ApiError, match="is not trusted") as told:
        client(login(cluster, jet_proxmox_ca=str(other_ca))).get("asking", "version")
    assert "jet_proxmox_ca" in told.value.hint
    without = login(cluster)
    del without["jet_proxmox_ca"]
    with pytest.raises(ApiError, match="is not trusted"):
        client(without).get("asking", "version")
    assert len(cluster.calls) == before


@pytest.mark.parametrize("login", [variables, by_password])
def test_secrets_are_never_told(cluster: Cluster, login: Any) -> None:
    wrong = "wrong-secret-0451"
    given = login(cluster)
    key = "jet_proxmox_token" if "jet_proxmox_token" in given else "jet_proxmox_password"
    given[key] = f"{cluster.token_id}={wrong}" if key == "jet_proxmox_token" else wrong
    with pytest.raises(ApiError) as told:
        client(given).get("asking", "version")
    assert told.value.status == 401
    assert wrong not in f"{told.value} {told.value.text} {told.value!r} {access_of('pve', given)!r}"
    cluster.fail_next("GET", "/version", message=f"the ticket {wrong} is bad")
    given = variables(cluster, jet_proxmox_token=f"{cluster.token_id}={wrong}")
    with pytest.raises(ApiError) as told:
        client(given).get("asking", "version")
    cluster.clear_faults()
    assert wrong not in str(told.value)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "do not say how to log in"),
        ({"jet_proxmox_user": "root@pam"}, "do not say how to log in"),
        ({"jet_proxmox_token": "just-a-uuid"}, "do not say how to log in"),
        ({"jet_proxmox_token": "root@pam=uuid"}, "whose token"),
        ({"jet_proxmox_token": "a@pam!b=c", "jet_proxmox_url": "http://pve"}, "is no address of an API"),
        ({"jet_proxmox_token": "a@pam!b=c", "jet_proxmox_url": "https://u:p@pve"}, "is no address of an API"),
        ({"jet_proxmox_token": "a@pam!b=c", "jet_proxmox_ca": "/none.pem"}, "there is no file"),
        ({"jet_proxmox_token": "a@pam!b=c", "jet_proxmox_fingerprint": "AB:CD"}, "is no fingerprint"),
        ({"jet_proxmox_token": "a@pam!b=c", "jet_proxmox_timeout": "soon"}, "number of seconds"),
        ({"jet_proxmox_token": "{{ token }}"}, "must be text"),
        ({"jet_proxmox_token": "a@pam!b=c", "jet_proxmox_user": 7}, "must be text"),
    ],
)
def test_what_is_wrong_with_the_variables_is_told(given: dict[str, object], said: str) -> None:
    with pytest.raises(JetpackError, match=said):
        access_of("pve", given)


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ({}, "https://pve:8006"),
        ({"jet_ssh_hostname": "10.0.0.1"}, "https://10.0.0.1:8006"),
        ({"jet_ssh_hostname": "2001:db8::1"}, "https://[2001:db8::1]:8006"),
        ({"jet_proxmox_url": "https://pve.example.org:443/"}, "https://pve.example.org:443"),
        ({"jet_proxmox_url": "https://pve:8006/api2/json"}, "https://pve:8006"),
    ],
)
def test_the_address_of_the_host_is_that_of_the_api(given: dict[str, object], url: str) -> None:
    assert access_of("pve", {"jet_proxmox_token": "a@pam!b=c", **given}).url == url


def test_reading_is_tried_again_and_changing_is_not(cluster: Cluster) -> None:
    speaker = client(variables(cluster, jet_proxmox_patience=20))
    cluster.fail_next("GET", "/version", drop="before", times=2)
    assert speaker.get("asking", "version")["version"]
    cluster.fail_next("GET", "/version", status=595, message="No route to host", times=2)
    assert speaker.get("asking", "version")["version"]
    before = len(cluster.calls)
    cluster.fail_next("POST", "/pools", drop="after", times=1)
    with pytest.raises(ApiError, match="does not answer") as told:
        speaker.change("POST", "making a pool", "pools", parameters={"poolid": "lost-answer"})
    assert told.value.unanswered
    assert len(cluster.calls) == before + 1


def test_a_slow_cluster_is_waited_for(cluster: Cluster) -> None:
    cluster.change_settings(latency=1.0)
    try:
        assert client(variables(cluster)).get("asking", "version")["version"]
        with pytest.raises(ApiError, match="did not answer in time"):
            client(variables(cluster, jet_proxmox_timeout=0.2, jet_proxmox_patience=0.1)).get("asking", "version")
    finally:
        cluster.change_settings(latency=0.0)


def test_what_is_lacking_is_named_with_its_place(cluster: Cluster) -> None:
    cluster.fail_next("GET", "/version", status=403, message="Permission check failed (/vms/101, VM.Audit|VM.Monitor)")
    with pytest.raises(ApiError, match=r"lacks the privilege VM.Audit or VM.Monitor on /vms/101") as told:
        client(variables(cluster)).get("looking", "version")
    assert "pveum acl modify /vms/101 --tokens 'root@pam!jetpack'" in told.value.hint
