# SPDX-License-Identifier: GPL-3.0-or-later
"""Ratios are against the best peer of the same row, and a missed target is named."""

from __future__ import annotations

import pytest

from benchmarks.matrix import FIRST, SECOND, Measured, Row
from benchmarks.meter import Reading
from benchmarks.report import comparisons, measured_table
from benchmarks.targets import target_of


def _reading(wall: float, cpu: float, memory: int = 50_000_000) -> Reading:
    return Reading(code=0, wall=wall, user=cpu, system=0.0, tree_memory=memory, process_memory=memory)


def _measured(peer: str, *readings: Reading, row: Row | None = None) -> Measured:
    return Measured(row or Row(1, 0), peer, SECOND, readings)


def test_each_measure_has_its_own_best_peer() -> None:
    ours = _measured("jetpack", _reading(0.5, 0.4))
    fast, lean = _measured("mitogen", _reading(2.0, 2.0)), _measured("pyinfra", _reading(3.0, 0.5))
    (found,) = comparisons([fast, ours, lean])
    assert (found.wall_peer, found.cpu_peer) == ("mitogen", "pyinfra")
    assert found.speed_up == pytest.approx(4.0)
    assert found.cpu_share == pytest.approx(0.8)
    assert found.missed == ["wall"]


def test_medians_are_compared_so_that_one_disturbed_run_changes_nothing() -> None:
    ours = _measured("jetpack", _reading(0.5, 0.4), _reading(9.0, 0.4), _reading(0.5, 0.4))
    (found,) = comparisons([ours, _measured("pyinfra", _reading(3.0, 0.5))])
    assert found.speed_up == pytest.approx(6.0)
    assert found.missed == []
    assert "0.50 (0.50-9.00)" in measured_table([ours])


def test_other_rows_and_other_runs_are_not_mixed_in() -> None:
    ours = _measured("jetpack", _reading(0.5, 0.4))
    far = _measured("pyinfra", _reading(0.1, 0.1), row=Row(1, 0.02))
    first = Measured(Row(1, 0), "pyinfra", FIRST, (_reading(0.1, 0.1),))
    assert comparisons([ours, far, first]) == []


def test_targets_are_those_of_the_row() -> None:
    assert target_of(Row(1, 0), SECOND).speed_up == 5.0
    assert target_of(Row(1, 0.02), FIRST).speed_up == 3.2
    assert target_of(Row(40, 0), SECOND).cpu_share == 0.35
    assert target_of(Row(40, 0), FIRST).memory == 75e6
    assert target_of(Row(10, 0), FIRST).memory is None
    assert target_of(Row(10, 0, "nopython"), SECOND).cpu_share == pytest.approx(0.8)
    assert target_of(Row(7, 0), SECOND).speed_up is None
