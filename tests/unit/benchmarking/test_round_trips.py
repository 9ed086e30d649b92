# SPDX-License-Identifier: GPL-3.0-or-later
"""The page of round trips says what is counted; hosts of the fleet count the rest."""

from __future__ import annotations

from pathlib import Path

from benchmarks.round_trip_entries import ABOVE, ENTRIES, HERE, MACHINES, NOT_COUNTED
from benchmarks.round_trips import counts_here, rows_of
from jetpack_core.registry import Kind, Registry

PAGE = Path(__file__).parents[3] / "docs/reference/round-trips.md"
OLD = "it is old: python -m benchmarks.round_trips docs/reference/round-trips.md"


def test_every_module_is_in_the_table_or_says_why_not() -> None:
    named = {entry.module for entry in ENTRIES}
    assert named | NOT_COUNTED.keys() == set(Registry().entries(Kind.MODULE))
    assert named & NOT_COUNTED.keys() == set()
    assert {entry.where for entry in ENTRIES} == {HERE, *MACHINES}


def test_the_page_has_a_row_for_every_entry() -> None:
    rows = rows_of(PAGE.read_text())
    assert {row[:2] for row in rows} == {(f"`{entry.module}`", entry.case) for entry in ENTRIES}, OLD
    assert len(rows) == len(ENTRIES)


def test_what_is_above_the_budget_says_why() -> None:
    rows = rows_of(PAGE.read_text())
    above = {row[0].strip("`") for row in rows if (row[2] != "-" and int(row[2]) > 2) or row[3] not in {"-", "0", "1"}}
    assert above == set(ABOVE)
    assert "systemd judge a copy" in PAGE.read_text(), OLD


def test_a_loop_is_counted_of_every_module_that_is_often_looped_over() -> None:
    looped = {entry.module for entry in ENTRIES if entry.items}
    files = {"copy", "directory", "fetch", "file", "line", "link", "template"}
    assert looped == files | {"command", "group", "script", "shell", "user"}


def test_the_page_says_what_is_counted_here() -> None:
    counted = {one.row for one in counts_here()}
    assert counted - rows_of(PAGE.read_text()) == set(), OLD
