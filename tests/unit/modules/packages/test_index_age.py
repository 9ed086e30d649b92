# SPDX-License-Identifier: GPL-3.0-or-later
"""The age of a package index is a matter of the host's own clock."""

from __future__ import annotations

import time

import pytest

from jetpack_core.modules.packages.apk import Apk
from jetpack_core.modules.packages.foresight import State
from jetpack_core.records import CommandResult, FileKind, FileStat

DAY = 86400
APK = Apk(package=["x"], refresh=True)


def age(now: int, refreshed: int, named: int = 0) -> float | None:
    index = FileStat(APK.index_path, FileKind.DIRECTORY, mtime=refreshed)
    sources = [FileStat(path, FileKind.FILE, mtime=named) for path in APK.source_paths]
    return APK.index_age([CommandResult(("date",), 0, f"{now}\n"), index, *sources])


@pytest.mark.parametrize("skew", [-4000 * DAY, -3 * DAY, 0, 3 * DAY, 4000 * DAY])
def test_a_host_whose_clock_is_days_off_has_an_index_of_the_same_age(skew: int) -> None:
    now = int(time.time()) + skew
    assert age(now, now - 600, now - 700) == 600


def test_an_index_from_the_future_is_refreshed() -> None:
    now = int(time.time())
    found = age(now, now + 3 * DAY)
    assert found is None
    assert APK.refresh_due(State({}, index_age=found))


def test_an_index_older_than_the_list_of_repositories_is_refreshed() -> None:
    assert age(1000, 500, 600) is None
