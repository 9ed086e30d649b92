# SPDX-License-Identifier: GPL-3.0-or-later
"""What is learned of guests: kept for later, shown, dropped with the guest; and first keys are pinned once."""

from __future__ import annotations

import json
import stat
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jetpack_core.engine.guests import FirstKey
from jetpack_core.errors import HostKeyError, JetpackError
from jetpack_core.provisioning.records import GuestRecord, record_folder, records_of, remember

if TYPE_CHECKING:
    from tests.unit.provisioning.conftest import Site

RECORD = GuestRecord(host="a", type="shelf", cluster="", id="1", name="a", running=True, seen="2026-01-01T00:00:00")
ONE, TWO = "ssh-ed25519 AAAAone", "ssh-ed25519 AAAAtwo"


@pytest.fixture(autouse=True)
def _state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


def test_a_record_is_private_and_replaced_by_a_later_one_of_the_same_guest() -> None:
    remember(RECORD)
    remember(replace(RECORD, host_keys=(ONE,), running=False))
    (found,) = records_of("a", "shelf", "")
    assert (found.host_keys, found.running) == ((ONE,), False)
    assert stat.S_IMODE(found.file.stat().st_mode) == 0o600
    assert stat.S_IMODE(record_folder().stat().st_mode) == 0o700
    assert [file.name for file in record_folder().iterdir()] == [found.file.name]


def test_other_guests_of_the_same_name_are_told_apart() -> None:
    later = replace(RECORD, id="2", seen="2026-01-02T00:00:00")
    for record in (RECORD, later, replace(RECORD, cluster="pve"), replace(RECORD, type="docker")):
        remember(record)
    assert records_of("a", "shelf", "") == (later, RECORD)
    assert len(records_of("a", None, None)) == 4
    assert records_of("a-1", None, None) == ()


@given(st.text(min_size=1, max_size=200).filter(lambda text: text.isprintable()))
def test_any_name_of_a_host_is_found_again(host: str) -> None:
    remember(replace(RECORD, host=host))
    assert [one.host for one in records_of(host, "shelf", "")] == [host]


def test_a_record_that_is_damaged_vouches_for_nothing() -> None:
    remember(RECORD)
    RECORD.file.write_text("{")
    assert records_of("a", "shelf", "") == ()


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("in the way")
    with pytest.raises(JetpackError, match="what was learned of a cannot be kept in"):
        remember(RECORD)


def test_the_first_key_is_pinned_and_no_other_is_taken() -> None:
    pinned: dict[str, tuple[str, ...]] = {}
    first = FirstKey(RECORD, pinned)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(first.pin, [ONE] * 8))
    assert pinned == {"a": (ONE,)}
    with pytest.raises(HostKeyError, match="two different host keys"):
        first.pin(TWO)
    (kept,) = records_of("a", "shelf", "")
    assert (kept.host_keys, kept.key_source) == ((ONE,), "first seen in the run that made it")


def test_the_inventory_shows_what_was_learned(site: Site) -> None:
    site.write("inventory/host_vars/b", "provision: {state: stopped}\n")
    before = site("show-inventory").stdout
    assert "  - a  (shelf, not made yet)" in before
    assert site("provision").returncode == 0
    after = site("show-inventory").stdout
    assert "  - a  (shelf, running, on first)" in after
    assert "  - b  (shelf, stopped, on first)" in after
    one = site("show-inventory", "--show-hosts", "a").stdout
    assert "    id: id-a\n    state: running\n    node: first\n" in one
    (told,) = [line.partition(": ")[2] for line in one.splitlines() if "kept in" in line]
    assert Path(told).is_file()
    data = json.loads(site("show-inventory", "--json").stdout)
    assert data["_meta"]["learned"]["b"]["running"] is False
    site.write("again.json", json.dumps(data))
    assert "- a  (shelf, running, on first)" in site("show-inventory", "-i", "again.json").stdout
    assert site("destroy", "--yes").returncode == 0
    assert "not made yet" in site("show-inventory").stdout
    assert not Path(told).exists()


def test_plays_see_what_was_learned(site: Site) -> None:
    text = (site.folder / "site.yml").read_text().replace("told_by_shelf", "jet_guest.id ~ jet_guest.node")
    site.write("site.yml", text)
    for _ in range(2):
        assert site("apply", "-p", "site.yml", "--limit-hosts", "a").returncode == 0
    assert site.done == ["a id-afirst", "a id-afirst"]
