# SPDX-License-Identifier: GPL-3.0-or-later
"""How containers are changed, stopped and removed, and what is told when that fails."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from jetpack_provisioner_proxmox_lxc.provisioner import ProxmoxContainer
from pydantic import ValidationError

from jetpack_core.errors import JetpackError
from provisioners.proxmox.tests.cluster import DEBIAN_TEMPLATE, Cluster
from provisioners.proxmox.tests.support import FAST, KEY, attached, found, settled, update

Make = Callable[..., ProxmoxContainer]


def by_root(cluster: Cluster) -> dict[str, object]:
    return {"jet_proxmox_token": None, "jet_proxmox_user": cluster.user, "jet_proxmox_password": cluster.password}


def test_protected_guests_are_not_even_stopped(make: Make, cluster: Cluster) -> None:
    guest = make(protection=True).create("web1")
    with pytest.raises(JetpackError, match="is protected"):
        make(state="absent").find("web1")
    wanted = make()
    with pytest.raises(JetpackError, match="is protected"):
        wanted.replace("web1", found(wanted), wanted.plan("web1", found(wanted)))
    assert cluster.guests[int(guest.id)]["running"]


def test_destroying_takes_its_volumes_and_nothing_else(make: Make, cluster: Cluster) -> None:
    before = cluster.volumes
    wanted = make(mp0={"mp": "/data", "size": 2})
    other = make().create("web2")
    guest = wanted.create("web1")
    wanted.stop(guest)
    wanted.destroy(found(wanted))
    assert list(cluster.guests) == [int(other.id)]
    assert len(cluster.volumes) == len(before) + 1
    call = cluster.calls_of("DELETE")[-1]
    assert call.parameters["destroy-unreferenced-disks"] == "0"


def test_what_does_not_shut_down_is_stopped(make: Make, cluster: Cluster) -> None:
    guest = make(shutdown_timeout=1).create("web1")
    cluster.change_guest(int(guest.id), ignores_shutdown=True)
    make(shutdown_timeout=1).stop(guest)
    assert not cluster.guests[int(guest.id)]["running"]
    make().stop(guest)
    make().start(guest)
    make().start(guest)
    cluster.fail_task("vzshutdown", "container did not stop")
    make().stop(guest)
    assert not cluster.guests[int(guest.id)]["running"]


def test_locked_guests_are_waited_for(make: Make, cluster: Cluster) -> None:
    guest = make().create("web1")
    cluster.fail_next("PUT", "/nodes/*/lxc/*/config", message="CT is locked (backup)", times=2)
    update(make(memory=1024))
    cluster.change_guest(int(guest.id), config={"lock": "backup"})
    wanted = make(memory=2048, lock_timeout=0.2)
    with pytest.raises(JetpackError, match=r"CT is locked \(backup\)") as told:
        wanted.update(found(wanted), wanted.plan("web1", found(wanted)))
    assert "lock_timeout" in told.value.hint


def test_a_change_by_somebody_else_at_the_same_moment_is_seen(make: Make, cluster: Cluster) -> None:
    guest = make().create("web1")
    wanted = make(net0={"bridge": "vmbr1"})
    stale = found(wanted)
    cluster.change_guest(int(guest.id), config={"net0": "name=eth0,bridge=vmbr0,hwaddr=BC:24:11:FF:FF:01,ip=dhcp"})
    wanted.update(stale, wanted.plan("web1", stale))
    now = cluster.guests[int(guest.id)]["config"]["net0"]
    assert "bridge=vmbr1" in now
    assert "hwaddr=BC:24:11:FF:FF:01" in now, "what somebody else wrote is not undone"


def test_another_guest_that_has_the_number_by_now_is_not_removed(make: Make, cluster: Cluster) -> None:
    wanted = make()
    guest = wanted.create("web1")
    wanted.stop(guest)
    before = found(wanted)
    cluster.remove_guest(int(guest.id))
    cluster.add_guest(int(guest.id), hostname="web1")
    with pytest.raises(JetpackError, match="is another one by now"):
        wanted.destroy(before)
    assert list(cluster.guests) == [int(guest.id)]


def test_what_fails_half_way_is_removed_again(make: Make, cluster: Cluster) -> None:
    volumes = cluster.volumes
    cluster.fail_task("vzstart", "startup for container failed", log=["lxc-start: no cgroup"])
    with pytest.raises(JetpackError, match="startup for container failed") as told:
        make(mp0={"mp": "/data", "size": 1}).create("web1")
    assert "no cgroup" in told.value.hint
    assert (cluster.guests, cluster.volumes) == ({}, volumes)


def test_a_container_whose_making_was_never_answered_is_found(make: Make, cluster: Cluster) -> None:
    cluster.fail_next("POST", "/nodes/*/lxc", drop="after")
    guest = make().create("web1")
    assert guest.running
    assert list(cluster.guests) == [int(guest.id)]
    assert len(cluster.calls_of("POST", "/lxc")) == 1
    cluster.fail_next("POST", "/nodes/*/lxc", drop="before")
    with pytest.raises(JetpackError, match="does not answer"):
        make().create("web2")
    assert list(cluster.guests) == [int(guest.id)]


def test_what_needs_a_restart_is_said_and_done_when_asked_for(make: Make, cluster: Cluster) -> None:
    make().create("web1")
    wanted = make(features={"nesting": True, "keyctl": True}, **by_root(cluster))
    plan = wanted.plan("web1", found(wanted))
    assert "once it is restarted" in plan.reason
    starts = len(cluster.calls_of("POST", "/status/start"))
    eager = make(features={"nesting": True, "keyctl": True}, restart_on_update=True, **by_root(cluster))
    update(eager)
    assert len(cluster.calls_of("POST", "/status/start")) == starts + 1


def test_tun_is_given_once(make: Make, cluster: Cluster) -> None:
    wanted = make(tun=True, **by_root(cluster))
    guest = wanted.create("web1")
    assert "/dev/net/tun" in cluster.guests[int(guest.id)]["config"]["dev0"]
    assert settled(wanted)


def test_what_only_root_may_is_said(make: Make, cluster: Cluster) -> None:
    with pytest.raises(JetpackError) as told:
        make(features={"nesting": True, "fuse": True}).create("web1")
    assert "root@pam" in told.value.hint
    assert cluster.guests == {}


def test_lacking_privileges_are_named_with_their_place(make: Make, altered: Cluster, cluster: Cluster) -> None:
    cluster.permit("root@pam!jetpack", "/", "VM.Audit", "Datastore.Audit", "Sys.Audit")
    cluster.change_settings(tokens={cluster.token_id: {"secret": cluster.token_secret, "acl": {"/": ["PVEAuditor"]}}})
    with pytest.raises(JetpackError, match=r"lacks the privilege VM\.Allocate on /vms/100") as told:
        make().create("web1")
    assert "pveum acl modify /vms/100 --tokens 'root@pam!jetpack'" in told.value.hint
    assert cluster.guests == {}


def test_a_failed_task_tells_the_end_of_its_log(make: Make, cluster: Cluster) -> None:
    cluster.fail_task("vzcreate", "unable to create CT 100 - tar died", log=["extracting archive", "no space left"])
    with pytest.raises(JetpackError, match="tar died") as told:
        make().create("web1")
    assert "no space left" in told.value.hint
    assert cluster.guests == {}
    cluster.fail_task("vzcreate", "WARNINGS: 1")
    make().create("web1")
    assert settled(make())


def test_remains_are_named_with_what_removes_them(make: Make, cluster: Cluster) -> None:
    cluster.fail_task("vzstart", "startup for container failed", times=-1)
    cluster.fail_task("vzdestroy", "storage is busy", times=-1)
    with pytest.raises(JetpackError, match="startup for container failed") as told:
        make().create("web1")
    assert "pct destroy 100 --purge" in told.value.hint
    cluster.clear_faults()
    assert settled(make()), "the next run finds it, and goes on"


def test_passwords_are_in_no_error(make: Make, cluster: Cluster) -> None:
    secret = "hunter2-and-more"
    cluster.fail_next("POST", "/nodes/*/lxc", status=500, message=f"bad password {secret}")
    wanted = make(password=secret)
    with pytest.raises(JetpackError) as told:
        wanted.create("web1")
    assert secret not in f"{told.value} {told.value!r} {wanted!r}"
    with pytest.raises(ValidationError) as wrong:
        make(password="abc")
    assert "at least 5" in str(wrong.value.errors(include_input=False))


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"ostemplate": None}, "needs either"),
        ({"clone": "x", "ostemplate": "y"}, "needs either"),
        ({"clone": "x", "authorized_keys": KEY}, "a clone has the keys"),
        ({"template_url": "https://example.org/t.tar.zst"}, "needs `fetch: true`"),
        ({"template_checksum": "abc"}, "begins with its algorithm"),
        ({"tags": ["two words?"]}, "cannot be a tag"),
        ({"vmid": 99}, "greater than or equal to 100"),
        ({"memory": "lots"}, "must be a size"),
    ],
)
def test_wrong_parameters_are_refused_before_anything_is_asked(make: Make, wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        make(**wrong)


def test_names_that_proxmox_does_not_take_are_told(make: Make) -> None:
    with pytest.raises(JetpackError, match="cannot be the name of a guest"):
        make().find("web_1")
    assert make(hostname="web-1").find("web_1") is None


@pytest.mark.parametrize("version", ["7.4", "8.4"])
def test_older_clusters_do_as_well(version: str, make: Make, cluster: Cluster, tmp_path: Path) -> None:
    with Cluster(**FAST, version=version) as old:
        given = {"cluster": "pve", "ostemplate": DEBIAN_TEMPLATE, "rootfs_size": "4G"}
        wanted = attached(ProxmoxContainer.model_validate(given), old, tmp_path)
        guest = wanted.create("web1")
        assert settled(wanted)
        grown = attached(ProxmoxContainer.model_validate({**given, "rootfs_size": "6G", "memory": 1024}), old, tmp_path)
        assert update(grown) == {"rootfs_size", "memory"}
        assert bool(grown.addresses(found(grown))) is (version != "7.4"), "7.4 does not tell them"
        grown.stop(guest)
        grown.destroy(found(grown))
        assert old.guests == {}
