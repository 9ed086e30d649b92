# SPDX-License-Identifier: GPL-3.0-or-later
"""What virtual machines are made with, and what becomes of them, on a cluster that checks every call."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from jetpack_provisioner_proxmox_vm.provisioner import ProxmoxMachine
from pydantic import ValidationError

from jetpack_core.contracts.provisioner import Guest, GuestAction
from jetpack_core.errors import JetpackError
from provisioners.proxmox.tests.cluster import DEBIAN_IMAGE, Cluster
from provisioners.proxmox.tests.support import FAST, KEY, attached

Make = Callable[..., ProxmoxMachine]
IMAGE = f"local:import/{DEBIAN_IMAGE}"
URL = "https://images.example.org/debian-13.img"
MIB = 1 << 20


@pytest.fixture(scope="module")
def shared() -> Iterator[Cluster]:
    with Cluster(**FAST, pools=["staging"], downloads={URL: "an image"}) as cluster:
        yield cluster


@pytest.fixture
def cluster(shared: Cluster, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Cluster:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    shared.reset()
    return shared


@pytest.fixture
def make(cluster: Cluster, tmp_path: Path) -> Make:
    def made(**more: Any) -> ProxmoxMachine:
        given = {"cluster": "pve", "agent_timeout": 0, **more}
        return attached(ProxmoxMachine.model_validate(given), cluster, tmp_path)

    return made


def found(wanted: ProxmoxMachine) -> Guest:
    guest = wanted.find("vm1")
    assert guest is not None
    return guest


def settled(wanted: ProxmoxMachine) -> bool:
    return wanted.plan("vm1", wanted.find("vm1")).action is GuestAction.NONE


def update(wanted: ProxmoxMachine) -> set[str]:
    guest = found(wanted)
    plan = wanted.plan("vm1", guest)
    assert plan.action is GuestAction.UPDATE, plan
    wanted.update(guest, plan)
    assert settled(wanted)
    return {change.field for change in plan.changes}


def test_everything_said_is_what_the_machine_has(cluster: Cluster, make: Make) -> None:
    wanted = make(
        image=IMAGE,
        node="pve1",
        pool="staging",
        tags=["db"],
        cores=2,
        sockets=2,
        cpu="host",
        memory="4G",
        balloon=1024,
        numa=True,
        machine="q35",
        rootfs_size="20G",
        disk_options={"discard": "on", "ssd": True, "iothread": True},
        disks={"scsi1": {"size": "100G", "backup": False}, "virtio0": {"size": 1, "storage": "shared"}},
        net0={"bridge": "vmbr0", "tag": 20, "ip": "10.0.0.6/24", "gw": "10.0.0.1"},
        net1="virtio,bridge=vmbr0,ip=dhcp",
        nameserver="10.0.0.1",
        searchdomain="example.org",
        ssh_user="admin",
        password="correct horse",
        authorized_keys=[KEY],
        onboot=True,
        startup={"order": 1},
        iso="local:iso/tools.iso",
        config={"tablet": False, "rng0": "source=/dev/urandom"},
    )
    cluster.add_volume("*", "local:iso/tools.iso", MIB)
    guest = wanted.create("vm1")
    (known,) = cluster.guests.values()
    config = known["config"]
    assert (known["node"], known["pool"], known["running"]) == ("pve1", "staging", True)
    assert (config["cores"], config["sockets"], config["cpu"]) == ("2", "2", "host")
    assert "size=20G" in config["scsi0"]
    assert "discard=on" in config["scsi0"]
    assert "size=100G" in config["scsi1"]
    assert config["virtio0"].startswith("shared:")
    assert config["ipconfig0"] == "ip=10.0.0.6/24,gw=10.0.0.1"
    assert config["ipconfig1"] == "ip=dhcp"
    assert "ip=" not in config["net0"] + config["net1"]
    assert unquote(config["sshkeys"]).strip() == KEY
    assert config["boot"] == "order=scsi0;ide3;net0"
    assert (config["serial0"], config["vga"], config["ostype"]) == ("socket", "serial0", "l26")
    assert "cloudinit" in config["ide2"]
    assert config["ciupgrade"] == "0"
    assert settled(wanted)
    assert wanted.addresses(guest) == ("10.0.0.6",)


@pytest.mark.parametrize(
    ("before", "after", "fields"),
    [
        ({}, {"net0": {"bridge": "vmbr1"}}, {"net0"}),
        ({"net0": {}, "net1": {}}, {"net0": {}}, {"net1"}),
        ({}, {"ip": "10.0.0.9/24", "gateway": "10.0.0.1"}, {"net0"}),
        ({}, {"memory": 4096, "cores": 4}, {"memory", "cores"}),
        ({"rootfs_size": "4G"}, {"rootfs_size": "6G"}, {"rootfs_size"}),
        ({}, {"disks": {"scsi1": {"size": 4}}}, {"disks"}),
        ({"disks": {"scsi1": {"size": 4}}}, {"disks": {"scsi1": {"size": 5, "ssd": True}}}, {"disks"}),
        ({}, {"disk_options": {"discard": "on"}}, {"disk_options"}),
        ({"ssh_user": "a"}, {"ssh_user": "b"}, {"ssh_user"}),
        ({}, {"authorized_keys": [KEY]}, {"authorized_keys"}),
        ({}, {"password": "correct horse"}, {"password"}),
        ({}, {"cloud_init": {"upgrade": True}}, {"cloud_init"}),
        ({}, {"onboot": True, "description": "hers"}, {"onboot", "description"}),
        ({}, {"agent": False}, {"agent"}),
    ],
)
def test_what_proxmox_can_change_is_changed(
    make: Make, cluster: Cluster, before: dict[str, Any], after: dict[str, Any], fields: set[str]
) -> None:
    guest = make(image=IMAGE, **before).create("vm1")
    mac = cluster.guests[int(guest.id)]["config"]["net0"].partition("=")[2][:17]
    assert update(make(image=IMAGE, **after)) == fields
    assert mac in cluster.guests[int(guest.id)]["config"]["net0"], "the hardware address is kept"


def test_a_secret_is_not_shown_in_a_plan(make: Make) -> None:
    make(image=IMAGE).create("vm1")
    wanted = make(image=IMAGE, password="hunter2-and-more")
    assert "hunter2" not in repr(wanted.plan("vm1", found(wanted)))
    assert "hunter2" not in repr(wanted.plan("vm1", None))


def test_what_needs_a_restart_is_said(make: Make, cluster: Cluster) -> None:
    make(image=IMAGE).create("vm1")
    wanted = make(image=IMAGE, memory=4096)
    assert "memory take effect once it is restarted" in wanted.plan("vm1", found(wanted)).reason
    update(make(image=IMAGE, memory=4096, restart_on_update=True))
    guest = next(iter(cluster.guests.values()))
    assert (guest["pending"], guest["running"]) == ({}, True)


@pytest.mark.parametrize(
    ("before", "after", "why"),
    [
        ({"rootfs_size": "8G"}, {"rootfs_size": "4G"}, "cannot be made smaller"),
        ({}, {"image": "local:import/other.qcow2"}, "image is fixed"),
        ({}, {"storage": "shared"}, "moves no data"),
    ],
)
def test_what_only_a_new_one_can_have_is_reported(
    make: Make, before: dict[str, Any], after: dict[str, Any], why: str
) -> None:
    make(**{"image": IMAGE, **before}).create("vm1")
    wanted = make(**{"image": IMAGE, **after})
    plan = wanted.plan("vm1", found(wanted))
    assert plan.action is GuestAction.DRIFT
    assert why in plan.reason


def test_images_are_fetched_once(make: Make, cluster: Cluster) -> None:
    def create(host: str) -> str:
        return make(image=URL, node="pve1").create(host).id

    with ThreadPoolExecutor(3) as pool:
        assert len(set(pool.map(create, ["vm1", "vm2", "vm3"]))) == 3
    (call,) = cluster.calls_of("POST", "/download-url")
    assert call.parameters["filename"].endswith(".qcow2")
    assert settled(make(image=URL, node="pve1"))


@pytest.mark.parametrize("full", [True, False])
def test_clones_have_what_is_said_of_them(make: Make, cluster: Cluster, full: bool) -> None:
    cluster.add_guest(900, kind="qemu", name="golden", template="1", net0="virtio=BC:24:11:00:00:99,bridge=vmbr0")
    wanted = make(clone="golden", full=full, memory=4096, rootfs_size="10G", authorized_keys=[KEY], ssh_user="admin")
    guest = wanted.create("vm1")
    config = cluster.guests[int(guest.id)]["config"]
    assert (config["memory"], config["name"], config["ciuser"]) == ("4096", "vm1", "admin")
    assert "size=10G" in config["scsi0"]
    assert "BC:24:11:00:00:99" not in config["net0"]
    assert cluster.calls_of("POST", "/qemu/900/clone")[-1].parameters["full"] == str(int(full))
    order = [call.path.rpartition("/")[2] for call in cluster.calls if call.method != "GET"][-4:]
    assert order == ["clone", "config", "resize", "start"]
    assert settled(wanted)
    with pytest.raises(JetpackError, match="has no disk virtio0"):
        make(clone="golden", boot_disk="virtio0", rootfs_size="20G").create("vm2")
    assert sorted(cluster.guests) == [int(guest.id), 900]


def test_a_clone_does_not_keep_the_password_of_its_template(make: Make, cluster: Cluster) -> None:
    cluster.add_guest(900, kind="qemu", name="golden", template="1", cipassword="of the template")
    make(clone="golden", password="of the clone").create("vm1")
    written = [call.parameters for call in cluster.calls_of("PUT", "/config")]
    assert any("cipassword" in call for call in written)
    assert settled(make(clone="golden", password="of the clone"))


def test_a_disk_that_config_says_is_made_once(make: Make, cluster: Cluster) -> None:
    efi = {"bios": "ovmf", "config": {"efidisk0": "local-lvm:1,efitype=4m", "tpmstate0": "local-lvm:1,version=v2.0"}}
    guest = make(image=IMAGE, **efi).create("vm1")
    before = cluster.guests[int(guest.id)]["config"]
    assert settled(make(image=IMAGE, **efi))
    make(image=IMAGE, memory=4096, description="cloudinit", **efi).update(
        found(make()), make(image=IMAGE, memory=4096, **efi).plan("vm1", found(make()))
    )
    after = cluster.guests[int(guest.id)]["config"]
    assert (after["efidisk0"], after["tpmstate0"]) == (before["efidisk0"], before["tpmstate0"])


def test_an_empty_machine_boots_from_its_medium(make: Make, cluster: Cluster) -> None:
    cluster.add_volume("*", "local:iso/debian.iso", MIB)
    wanted = make(iso="local:iso/debian.iso", start_on_create=False)
    guest = wanted.create("vm1")
    known = cluster.guests[int(guest.id)]
    assert not known["running"]
    assert "cloudinit" not in str(known["config"])
    assert "size=8G" in known["config"]["scsi0"]
    assert settled(wanted)


def test_the_agent_tells_the_address(make: Make, cluster: Cluster) -> None:
    wanted = make(image=IMAGE)
    guest = wanted.create("vm1")
    cluster.change_guest(int(guest.id), agent_works=False)
    assert wanted.addresses(guest) == ()
    cluster.change_guest(int(guest.id), agent_works=True)
    assert len(wanted.addresses(guest)) == 1


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"image": IMAGE, "clone": "x"}, "either of an `image` or as a `clone`"),
        ({"checksum": "abc"}, "begins with its algorithm"),
        ({"boot_disk": "sda"}, "is no disk"),
        ({"disks": {"sdb": {"size": 1}}}, "is no disk"),
        ({"disks": {"scsi0": {"size": 1}}}, "is the first disk"),
        ({"cloud_init": False, "password": "secret"}, "through `cloud_init` only"),
    ],
)
def test_wrong_parameters_are_refused_before_anything_is_asked(make: Make, wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        make(**wrong)


@pytest.mark.parametrize("version", ["7.4", "8.4"])
def test_older_clusters_do_as_well(version: str, make: Make, tmp_path: Path) -> None:
    with Cluster(**FAST, version=version) as old:
        old.add_guest(900, kind="qemu", name="golden", template="1", net0="virtio=BC:24:11:00:00:99,bridge=vmbr0")
        given = {"cluster": "pve", "clone": "golden", "rootfs_size": "10G", "agent_timeout": 0}
        wanted = attached(ProxmoxMachine.model_validate(given), old, tmp_path)
        guest = wanted.create("vm1")
        assert settled(wanted)
        grown = attached(ProxmoxMachine.model_validate({**given, "rootfs_size": "12G", "memory": 4096}), old, tmp_path)
        assert update(grown) == {"rootfs_size", "memory"}
        assert len(grown.addresses(found(grown))) == 1
        grown.stop(guest)
        grown.destroy(found(grown))
        assert list(old.guests) == [900]
