# SPDX-License-Identifier: GPL-3.0-or-later
"""What cloud-init is told: the files, and the disk that holds them."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("jetpack_provisioner_libvirt", reason="libvirt-python cannot be compiled here: no libvirt headers")

import paramiko
import pycdlib
import yaml
from jetpack_provisioner_libvirt.provisioner import VirtualMachine
from jetpack_provisioner_libvirt.seed import Seed, iso_of, new_host_key, read_keys, static_address

from jetpack_core.errors import JetpackError

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAJ ann@laptop"
MAC = "52:54:00:00:00:01"


def seed_of(**given: object) -> tuple[VirtualMachine, Seed]:
    wanted = VirtualMachine.model_validate({"disk_size": "1g", **given})
    return wanted, Seed(wanted, wanted.hostname or "web1.example.com")


def files_of(**given: object) -> dict[str, Any]:
    """Return the files as cloud-init reads them."""
    _, seed = seed_of(**given)
    files = seed.files("instance", [MAC] * len(given.get("networks", ["default"])), None)  # type: ignore[arg-type]
    assert files["user-data"].startswith("#cloud-config\n")
    return {name: yaml.safe_load(text) for name, text in files.items()}


def test_the_user_may_log_in_and_become_root() -> None:
    data = files_of(ssh_user="ops", authorized_keys=[KEY])["user-data"]
    assert data["users"] == [
        {
            "name": "ops",
            "lock_passwd": True,
            "ssh_authorized_keys": [KEY],
            "shell": "/bin/bash",
            "sudo": "ALL=(ALL) NOPASSWD:ALL",
        }
    ]
    assert (data["hostname"], data["fqdn"]) == ("web1", "web1.example.com")


def test_root_and_the_images_own_user_may_log_in_as_well() -> None:
    root = files_of(ssh_user="root", authorized_keys=[KEY])["user-data"]
    assert root["disable_root"] is False
    assert root["users"][0]["ssh_authorized_keys"] == [KEY]
    assert files_of(authorized_keys=[KEY])["user-data"]["ssh_authorized_keys"] == [KEY]


def test_what_the_user_says_is_added_and_beats_the_rest() -> None:
    given = {"user_data": {"hostname": "mine", "packages": ["nginx"]}, "meta_data": {"instance-id": "mine"}}
    files = files_of(cloud_init=given, ssh_user="ops")
    assert (files["user-data"]["hostname"], files["user-data"]["packages"]) == ("mine", ["nginx"])
    assert "users" in files["user-data"]
    assert files["meta-data"] == {"instance-id": "mine", "local-hostname": "web1.example.com"}


def test_a_text_takes_the_place_of_user_data() -> None:
    _, seed = seed_of(cloud_init={"user_data": "#!/bin/sh\ntrue\n"})
    assert seed.files("instance", [MAC], None)["user-data"] == "#!/bin/sh\ntrue\n"
    assert not seed.takes_host_keys


def test_cards_are_told_apart_by_their_addresses() -> None:
    networks = ["default", {"bridge": "br1", "ip": "2001:db8::5/64", "gateway": "2001:db8::1"}]
    config = files_of(networks=networks, ip="192.0.2.5/24", gateway="192.0.2.1", nameservers=["192.0.2.53"])
    assert config["network-config"] == {
        "version": 2,
        "ethernets": {
            "eth0": {
                "match": {"macaddress": MAC},
                "set-name": "eth0",
                "dhcp4": False,
                "addresses": ["192.0.2.5/24"],
                "routes": [{"to": "0.0.0.0/0", "via": "192.0.2.1"}],
                "nameservers": {"addresses": ["192.0.2.53"]},
            },
            "eth1": {
                "match": {"macaddress": MAC},
                "set-name": "eth1",
                "dhcp4": False,
                "addresses": ["2001:db8::5/64"],
                "routes": [{"to": "::/0", "via": "2001:db8::1"}],
            },
        },
    }


def test_a_fixed_address_is_known_before_anybody_asks() -> None:
    assert static_address(seed_of(ip="192.0.2.5/24")[0]) == "192.0.2.5"
    assert static_address(seed_of(networks=[{"bridge": "br0", "ip": "192.0.2.6/24"}])[0]) == "192.0.2.6"
    assert static_address(seed_of(ip="dhcp")[0]) is None


def test_the_host_key_is_one_that_ssh_understands() -> None:
    key = new_host_key()
    loaded = paramiko.Ed25519Key.from_private_key(io.StringIO(key.private))
    assert key.public == f"{loaded.get_name()} {loaded.get_base64()}"
    _, seed = seed_of()
    told = yaml.safe_load(seed.files("instance", [MAC], key)["user-data"])["ssh_keys"]
    assert told == {"ed25519_private": key.private, "ed25519_public": key.public}


def test_keys_are_read_from_files(tmp_path: Path) -> None:
    file = tmp_path / "id.pub"
    file.write_text(f"# mine\n{KEY}\n\n{KEY}2\n")
    assert read_keys([str(file), KEY]) == (KEY, f"{KEY}2", KEY)
    file.write_text("-----BEGIN OPENSSH PRIVATE KEY-----\n")
    with pytest.raises(JetpackError, match="not a public key"):
        read_keys([str(file)])


def test_what_is_written_down_of_secrets_tells_nothing() -> None:
    _, seed = seed_of(cloud_init={"user_data": {"password": "swordfish"}})
    assert "swordfish" not in str(seed.fixed())
    assert (
        seed.fixed()["cloud_init.user_data"]
        != seed_of(cloud_init={"user_data": "x"})[1].fixed()["cloud_init.user_data"]
    )


def test_the_disk_has_the_label_and_the_files_that_cloud_init_looks_for() -> None:
    _, seed = seed_of(ssh_user="ops")
    files = seed.files("instance", [MAC], None)
    disk = pycdlib.PyCdlib()
    disk.open_fp(io.BytesIO(iso_of(files)))
    assert disk.pvd.volume_identifier.strip() == b"cidata"
    for name, text in files.items():
        read = io.BytesIO()
        disk.get_file_from_iso_fp(read, rr_path=f"/{name}")
        assert read.getvalue().decode() == text
