# SPDX-License-Identifier: GPL-3.0-or-later
"""Property strings and sizes of the test cluster: what is written is read again, and nothing is read twice."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provisioners.proxmox.tests.cluster.calls import read_calls
from provisioners.proxmox.tests.cluster.parameters import (
    Parameter,
    check_property_string,
    find_parameter,
    parse_pairs,
    print_pairs,
)
from provisioners.proxmox.tests.cluster.properties import PropertyStringError
from provisioners.proxmox.tests.cluster.sizes import format_size, parse_size

WORDS = st.text("abcXYZ019-_./:", min_size=1, max_size=12)


def keys_of(kind: str, name: str) -> Mapping[str, Parameter]:
    parameter = find_parameter(read_calls()[f"POST /nodes/{{node}}/{kind}"].parameters, name)
    assert parameter is not None
    assert parameter.keys is not None
    return parameter.keys


@settings(deadline=None)
@given(volume=WORDS, pairs=st.dictionaries(st.sampled_from(["mp", "mountoptions", "size"]), WORDS), data=st.data())
def test_the_stored_form_does_not_depend_on_the_order_given(
    volume: str, pairs: dict[str, str], data: st.DataObject
) -> None:
    keys = keys_of("lxc", "mp0")
    parts = data.draw(st.permutations([volume, *(f"{key}={value}" for key, value in pairs.items())]))
    read = parse_pairs(keys, ",".join(parts))
    assert read == {"volume": volume, **pairs}
    stored = print_pairs(keys, read)
    assert parse_pairs(keys, stored) == read
    assert stored.startswith(volume)
    assert print_pairs(keys, dict(reversed(read.items()))) == stored


@pytest.mark.parametrize(
    ("kind", "name", "given_text", "stored"),
    [
        ("qemu", "net0", "bridge=vmbr0,virtio", "virtio,bridge=vmbr0"),
        ("qemu", "net0", "tag=5,virtio=02:00:00:00:00:01", "virtio=02:00:00:00:00:01,tag=5"),
        ("qemu", "net0", "model=e1000,macaddr=02:00:00:00:00:01", "e1000=02:00:00:00:00:01"),
        ("qemu", "scsi0", "ssd=yes,volume=local:1/a.raw,size=1G", "local:1/a.raw,size=1G,ssd=1"),
        ("qemu", "agent", "true,fstrim_cloned_disks=off", "1,fstrim_cloned_disks=0"),
        ("lxc", "features", "nesting=on,keyctl=no", "keyctl=0,nesting=1"),
    ],
)
def test_property_strings_are_stored_in_their_normal_form(kind: str, name: str, given_text: str, stored: str) -> None:
    keys = keys_of(kind, name)
    assert print_pairs(keys, check_property_string(keys, name, given_text)) == stored


@pytest.mark.parametrize(
    ("given_text", "said"),
    [
        ("virtio,e1000", "duplicate key in comma-separated list property: model"),
        ("virtio=02:00:00:00:00:01,macaddr=02:00:00:00:00:02", "duplicate key .* macaddr"),
        ("virtio,color=red", "invalid key in comma-separated list property: color"),
        ("bridge=vmbr0", "net0.model: property is missing and it is not optional"),
        ("virtio,tag=5000", "net0.tag: value must have a maximum value of 4094"),
    ],
)
def test_wrong_property_strings_are_refused(given_text: str, said: str) -> None:
    with pytest.raises(PropertyStringError, match=said):
        check_property_string(keys_of("qemu", "net0"), "net0", given_text)


@given(size=st.integers(1, 1 << 45))
def test_sizes_are_read_as_they_were_written(size: int) -> None:
    assert parse_size(format_size(size)) == size


@pytest.mark.parametrize(("size", "text"), [(8 << 30, "8G"), (8704 << 20, "8704M"), (528 << 10, "528K"), (1, "1")])
def test_sizes_are_written_in_the_largest_whole_unit(size: int, text: str) -> None:
    assert format_size(size) == text
