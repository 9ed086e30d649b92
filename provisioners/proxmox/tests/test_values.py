# SPDX-License-Identifier: GPL-3.0-or-later
"""Property strings, sizes, tags, marks and comparison: what is written means what was read."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from jetpack_provisioner_proxmox.addresses import configured_addresses, usable_addresses
from jetpack_provisioner_proxmox.cluster import newest
from jetpack_provisioner_proxmox.comparison import Setting, differs, parameters, property_text
from jetpack_provisioner_proxmox.disks import Disk, compare_disks
from jetpack_provisioner_proxmox.kinds import LXC, QEMU
from jetpack_provisioner_proxmox.marks import Mark, marked, own_text, read_mark
from jetpack_provisioner_proxmox.properties import BARE, keyed, parse, written
from jetpack_provisioner_proxmox.values import (
    decoded_keys,
    encoded_keys,
    gib,
    parse_bytes,
    public_keys,
    size_text,
    tags_of,
)

from jetpack_core.errors import JetpackError

GIB = 1 << 30
WORDS = st.text("abcdefghijklmnopqrstuvwxyz0123456789_./:-", min_size=1, max_size=12)
KEYS = st.text("abcdefghijklmnopqrstuvwxyz", min_size=1, max_size=8)


@given(st.dictionaries(KEYS, WORDS, max_size=6), WORDS)
def test_property_strings_are_read_as_they_were_written(properties: dict[str, str], first: str) -> None:
    assume("model" not in properties)
    assert parse(written(properties)) == properties
    whole = {"volume": first, **properties}
    assert parse(written(whole, "volume"), "volume") == whole


@given(st.sampled_from(["virtio", "e1000"]), st.dictionaries(st.sampled_from(["bridge", "tag"]), WORDS, max_size=2))
def test_a_network_card_keeps_its_address_with_its_model(model: str, others: dict[str, str]) -> None:
    mac = "BC:24:11:00:00:01"
    text = property_text(QEMU, "net0", {"model": model, "macaddr": mac, **others})
    assert text.startswith(f"{model}={mac}")
    assert parse(text, "model") == {"model": model, "macaddr": mac, **others}


@pytest.mark.parametrize(
    ("given", "key", "meant"),
    [
        ({BARE: "virtio", "bridge": "vmbr0"}, "model", {"model": "virtio", "bridge": "vmbr0"}),
        ({BARE: "local-lvm:8", "mp": "/data"}, "volume", {"volume": "local-lvm:8", "mp": "/data"}),
        ({"virtio": "BC:24:11:00:00:01"}, "model", {"model": "virtio", "macaddr": "BC:24:11:00:00:01"}),
    ],
)
def test_a_value_without_a_key_gets_the_default_one(given: dict[str, str], key: str, meant: dict[str, str]) -> None:
    assert keyed(given, key) == meant


@pytest.mark.parametrize("text", ["a=1,a=2", "a=1,b", "b"])
def test_what_is_no_property_string_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"said twice|needs a key"):
        parse(text)


@given(st.integers(1, 1 << 20).map(lambda number: number << 20))
def test_sizes_are_read_as_they_were_written(size: int) -> None:
    assert parse_bytes(size_text(size), 1) == size
    assert abs(float(gib(size)) * GIB - size) < 2048


@pytest.mark.parametrize(("text", "size"), [(8, 8 * GIB), ("8G", 8 * GIB), ("512M", GIB // 2), ("1.5G", 3 * GIB // 2)])
def test_a_number_alone_is_gib(text: object, size: int) -> None:
    assert parse_bytes(text, GIB) == size


@pytest.mark.parametrize("text", ["", "G", "-1G", "1X", True])
def test_what_is_no_size_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match="must be a size"):
        parse_bytes(text, GIB)


@given(st.lists(st.sampled_from(["Web", "web", "prod", "a.b", "x-1"])))
def test_tags_have_one_form_however_they_are_written(tags: list[str]) -> None:
    forms = {tags_of(tags), tags_of(";".join(tags)), tags_of(", ".join(reversed(tags))), tags_of(tags * 2)}
    assert len(forms) == 1


@pytest.mark.parametrize("tag", ["two words?", "-x", "ä"])
def test_what_proxmox_takes_for_no_tag_is_refused(tag: str) -> None:
    with pytest.raises(ValueError, match="cannot be a tag"):
        tags_of([tag])


@given(st.text(st.characters(blacklist_categories=("Cs", "Cc"), blacklist_characters="\u2028\u2029\x85")))
def test_a_mark_is_read_from_below_any_text(text: str) -> None:
    assume("jetpack" not in text)
    mark = Mark("web1", 101, made_of={"ostemplate": "debian-12"})
    assert read_mark(marked(text, mark) + "\n") == mark
    assert own_text(marked(text, mark)) == text.strip()
    assert read_mark(text) is None


def test_keys_of_machines_are_encoded_so_that_nothing_is_taken_for_a_space() -> None:
    keys = ("ssh-ed25519 AAAAC3+/== me@here", "ssh-rsa AAAAB3 other one")
    assert "+" not in encoded_keys(keys)
    assert " " not in encoded_keys(keys)
    assert decoded_keys(encoded_keys(keys)) == keys


def test_what_is_no_public_key_is_refused(tmp_path: object) -> None:
    with pytest.raises(JetpackError, match="no public key"):
        public_keys(("-----BEGIN OPENSSH PRIVATE KEY-----",))
    with pytest.raises(JetpackError, match="cannot be read"):
        public_keys((f"{tmp_path}/none.pub",))


@pytest.mark.parametrize(
    ("key", "wanted", "live"),
    [
        ("net0", "name=eth0,bridge=vmbr0,ip=dhcp", "bridge=vmbr0,hwaddr=BC:24:11:AA:00:01,ip=dhcp,name=eth0,type=veth"),
        ("net0", "name=eth0,bridge=vmbr0,firewall=0", "name=eth0,bridge=vmbr0,type=veth"),
        ("tags", "Web;prod", "prod;web"),
        ("description", "text", "text\n"),
        ("nameserver", "1.1.1.1 9.9.9.9", "1.1.1.1,9.9.9.9"),
        ("features", "nesting=1", "nesting=1"),
        ("features", "keyctl=1,nesting=1", "nesting=1,keyctl=yes"),
        ("cpulimit", "2", "2.0"),
        ("startup", "order=1,up=30", "1,up=30"),
    ],
)
def test_what_only_looks_different_is_no_difference(key: str, wanted: str, live: str) -> None:
    assert not differs(LXC, Setting(key, key, wanted), {key: live})


@pytest.mark.parametrize(
    ("key", "wanted", "live"),
    [
        ("net0", "name=eth0,bridge=vmbr0,ip=dhcp", "name=eth0,bridge=vmbr1,ip=dhcp"),
        ("net0", "name=eth0,bridge=vmbr0", "name=eth0,bridge=vmbr0,firewall=1"),
        ("net0", "name=eth0,bridge=vmbr0", "name=eth0,bridge=vmbr0,tag=20"),
        ("net0", "name=eth0,hwaddr=BC:24:11:AA:00:02", "name=eth0,hwaddr=BC:24:11:AA:00:01"),
        ("tags", "web", "prod;web"),
        ("memory", "512", "513"),
        ("onboot", "1", None),
    ],
)
def test_what_differs_is_seen(key: str, wanted: str, live: str | None) -> None:
    assert differs(LXC, Setting(key, key, wanted), {} if live is None else {key: live})


def test_a_changed_interface_keeps_its_hardware_address() -> None:
    setting = Setting("net0", "net0", "name=eth0,bridge=vmbr1")
    live = {"net0": "name=eth0,bridge=vmbr0,hwaddr=BC:24:11:AA:00:01,type=veth"}
    assert "hwaddr=BC:24:11:AA:00:01" in str(parameters(LXC, [setting], live)["net0"])


@pytest.mark.parametrize(("live", "grown", "impossible"), [("4G", {"rootfs": "8G"}, 0), ("8G", {}, 0), ("16G", {}, 1)])
def test_disks_grow_and_never_shrink(live: str, grown: dict[str, str], impossible: int) -> None:
    disk = Disk("rootfs", "rootfs_size", size=8 * GIB, storage="local-lvm")
    found = compare_disks(LXC, (disk,), {"rootfs": f"local-lvm:vm-101-disk-0,size={live}"})
    assert (found.grown, len(found.impossible)) == (grown, impossible)
    assert ("cannot be made smaller" in found.reason) is bool(impossible)


def test_addresses_lead_to_the_guests_own_interfaces() -> None:
    interfaces = [
        {"name": "lo", "hardware-address": "00:00:00:00:00:00", "ip-addresses": [{"ip-address": "127.0.0.1"}]},
        {"name": "docker0", "hardware-address": "02:42:00:00:00:01", "ip-addresses": [{"ip-address": "172.17.0.1"}]},
        {"name": "eth1", "hardware-address": "bc:24:11:00:00:02", "ip-addresses": [{"ip-address": "10.0.1.5"}]},
        {
            "name": "eth0",
            "hardware-address": "bc:24:11:00:00:01",
            "ip-addresses": [{"ip-address": "fe80::1"}, {"ip-address": "2001:db8::5"}, {"ip-address": "10.0.0.5"}],
        },
    ]
    macs = ("BC:24:11:00:00:01", "BC:24:11:00:00:02")
    assert usable_addresses(interfaces, macs) == ("10.0.0.5", "10.0.1.5", "2001:db8::5")
    assert usable_addresses([{"name": "eth0", "hwaddr": "x", "inet": "10.0.0.7/24"}], ()) == ("10.0.0.7",)


def test_addresses_that_are_given_need_not_be_asked_for() -> None:
    assert configured_addresses(LXC, {"net0": "name=eth0,ip=10.0.0.5/24,ip6=2001:db8::5/64"}) == (
        "10.0.0.5",
        "2001:db8::5",
    )
    assert configured_addresses(LXC, {"net0": "name=eth0,ip=dhcp"}) == ()
    assert configured_addresses(QEMU, {"net0": "virtio", "ipconfig0": "ip=10.0.0.6/24"}) == ("10.0.0.6",)


def test_the_newest_template_is_not_the_last_by_alphabet() -> None:
    old, new = "debian-12-standard_12.7-1_amd64.tar.zst", "debian-12-standard_12.12-1_amd64.tar.zst"
    names = [new, old, "debian-120-standard_1-1.tar.zst", "debian-12-turnkey-wordpress_18.2-1_amd64.tar.gz"]
    assert newest(names, "debian-12") == new
    assert newest(names, "debian-12-standard") == new
    assert newest(names, old) == old
    assert newest(names, "debian-13") is None
    assert newest(names, "debian-12-turnkey-wordpress") == names[-1]
    assert newest(["alpine-3.9-default_2.tar.xz", "alpine-3.20-default_1.tar.xz"], "alpine-3") == (
        "alpine-3.20-default_1.tar.xz"
    )
