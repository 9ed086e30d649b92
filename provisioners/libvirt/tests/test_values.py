# SPDX-License-Identifier: GPL-3.0-or-later
"""Parameters of virtual machines: what is taken, in which form, and what is refused with which words."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("jetpack_provisioner_libvirt", reason="libvirt-python cannot be compiled here: no libvirt headers")

from hypothesis import given
from hypothesis import strategies as st
from jetpack_provisioner_libvirt.provisioner import VirtualMachine
from jetpack_provisioner_libvirt.values import MIB, parse_disk_size, parse_mac, parse_memory, shown_size


def machine(**given: object) -> VirtualMachine:
    return VirtualMachine.model_validate({"base_image": "debian.qcow2", **given})


@given(st.integers(1, 1 << 24))
def test_what_is_shown_of_a_size_is_read_as_the_same_size(mebibytes: int) -> None:
    size = mebibytes * MIB
    assert parse_disk_size(shown_size(size)) == size
    assert parse_memory(mebibytes) == size


@pytest.mark.parametrize(
    ("text", "mebibytes"),
    [("1g", 1024), ("1.5G", 1536), ("512MiB", 512), ("2048k", 2), ("1t", 1 << 20), ("2 gb", 2048)],
)
def test_sizes_are_written_in_many_ways(text: str, mebibytes: int) -> None:
    assert parse_disk_size(text) == mebibytes * MIB


def test_addresses_of_cards_are_those_of_one_card() -> None:
    assert parse_mac("52:54:00:AA:bb:01") == "52:54:00:aa:bb:01"
    for wrong in ("01:00:5e:00:00:01", "52-54-00-aa-bb-01", "52:54:00"):
        with pytest.raises(ValueError, match="one network card"):
            parse_mac(wrong)


def test_words_stand_for_maps() -> None:
    nic = machine(networks=["lab"]).networks[0]
    assert (nic.network, nic.bridge, nic.model) == ("lab", None, "virtio")
    assert machine(memory=512).memory == 512 * MIB
    assert machine(ip="192.0.2.7/24").ip == "192.0.2.7/24"


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"base_image": None}, "needs `base_image`, `disk_size`"),
        ({"base_image": "https://example.com/x"}, "needs `checksum`"),
        ({"base_image": "ftp://example.com/x", "checksum": "sha256:" + "0" * 64}, "must begin with http"),
        ({"checksum": "sha256:" + "0" * 64}, "with a URL only"),
        ({"base_image": "https://example.com/x", "checksum": "sha512:" + "0" * 64}, "digits of the checksum"),
        ({"base_image": "https://example.com/x", "checksum": "md5:" + "0" * 32}, "`sha256:` or `sha512:`"),
        ({"disk_size": 10}, "with its unit"),
        ({"disk_size": "10"}, "with its unit"),
        ({"disk_size": "0g"}, "whole number of MiB"),
        ({"memory": True}, "size with its unit"),
        ({"memory": "2g", "memory_max": "1g"}, "must not be less"),
        ({"vcpus": 4, "vcpus_max": 2}, "must not be less"),
        ({"vcpus": 0}, "greater than 0"),
        ({"networks": [{"model": "virtio"}]}, "either `network` or `bridge`"),
        ({"networks": [{"network": "a", "bridge": "b"}]}, "either `network` or `bridge`"),
        ({"extra_disks": [{"name": "a"}]}, "either `size`"),
        ({"extra_disks": [{"name": "a b", "size": "1g"}]}, "at most 20 letters"),
        ({"extra_disks": [{"name": "a", "size": "1g"}, {"name": "a", "size": "1g"}]}, "name of its own"),
        ({"ip": "192.0.2.7"}, "prefix length"),
        ({"gateway": "router"}, "does not appear to be an IPv4 or IPv6 address"),
        ({"name": "a/b"}, "may have letters"),
        ({"memroy": 1}, "memroy"),
    ],
)
def test_wrong_values_are_told(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        machine(**wrong)
