# SPDX-License-Identifier: GPL-3.0-or-later
"""Two names swapped in one step: nobody ever finds the destination missing."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from jetpack_plugin_move.exchange import Swap, swap

from jetpack_core.errors import StaleError
from jetpack_core.testing.host import TestHost
from plugins.move.tests.making import make_tree, move, names, tree_of

pytestmark = pytest.mark.slow

ROUNDS = 6


class Watch:
    """How often a path was looked at, and how often it was not there."""

    def __init__(self, path: Path) -> None:
        self.looks = self.missing = 0
        self._path = path
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        while not self._stop.is_set():
            self.looks += 1
            self.missing += not self._path.exists()

    @contextmanager
    def running(self) -> Iterator[None]:
        self._thread.start()
        try:
            yield
        finally:
            self._stop.set()
            self._thread.join()


@pytest.fixture
def swapped(host: TestHost) -> Callable[..., Swap]:
    async def run(one: Path, other: Path, aside: Path | None) -> Swap:
        return await swap(host, [], str(one), str(other), None if aside is None else str(aside))

    return lambda one, other, aside=None: host.drive(run(one, other, aside))


def replace_again_and_again(host: TestHost, tmp_path: Path, **more: object) -> Watch:
    make_tree(tmp_path / "dest")
    watch = Watch(tmp_path / "dest" / "bin" / "run")
    with watch.running():
        for number in range(ROUNDS):
            make_tree(tmp_path / "src", f"{number}\n")
            host.converge(move(tmp_path / "src", tmp_path / "dest", **more))
            assert (tmp_path / "dest" / "bin" / "run").read_text() == f"{number}\n"
            assert not (tmp_path / "src").exists()
    assert watch.looks > ROUNDS
    return watch


def test_a_directory_is_replaced_without_a_moment_of_absence(host: TestHost, tmp_path: Path) -> None:
    assert replace_again_and_again(host, tmp_path, force="true").missing == 0
    assert names(tmp_path) == {"dest"}


def test_nor_with_backups(host: TestHost, tmp_path: Path) -> None:
    watch = replace_again_and_again(host, tmp_path, force="true", backup="true", backup_keep="2")
    assert watch.missing == 0
    kept = {(path / "bin" / "run").read_text() for path in tmp_path.glob("dest.backup.*")}
    assert kept == {f"{ROUNDS - 2}\n", f"{ROUNDS - 3}\n"}


def test_nor_with_backups_on_another_file_system(host: TestHost, tmp_path: Path, elsewhere: Path) -> None:
    more = {"force": "true", "backup": "true", "backup_dir": str(elsewhere)}
    assert replace_again_and_again(host, tmp_path, **more).missing == 0
    assert len(names(elsewhere)) == ROUNDS
    assert names(tmp_path) == {"dest"}


def test_nor_from_another_file_system(host: TestHost, tmp_path: Path, elsewhere: Path) -> None:
    make_tree(tmp_path / "dest")
    watch = Watch(tmp_path / "dest" / "bin" / "run")
    with watch.running():
        for _ in range(ROUNDS):
            make_tree(elsewhere / "src")
            host.converge(move(elsewhere / "src", tmp_path / "dest", force="true"))
    assert watch.missing == 0
    assert names(tmp_path) == {"dest"}
    assert names(elsewhere) == set()


def test_nor_when_two_are_exchanged(host: TestHost, tmp_path: Path) -> None:
    make_tree(tmp_path / "a")
    make_tree(tmp_path / "b")
    watch = Watch(tmp_path / "b" / "bin" / "run")
    with watch.running():
        for _ in range(ROUNDS):
            host.converge(move(tmp_path / "a", tmp_path / "b", collision="exchange"))
    assert watch.missing == 0
    assert names(tmp_path) == {"a", "b"}


def test_a_third_name_that_is_taken_undoes_the_exchange(swapped: Callable[..., Swap], tmp_path: Path) -> None:
    make_tree(tmp_path / "a", "a\n")
    make_tree(tmp_path / "b", "b\n")
    (tmp_path / "c").write_text("mine")
    before = tree_of(tmp_path)
    assert swapped(tmp_path / "a", tmp_path / "b", tmp_path / "c") is Swap.IMPOSSIBLE
    assert swapped(tmp_path / "a", tmp_path / "b", tmp_path / "none" / "c") is Swap.IMPOSSIBLE
    assert tree_of(tmp_path) == before


def test_file_systems_are_told_apart(swapped: Callable[..., Swap], tmp_path: Path, elsewhere: Path) -> None:
    (tmp_path / "a").write_text("a")
    (tmp_path / "b").mkdir()
    assert swapped(tmp_path / "a", elsewhere) is Swap.APART
    assert swapped(tmp_path / "a", tmp_path / "b", elsewhere / "c") is Swap.ASIDE_APART
    assert (tmp_path / "a").read_text() == "a"
    assert names(elsewhere) == set()


def test_what_is_not_there_cannot_be_exchanged(swapped: Callable[..., Swap], tmp_path: Path) -> None:
    (tmp_path / "a").write_text("a")
    assert swapped(tmp_path / "a", tmp_path / "b") is Swap.IMPOSSIBLE
    assert names(tmp_path) == {"a"}


@pytest.mark.parametrize("changed", ["a", "b"])
def test_an_exchange_notices_what_changed_in_between(host: TestHost, tmp_path: Path, changed: str) -> None:
    (tmp_path / "a").write_text("a")
    (tmp_path / "b").write_text("b")
    task = move(tmp_path / "a", tmp_path / "b", collision="exchange")
    plan = host.plan(task)
    (tmp_path / changed).write_text("somebody else's")
    with pytest.raises(StaleError):
        host.apply(task, plan)
    assert (tmp_path / changed).read_text() == "somebody else's"
    assert names(tmp_path) == {"a", "b"}
