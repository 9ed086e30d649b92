# SPDX-License-Identifier: GPL-3.0-or-later
"""A value knows its place, and a moved one is noticed."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jetpack_core.errors import SecretError
from jetpack_core.secrets.binding import MovedError, Place, UnboundError, key_path, open_value, place_of, seal

PARTS = st.lists(st.text(max_size=6) | st.integers(0, 3), max_size=5)


@given(st.text(), st.text(max_size=20), PARTS)
def test_a_value_opens_at_its_place_as_it_was(value: str, file: str, parts: list[str | int]) -> None:
    place = Place(file, key_path(parts))
    assert open_value(seal(value, place), place, require_binding=True) == value


@pytest.mark.parametrize("other", [Place("a.yml", "other"), Place("b.yml", "key")])
def test_a_moved_value_is_noticed_and_the_error_says_how_to_accept_it(other: Place) -> None:
    with pytest.raises(MovedError) as caught:
        open_value(seal("hunter2", Place("a.yml", "key")), other, require_binding=False)
    assert "another place: a.yml: key" in str(caught.value)
    assert f"jetpack secrets rekey --accept-moved {other.file}" in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_a_raw_value_is_taken_unless_binding_is_required() -> None:
    place = Place("a.yml", "key")
    assert open_value(b"raw\n", place, require_binding=False) == "raw\n"
    with pytest.raises(UnboundError, match="require_binding"):
        open_value(b"raw\n", place, require_binding=True)


def test_binary_data_is_no_value() -> None:
    with pytest.raises(SecretError, match="not UTF-8"):
        open_value(b"\xff\xfe", Place("a", "b"), require_binding=False)


def test_the_place_is_relative_to_the_folder_of_the_rules(tmp_path: Path) -> None:
    (tmp_path / ".jetpack-secrets.yml").touch()
    (tmp_path / "inventory/host_vars").mkdir(parents=True)
    place = place_of(tmp_path / "inventory/host_vars/db1", ["users", 3, "pass.word"])
    assert place == Place("inventory/host_vars/db1", 'users[]."pass.word"')


@given(PARTS, PARTS)
def test_different_keys_have_different_paths(one: list[str | int], other: list[str | int]) -> None:
    def unnumbered(parts: list[str | int]) -> list[str | int]:
        return [0 if isinstance(part, int) else part for part in parts]

    assert (key_path(one) == key_path(other)) == (unnumbered(one) == unnumbered(other))
