# SPDX-License-Identifier: GPL-3.0-or-later
"""Sizes, durations, ports and volumes as they are written, and what they mean."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jetpack_provisioner_docker.values import (
    parse_duration,
    parse_port,
    parse_size,
    parse_volume,
    port_bindings,
)


@pytest.mark.parametrize(
    ("text", "size"),
    [("512m", 512 << 20), ("2G", 2 << 30), ("1.5g", 3 << 29), ("64MiB", 64 << 20), ("10", 10), (7, 7), ("1 kb", 1024)],
)
def test_sizes_are_bytes(text: object, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "m", "-1m", "1x", "1m2", True, None])
def test_what_is_no_size_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match="must be a size"):
        parse_size(text)


@pytest.mark.parametrize(("text", "seconds"), [("30s", 30), ("2m", 120), ("500ms", 0.5), (5, 5), ("1h", 3600)])
def test_durations_are_seconds(text: object, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    ("port", "binding"),
    [
        ("8080:80", {"80/tcp": [("", "8080")]}),
        ("127.0.0.1:5353:53/udp", {"53/udp": [("127.0.0.1", "5353")]}),
        ("[::1]:8080:80", {"80/tcp": [("::1", "8080")]}),
        (80, {"80/tcp": [("", None)]}),
        ("127.0.0.1::80", {"80/tcp": [("127.0.0.1", None)]}),
    ],
)
def test_ports_are_published_where_they_say(port: object, binding: object) -> None:
    assert port_bindings((parse_port(port),)) == binding


@given(published=st.integers(1, 65535), inside=st.integers(1, 65535), kind=st.sampled_from(["tcp", "udp", "sctp"]))
def test_one_form_of_a_port_means_itself(published: int, inside: int, kind: str) -> None:
    once = parse_port(f"{published}:{inside}/{kind}")
    assert parse_port(once) == once
    assert port_bindings((once,)) == {f"{inside}/{kind}": [("", str(published))]}


@pytest.mark.parametrize("port", ["0", "65536", "80:", "80:70000", "a:80", "80/icmp", "1:2:3:4", "", True])
def test_what_is_no_port_is_refused(port: object) -> None:
    with pytest.raises(ValueError, match="must be a port"):
        parse_port(port)


@pytest.mark.parametrize("volume", ["data:/data", "/srv/data:/data:ro", "/data"])
def test_volumes_are_kept_as_they_are(volume: str) -> None:
    assert parse_volume(volume) == volume


@pytest.mark.parametrize("volume", ["./data:/data", "data:data", "~/x:/data", "a:/b:ro:z", "data", ""])
def test_volumes_that_docker_would_misread_are_refused(volume: str) -> None:
    with pytest.raises(ValueError, match="must be NAME"):
        parse_volume(volume)
