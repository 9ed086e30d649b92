# SPDX-License-Identifier: GPL-3.0-or-later
"""Holding a host that has no /proc, as some containers and changed roots do not, and no Python either."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from jetpack_core.connections import shell_script
from jetpack_core.contracts.operations import Hold, Run
from tests.unit.connections.held import OWNER, SHELLS, place_of_its_own, ways, words

pytestmark = pytest.mark.parametrize("kind", SHELLS)


@pytest.fixture
def lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Have shells look for /proc where it is not."""
    lock = place_of_its_own(tmp_path, tmp_path, monkeypatch)
    before = shell_script.program
    assert all(b"/proc/" in before(name) for name in ("shell.sh", "hold.sh"))
    nowhere = b"%s/nowhere/" % bytes(tmp_path)
    monkeypatch.setattr(shell_script, "program", lambda name: before(name).replace(b"/proc/", nowhere))
    return lock


def test_one_run_after_the_other_holds(lock: Path, kind: str) -> None:
    async def scenario() -> None:
        for run in ("aaaa", "bbbb", "cccc"):
            async with ways(lock, kind, kind) as (way, other):
                assert await way.ask(Hold(run, OWNER)) == ""
                assert await way.ask(Run(("true",))) == ""
                assert words(lock)[:2] == [run, str(way.pid)]
                assert (await other.ask(Hold("dddd", OWNER))).startswith("HeldError")
            assert words(lock) == []

    asyncio.run(scenario())


def test_the_same_run_joins_and_then_holds_by_itself(lock: Path, kind: str) -> None:
    async def scenario() -> None:
        async with ways(lock, kind) as (second,):
            async with ways(lock, kind) as (first,):
                assert await first.ask(Hold("aaaa", OWNER)) == ""
                assert await second.ask(Hold("aaaa", OWNER)) == ""
                assert await second.ask(Run(("true",))) == ""
                assert words(lock)[1] == str(first.pid)
            assert await second.ask(Run(("true",))) == ""
            assert words(lock)[:2] == ["aaaa", str(second.pid)]
        assert words(lock) == []

    asyncio.run(scenario())


def test_what_a_dead_run_left_is_got_over(lock: Path, kind: str) -> None:
    lock.write_text("aaaa 999999999 1700000000 1 ops@control\n")

    async def scenario() -> None:
        async with ways(lock, kind) as (way,):
            assert await way.ask(Hold("bbbb", OWNER)) == ""
            assert await way.ask(Run(("true",))) == ""
            assert words(lock)[:2] == ["bbbb", str(way.pid)]
        assert words(lock) == []

    asyncio.run(scenario())


def test_a_run_whose_file_was_removed_learns_of_it_and_leaves_the_next_one_alone(lock: Path, kind: str) -> None:
    async def scenario() -> None:
        async with ways(lock, kind) as (second,):
            async with ways(lock, kind) as (first,):
                assert await first.ask(Hold("aaaa", OWNER)) == ""
                os.unlink(lock)  # noqa: PTH108 - at once
                assert await second.ask(Hold("bbbb", OWNER)) == ""
                assert "the host was taken from this run" in await first.ask(Run(("true",)))
            assert words(lock)[:2] == ["bbbb", str(second.pid)]
            assert await second.ask(Run(("true",))) == ""
        assert words(lock) == []

    asyncio.run(scenario())
