# SPDX-License-Identifier: GPL-3.0-or-later
"""The page of round trips says what is counted on hosts of the fleet."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.round_trip_entries import MACHINES
from benchmarks.round_trips import counts_on, rows_of
from tests.integration.fleet import Fleet

pytestmark = [pytest.mark.docker, pytest.mark.ssh, pytest.mark.slow]

PAGE = Path(__file__).parents[3] / "docs/reference/round-trips.md"


@pytest.mark.parametrize("machine", MACHINES)
def test_the_page_says_what_is_counted_on_hosts(fleet: Fleet, machine: str) -> None:
    counted = {one.row for one in counts_on(fleet, machine)}
    assert counted - rows_of(PAGE.read_text()) == set(), (
        "it is old: python -m benchmarks.round_trips docs/reference/round-trips.md"
    )
