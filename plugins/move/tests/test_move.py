# SPDX-License-Identifier: GPL-3.0-or-later
"""`move` on this machine: collisions, backups, two file systems, and what fails half-way."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from jetpack_plugin_move import backups
from jetpack_plugin_move.move import Move
from pydantic import ValidationError

from jetpack_core.contracts.operations import Rename, Run
from jetpack_core.errors import OperationCode, OperationError, TaskError
from jetpack_core.records import CommandResult, FileKind, FileStat, PlanKind
from jetpack_core.testing.examples import make_module
from jetpack_core.testing.host import TestHost
from jetpack_core.testing.scripted import ScriptedConnection
from plugins.move.tests.making import make_tree, move, names, tree_of

NONE, MODIFY = PlanKind.NONE, PlanKind.MODIFY


def test_a_second_run_finds_nothing_to_do_in_one_round_trip(host: TestHost, tmp_path: Path) -> None:
    (tmp_path / "a").write_text("x")
    task = move(tmp_path / "a", tmp_path / "b")
    _, outcome = host.converge(task)
    assert outcome.result == {"moved": True, "backup": None, "method": "rename", "cross_device": False}
    host.frames.clear()
    plan = host.plan(task)
    assert plan.kind is NONE
    assert plan.outcome.result["moved"] is False
    assert len(host.frames) == 1


def test_neither_there_is_an_error_that_names_both(host: TestHost, tmp_path: Path) -> None:
    with pytest.raises(TaskError, match="neither") as caught:
        host.plan(move(tmp_path / "a", tmp_path / "b"))
    assert str(tmp_path / "a") in caught.value.message
    assert "missing_ok" in caught.value.hint


def test_a_collision_leaves_both_and_warns(host: TestHost, tmp_path: Path) -> None:
    (tmp_path / "a").write_text("new")
    (tmp_path / "b").mkdir()
    plan = host.plan(move(tmp_path / "a", tmp_path / "b"))
    assert plan.kind is NONE
    (warning,) = plan.outcome.warnings
    assert warning.startswith("collision: ")
    assert "not a directory to move into" in warning
    assert (tmp_path / "a").read_text() == "new"
    assert names(tmp_path / "b") == set()


def test_a_collision_can_fail(host: TestHost, tmp_path: Path) -> None:
    (tmp_path / "a").write_text("new")
    (tmp_path / "b").write_text("old")
    with pytest.raises(TaskError, match="is there already"):
        host.plan(move(tmp_path / "a", tmp_path / "b", collision="fail"))


@pytest.mark.parametrize("more", [{"force": "true"}, {"collision": "exchange"}])
def test_a_link_never_takes_the_place_of_what_it_points_to(
    host: TestHost, tmp_path: Path, more: dict[str, object]
) -> None:
    (tmp_path / "real").write_text("x")
    (tmp_path / "link").symlink_to("real")
    with pytest.raises(TaskError, match="would be one to itself"):
        host.plan(move(tmp_path / "link", tmp_path / "real", **more))


def test_exchange_swaps_in_every_run(host: TestHost, tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").write_text("file")
    task = move(tmp_path / "a", tmp_path / "b", collision="exchange")
    plan, outcome = host.converge(task)
    assert plan.kind is PlanKind.EXECUTE
    assert outcome.result["method"] == "exchange"
    assert (tmp_path / "a").read_text() == "file"
    assert (tmp_path / "b").is_dir()
    host.converge(task)
    assert (tmp_path / "a").is_dir()
    assert names(tmp_path) == {"a", "b"}


def test_an_exchange_across_file_systems_is_refused_and_changes_nothing(
    host: TestHost, tmp_path: Path, elsewhere: Path
) -> None:
    (tmp_path / "a").write_text("a")
    (elsewhere / "b").write_text("b")
    with pytest.raises(TaskError, match="different file systems"):
        host.converge(move(tmp_path / "a", elsewhere / "b", collision="exchange"))
    assert (tmp_path / "a").read_text() == "a"
    assert (elsewhere / "b").read_text() == "b"
    assert names(tmp_path) == {"a"}
    assert names(elsewhere) == {"b"}


def test_two_names_of_one_file_are_left_alone(host: TestHost, tmp_path: Path) -> None:
    (tmp_path / "a").write_text("x")
    os.link(tmp_path / "a", tmp_path / "b")
    plan = host.plan(move(tmp_path / "a", tmp_path / "b", force="true"))
    assert plan.kind is NONE
    assert "are the same file" in plan.outcome.warnings[0]


@pytest.mark.parametrize("kind", ["file", "directory", "link"])
def test_one_thing_reached_by_two_paths_is_never_lost(host: TestHost, tmp_path: Path, kind: str) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "alias").symlink_to("real")
    thing = tmp_path / "real" / "thing"
    if kind == "file":
        thing.write_text("x")
    elif kind == "directory":
        thing.mkdir()
    else:
        thing.symlink_to("/nowhere")
    for more in ({"force": "true"}, {"force": "true", "backup": "true"}, {"collision": "exchange"}):
        assert host.plan(move(tmp_path / "alias" / "thing", thing, **more)).kind is NONE
    assert os.path.lexists(thing)


def test_identical_content_with_force_drops_the_source_and_makes_no_backup(host: TestHost, tmp_path: Path) -> None:
    (tmp_path / "a").write_text("same")
    (tmp_path / "b").write_text("same")
    inode = (tmp_path / "b").stat().st_ino
    _, outcome = host.converge(move(tmp_path / "a", tmp_path / "b", force="true", backup="true"))
    assert outcome.result["method"] == "drop"
    assert names(tmp_path) == {"b"}
    assert (tmp_path / "b").stat().st_ino == inode


def test_a_directory_never_ends_up_inside_the_destination(host: TestHost, tmp_path: Path) -> None:
    make_tree(tmp_path / "a", "new\n")
    make_tree(tmp_path / "b", "old\n")
    (tmp_path / "b" / "gone").write_text("old only")
    expected = tree_of(tmp_path / "a")
    host.converge(move(tmp_path / "a", tmp_path / "b", force="true"))
    assert tree_of(tmp_path / "b") == expected
    assert names(tmp_path) == {"b"}


def test_a_link_to_a_directory_is_replaced_not_entered(host: TestHost, tmp_path: Path) -> None:
    (tmp_path / "a").write_text("x")
    (tmp_path / "real").mkdir()
    (tmp_path / "b").symlink_to("real")
    host.converge(move(tmp_path / "a", tmp_path / "b", force="true"))
    assert (tmp_path / "b").read_text() == "x"
    assert not (tmp_path / "b").is_symlink()
    assert names(tmp_path / "real") == set()


def test_a_missing_directory_is_an_error_that_says_what_to_do(host: TestHost, tmp_path: Path) -> None:
    (tmp_path / "a").write_text("x")
    with pytest.raises(TaskError, match="there is no directory") as caught:
        host.plan(move(tmp_path / "a", tmp_path / "x" / "b"))
    assert "makedirs" in caught.value.hint


def test_a_file_in_the_place_of_a_directory_is_an_error(host: TestHost, tmp_path: Path) -> None:
    (tmp_path / "a").write_text("x")
    (tmp_path / "x").write_text("x")
    with pytest.raises(TaskError, match="is a file, not a directory"):
        host.plan(move(tmp_path / "a", tmp_path / "x" / "b", makedirs="true"))


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"src": "/opt/app", "dest": "/opt/app/old"}, "into itself"),
        ({"src": "/opt/app/new", "dest": "/opt/app", "force": "true"}, "cannot take its place"),
        ({"src": "/opt/app/../x", "dest": "/opt/y"}, "hides where it leads"),
        ({"src": "/etc", "dest": "/opt/etc"}, "never moved"),
        ({"src": "/a", "dest": "/b", "force": "true", "collision": "keep"}, "contradicts"),
        ({"src": "/a", "dest": "/b", "backup_keep": "3"}, "needs backup"),
        ({"src": "a", "dest": "/b"}, "absolute"),
    ],
)
def test_parameters_that_make_no_sense_are_refused(more: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        make_module(Move, more)


def test_vital_directories_are_never_replaced(host: TestHost, tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    with pytest.raises(TaskError, match="never replaced"):
        host.plan(move(tmp_path / "a", "/etc", force="true"))


class TestBackups:
    def test_the_name_has_the_time_and_a_number_where_it_is_taken(self) -> None:
        taken = [FileStat("/d/f.backup.20250301T120000Z"), FileStat("/d/f.backup.20250301T120000Z-2")]
        assert backups.backup_name("/d", "f", "20250301T120000Z", []) == "/d/f.backup.20250301T120000Z"
        assert backups.backup_name("/d", "f", "20250301T120000Z", taken) == "/d/f.backup.20250301T120000Z-3"

    def test_a_newer_one_never_gets_the_name_of_an_older_one_that_went(self) -> None:
        left = [FileStat("/d/f.backup.20250301T120000Z-2"), FileStat("/d/f.backup.20250301T120000Z-3")]
        assert backups.backup_name("/d", "f", "20250301T120000Z", left) == "/d/f.backup.20250301T120000Z-4"

    def test_the_time_is_utc_in_the_basic_format(self) -> None:
        assert len(backups.timestamp()) == len("20250301T120000Z")
        assert backups.timestamp().endswith("Z")

    def test_only_backups_of_that_name_count_and_the_oldest_go(self) -> None:
        entries = [
            FileStat("/d/f.backup.20240101T000000Z-10"),
            FileStat("/d/f.backup.20240101T000000Z-9"),
            FileStat("/d/f.backup.20230101T000000Z"),
            FileStat("/d/f.backup.notatime"),
            FileStat("/d/other.backup.20200101T000000Z"),
            FileStat("/d/f.backup.20250101T000000Z"),
        ]
        assert [one.path for one in backups.expired("f", entries, 3)] == [
            "/d/f.backup.20230101T000000Z",
            "/d/f.backup.20240101T000000Z-9",
        ]
        assert backups.expired("f", entries, 9) == ()

    @pytest.mark.parametrize("kind", ["file", "directory", "link"])
    def test_the_old_destination_is_kept(self, host: TestHost, tmp_path: Path, kind: str) -> None:
        (tmp_path / "a").write_text("new!")
        if kind == "file":
            (tmp_path / "b").write_text("old")
            (tmp_path / "b").chmod(0o600)
        elif kind == "directory":
            make_tree(tmp_path / "b")
        else:
            (tmp_path / "b").symlink_to("old")
        before = (tmp_path / "b").lstat()
        _, outcome = host.converge(move(tmp_path / "a", tmp_path / "b", force="true", backup="true"))
        kept = Path(str(outcome.result["backup"]))
        assert names(tmp_path) == {"b", kept.name}
        assert kept.lstat().st_mode == before.st_mode
        assert (tmp_path / "b").read_text() == "new!"

    def test_backups_go_to_another_file_system(self, host: TestHost, tmp_path: Path, elsewhere: Path) -> None:
        for text, kind in (("one", "file"), ("two", "directory")):
            (tmp_path / "a").write_text(text)
            dest = tmp_path / kind
            if kind == "file":
                dest.write_text("old")
            else:
                make_tree(dest)
            before = tree_of(dest)
            task = move(tmp_path / "a", dest, force="true", backup="true", backup_dir=str(elsewhere))
            _, outcome = host.converge(task)
            assert dest.read_text() == text
            kept = Path(str(outcome.result["backup"]))
            assert kept.parent == elsewhere
            assert tree_of(kept) == before
        assert len(names(elsewhere)) == 2


class TestAcrossFileSystems:
    def test_a_file_arrives_with_all_it_has(self, host: TestHost, tmp_path: Path, elsewhere: Path) -> None:
        source = tmp_path / "a"
        source.write_text("x" * 100_000)
        source.chmod(0o640)
        os.utime(source, ns=(10**18, 10**18 + 123456789))
        _, outcome = host.converge(move(source, elsewhere / "b"))
        assert outcome.result == {"moved": True, "backup": None, "method": "copy", "cross_device": True}
        assert names(tmp_path) == set()
        assert names(elsewhere) == {"b"}
        info = (elsewhere / "b").stat()
        assert (info.st_mode & 0o777, info.st_mtime_ns) == (0o640, 10**18 + 123456789)

    @pytest.mark.parametrize("dest", ["nothing", "file", "directory", "link"])
    def test_a_directory_takes_the_place_of_anything(
        self, host: TestHost, tmp_path: Path, elsewhere: Path, dest: str
    ) -> None:
        make_tree(tmp_path / "a")
        expected = tree_of(tmp_path / "a")
        if dest == "file":
            (elsewhere / "b").write_text("old")
        elif dest == "directory":
            make_tree(elsewhere / "b", "old")
        elif dest == "link":
            (elsewhere / "b").symlink_to("/nowhere")
        plan, outcome = host.converge(move(tmp_path / "a", elsewhere / "b", force="true", mode="0o700"))
        assert plan.kind is MODIFY
        assert outcome.result["cross_device"] is True
        assert outcome.warnings == ()
        assert tree_of(elsewhere / "b") == expected
        assert (elsewhere / "b").stat().st_mode & 0o777 == 0o700
        assert (elsewhere / "b" / "bin" / "run").samefile(elsewhere / "b" / "private" / "same")
        assert names(tmp_path) == set()
        assert names(elsewhere) == {"b"}

    def test_a_link_stays_a_link(self, host: TestHost, tmp_path: Path, elsewhere: Path) -> None:
        (tmp_path / "a").symlink_to("/etc/passwd")
        host.converge(move(tmp_path / "a", elsewhere / "b"))
        assert (elsewhere / "b").readlink() == Path("/etc/passwd")
        assert names(tmp_path) == set()

    def test_a_failed_copy_leaves_both_as_they_were(self, host: TestHost, tmp_path: Path, elsewhere: Path) -> None:
        """Not even root can read what is no file any more by the time of the copy."""
        (tmp_path / "a").write_text("new!")
        (elsewhere / "b").write_text("old")
        script = tmp_path / "bin"
        script.mkdir()
        # A `cp` that fills up half-way, as on a full disk; the directory comes first in PATH.
        (script / "cp").write_text('#!/bin/sh\nprintf ne >"$4"\necho "cp: No space left on device" >&2\nexit 1\n')
        (script / "cp").chmod(0o755)
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("PATH", f"{script}:{os.environ['PATH']}")
            with pytest.raises(TaskError, match="No space left on device"):
                host.converge(move(tmp_path / "a", elsewhere / "b", force="true"))
        assert (tmp_path / "a").read_text() == "new!"
        assert (elsewhere / "b").read_text() == "old"
        assert names(elsewhere) == {"b"}

    def test_a_copy_that_differs_is_not_trusted(self, host: TestHost, tmp_path: Path, elsewhere: Path) -> None:
        make_tree(tmp_path / "a")
        script = tmp_path / "bin"
        script.mkdir()
        (script / "cp").write_text('#!/bin/sh\nPATH=${PATH#*:}\ncp "$@"\necho >"$4/extra"\n')
        (script / "cp").chmod(0o755)
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("PATH", f"{script}:{os.environ['PATH']}")
            with pytest.raises(TaskError, match="is not the same"):
                host.converge(move(tmp_path / "a", elsewhere / "b"))
        assert (tmp_path / "a" / "bin" / "run").is_file()
        assert names(elsewhere) == set()


class TestFailuresHalfWay:
    """What a real host does not do at will, by a script."""

    A, B = FileStat("/d/a", FileKind.DIRECTORY, 0o755, 0, 0), FileStat("/d/b", FileKind.DIRECTORY, 0o755, 0, 0, mtime=9)

    def connection(self) -> ScriptedConnection:
        script = ScriptedConnection()
        script.on(lambda _: True, None)
        script.on(lambda operation: getattr(operation, "path", "") == "/d/a", self.A)
        script.on(lambda operation: getattr(operation, "path", "") == "/d/b", self.B)
        script.on(lambda operation: getattr(operation, "path", "") == "/d", FileStat("/d", FileKind.DIRECTORY, 0o755))
        return script.on(Run, CommandResult((), 1))

    def test_a_directory_moved_aside_comes_back(self) -> None:
        script = self.connection()
        script.on(
            lambda operation: isinstance(operation, Rename) and operation.source == "/d/a",
            OperationError(OperationCode.PERMISSION, "/d/a"),
        )
        with TestHost(script) as host, pytest.raises(TaskError, match="permission denied") as caught:
            host.converge(move("/d/a", "/d/b", force="true"))
        assert "sudo" in caught.value.hint
        renames = [operation for operation in script.operations if isinstance(operation, Rename)]
        assert [one.source for one in renames] == ["/d/b", "/d/a", renames[0].destination]
        assert renames[-1].destination == "/d/b"

    @pytest.mark.parametrize("failing", ["/d/b", "aside"])
    def test_an_exchange_that_fails_is_taken_back(self, failing: str) -> None:
        script = self.connection()

        def fails(operation: object) -> bool:
            if not isinstance(operation, Rename):
                return False
            if failing == "aside":
                return operation.source.startswith("/d/.jetpack-") and operation.destination == "/d/b"
            return operation.source == failing

        script.on(fails, OperationError(OperationCode.READ_ONLY, failing))
        with TestHost(script) as host, pytest.raises(OperationError):
            host.converge(move("/d/a", "/d/b", collision="exchange"))
        place = {"/d/a": "A", "/d/b": "B"}
        for operation in script.operations:
            if isinstance(operation, Rename) and not fails(operation):
                place[operation.destination] = place.pop(operation.source)
        assert place == {"/d/a": "A", "/d/b": "B"}
