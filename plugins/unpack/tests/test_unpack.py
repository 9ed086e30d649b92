# SPDX-License-Identifier: GPL-3.0-or-later
"""`unpack` on this machine: formats, selection, what is noted, what drifts, what is pruned."""

from __future__ import annotations

import gzip
import hashlib
import os
from pathlib import Path

import pytest
from jetpack_plugin_unpack.onhost import manifest
from jetpack_plugin_unpack.unpack import Unpack
from pydantic import ValidationError

from jetpack_core.contracts.operations import Get, Put
from jetpack_core.errors import StaleError, TaskError
from jetpack_core.records import PlanKind
from jetpack_core.testing.examples import make_module
from jetpack_core.testing.host import TestHost
from plugins.unpack.tests import making
from plugins.unpack.tests.making import COMPRESSORS, MTIME, directory, file, link, tar, zip_info, zipped
from plugins.unpack.tests.tasks import APP, APP_TREE, tree, unpack

pytestmark = pytest.mark.slow

NONE, CREATE, MODIFY = PlanKind.NONE, PlanKind.CREATE, PlanKind.MODIFY


@pytest.mark.parametrize("compression", COMPRESSORS)
@pytest.mark.parametrize("suffix", ["tar", "zip", "jpg"])
def test_a_tar_is_known_by_its_content(host: TestHost, tmp_path: Path, compression: str, suffix: str) -> None:
    (tmp_path / f"app.{suffix}").write_bytes(COMPRESSORS[compression](making.APP))
    _, outcome = host.converge(unpack(tmp_path, f"app.{suffix}", strip_components="1"))
    assert tree(tmp_path / "dest") == APP_TREE
    assert outcome.result["format"] == ("tar." + compression).rstrip(".")
    assert outcome.result["files"] == 4
    run = tmp_path / "dest" / "bin" / "run"
    assert run.stat().st_mode & 0o777 == 0o755
    assert not run.samefile(tmp_path / "dest" / "bin" / "same")


def test_a_zip_made_on_unix_keeps_modes_and_links(host: TestHost, tmp_path: Path) -> None:
    made = zipped(
        (zip_info("d/", 0o040750), ""), (zip_info("d/run", 0o100755), "x"), (zip_info("l", 0o120777), "d/run")
    )
    (tmp_path / "a.zip").write_bytes(made)
    host.converge(unpack(tmp_path, "a.zip"))
    assert tree(tmp_path / "dest") == {"d/run": "x", "l": "-> d/run"}
    assert (tmp_path / "dest/d/run").stat().st_mode & 0o777 == 0o755
    assert (tmp_path / "dest/d").stat().st_mode & 0o777 == 0o750


def test_a_zip_made_on_windows_gets_ordinary_modes(host: TestHost, tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(zipped((zip_info("d\\f.txt", 0, system=0), "x")))
    host.converge(unpack(tmp_path, "a.zip"))
    assert tree(tmp_path / "dest") == {"d/f.txt": "x"}
    assert (tmp_path / "dest/d/f.txt").stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("compression", [name for name in COMPRESSORS if name])
def test_a_single_file_loses_its_suffix(host: TestHost, tmp_path: Path, compression: str) -> None:
    (tmp_path / f"tool.{compression}").write_bytes(COMPRESSORS[compression](b"tool"))
    host.converge(unpack(tmp_path, f"tool.{compression}", mode="0o755"))
    assert tree(tmp_path / "dest") == {"tool": "tool"}
    assert (tmp_path / "dest" / "tool").stat().st_mode & 0o777 == 0o755


def test_an_image_that_begins_with_zeros_is_not_taken_for_an_empty_tar(host: TestHost, tmp_path: Path) -> None:
    (tmp_path / "disk.img.gz").write_bytes(gzip.compress(bytes(10240) + b"data" * 1000))
    (tmp_path / "empty.tgz").write_bytes(gzip.compress(tar()))
    _, outcome = host.converge(unpack(tmp_path, "disk.img.gz"))
    assert outcome.result["format"] == "gz"
    assert (tmp_path / "dest" / "disk.img").stat().st_size == 14240
    _, outcome = host.converge(unpack(tmp_path, "empty.tgz", dest=str(tmp_path / "none")))
    assert outcome.result["format"] == "tar.gz"
    assert tree(tmp_path / "none") == {}


def test_a_format_that_is_asked_for_must_be_the_one(host: TestHost, tmp_path: Path) -> None:
    (tmp_path / "app.tgz").write_bytes(gzip.compress(making.APP))
    with pytest.raises(TaskError, match="is a tar file, not zip"):
        host.plan(unpack(tmp_path, format="zip"))
    host.converge(unpack(tmp_path, format="file"))
    assert (tmp_path / "dest" / "app").read_bytes() == making.APP


def test_some_members_only(host: TestHost, tmp_path: Path) -> None:
    (tmp_path / "app.tgz").write_bytes(gzip.compress(making.APP))
    host.converge(unpack(tmp_path, strip_components="1", include=["*/bin", "*/conf/*"], exclude="*/same"))
    assert sorted(tree(tmp_path / "dest")) == ["bin/run", "conf/app.conf"]


def test_a_hard_link_to_what_is_left_out_still_has_its_content(host: TestHost, tmp_path: Path) -> None:
    (tmp_path / "app.tgz").write_bytes(making.APP)
    host.converge(unpack(tmp_path, strip_components="1", include="*/same"))
    assert tree(tmp_path / "dest") == {"bin/same": APP["bin/same"]}


@pytest.mark.parametrize(("strip", "expected"), [("auto", "a"), ("0", "top/a")])
def test_one_top_directory_can_be_dropped(host: TestHost, tmp_path: Path, strip: str, expected: str) -> None:
    (tmp_path / "app.tgz").write_bytes(tar(directory("./top"), file("./top/a")))
    host.converge(unpack(tmp_path, strip_components=strip))
    assert list(tree(tmp_path / "dest")) == [expected]


def test_without_one_top_directory_auto_drops_nothing(host: TestHost, tmp_path: Path) -> None:
    (tmp_path / "app.tgz").write_bytes(tar(file("top/a"), file("b")))
    host.converge(unpack(tmp_path, strip_components="auto"))
    assert list(tree(tmp_path / "dest")) == ["b", "top/a"]


def test_stripping_everything_is_an_error(host: TestHost, tmp_path: Path) -> None:
    (tmp_path / "app.tgz").write_bytes(making.APP)
    with pytest.raises(TaskError, match="leaves nothing"):
        host.plan(unpack(tmp_path, strip_components="9"))


def test_only_what_differs_is_written_and_the_rest_is_left_alone(host: TestHost, tmp_path: Path) -> None:
    (tmp_path / "app.tgz").write_bytes(making.APP)
    task = unpack(tmp_path, strip_components="1")
    host.converge(task)
    (tmp_path / "dest" / "mine").write_text("mine")
    (tmp_path / "dest" / "conf" / "app.conf").write_text("PORT: 80\n")
    kept = (tmp_path / "dest" / "bin" / "run").stat()
    plan, outcome = host.converge(task)
    assert [change.field for change in plan.changes] == ["conf/app.conf content"]
    assert outcome.result["changed"] == ["conf/app.conf"]
    assert outcome.result["bytes"] == len(APP["conf/app.conf"])
    assert tree(tmp_path / "dest") == {**APP_TREE, "mine": "mine"}
    assert (tmp_path / "dest" / "bin" / "run").stat().st_ino == kept.st_ino


def test_drift_is_found_even_when_size_and_time_are_the_same(host: TestHost, tmp_path: Path) -> None:
    (tmp_path / "app.tgz").write_bytes(making.APP)
    task = unpack(tmp_path, strip_components="1")
    host.converge(task)
    path = tmp_path / "dest" / "conf" / "app.conf"
    info = path.stat()
    path.write_text("port: 81\n")
    os.utime(path, ns=(info.st_atime_ns, info.st_mtime_ns))
    assert host.plan(task).kind is MODIFY


def test_a_second_run_neither_reads_nor_moves_the_archive(host: TestHost, tmp_path: Path) -> None:
    (tmp_path / "app.tgz").write_bytes(gzip.compress(making.APP, mtime=0))
    task = unpack(tmp_path, strip_components="1")
    host.converge(task)
    host.frames.clear()
    assert host.plan(task).kind is NONE
    assert not any(isinstance(operation, Get | Put) for operation in host.operations)
    (tmp_path / "app.tgz").unlink()
    assert host.plan(task).kind is NONE
    (tmp_path / "dest" / "empty").unlink()
    with pytest.raises(TaskError, match=r"differs from what was unpacked, and the archive .* is gone"):
        host.plan(task)


def test_what_is_there_already_counts_though_nothing_was_noted(host: TestHost, tmp_path: Path, state: Path) -> None:
    (tmp_path / "app.tgz").write_bytes(making.APP)
    task = unpack(tmp_path, strip_components="1")
    host.converge(task)
    (note,) = (state / "jetpack" / "unpack").iterdir()
    assert note.stat().st_mode & 0o777 == 0o600
    for damage in ("", "{}", '{"version": 1, "dest": 3}', "[" * 10000):
        note.write_text(damage)
        assert host.plan(task).kind is NONE
    note.unlink()
    assert host.plan(task).kind is NONE


def test_a_note_that_cannot_be_kept_is_only_a_warning(host: TestHost, tmp_path: Path, state: Path) -> None:
    (state / "jetpack").write_text("in the way")
    (tmp_path / "app.tgz").write_bytes(making.APP)
    _, outcome = host.converge(unpack(tmp_path, strip_components="1"))
    assert "could not be noted" in outcome.warnings[0]
    assert tree(tmp_path / "dest") == APP_TREE


def test_prune_removes_what_the_old_version_had_and_nothing_else(host: TestHost, tmp_path: Path) -> None:
    (tmp_path / "one.tar").write_bytes(making.APP)
    host.converge(unpack(tmp_path, "one.tar", strip_components="1"))
    (tmp_path / "dest" / "mine").write_text("mine")
    (tmp_path / "two.tar").write_bytes(making.APP_2)
    task = unpack(tmp_path, "two.tar", strip_components="1", prune="true")
    plan, _ = host.converge(task)
    removed = {change.field for change in plan.changes if change.after is None}
    assert removed == {"bin/same", "empty", "latest"}
    assert sorted(tree(tmp_path / "dest")) == ["bin/run", "conf/app.conf", "mine", "new"]
    assert host.plan(task).kind is NONE


def test_prune_never_leaves_the_destination_by_a_link(host: TestHost, tmp_path: Path) -> None:
    (tmp_path / "one.tar").write_bytes(tar(file("sub/a", "x"), file("b", "x")))
    host.converge(unpack(tmp_path, "one.tar"))
    outside = tmp_path / "outside"
    (tmp_path / "dest" / "sub").rename(outside)
    (tmp_path / "dest" / "sub").symlink_to(outside)
    (tmp_path / "two.tar").write_bytes(tar(file("b", "x")))
    host.converge(unpack(tmp_path, "two.tar", prune="true"))
    assert (outside / "a").read_text() == "x"


def test_a_directory_replaces_a_link_that_was_unpacked_before(host: TestHost, tmp_path: Path) -> None:
    (tmp_path / "one.tar").write_bytes(tar(link("lib", "lib64"), file("lib64/a", "1")))
    host.converge(unpack(tmp_path, "one.tar"))
    (tmp_path / "two.tar").write_bytes(tar(file("lib/a", "2")))
    host.converge(unpack(tmp_path, "two.tar"))
    assert tree(tmp_path / "dest") == {"lib/a": "2", "lib64/a": "1"}


def test_an_archive_changed_after_the_plan_is_noticed(host: TestHost, tmp_path: Path) -> None:
    (tmp_path / "app.tgz").write_bytes(making.APP)
    task = unpack(tmp_path)
    plan = host.plan(task)
    (tmp_path / "app.tgz").write_bytes(making.APP_2)
    if any(isinstance(operation, Get) for operation in host.operations):
        # Without Python on the host what was fetched and vetted is what is written.
        host.apply(task, plan)
        assert (tmp_path / "dest" / "app-1.0").is_dir()
        return
    with pytest.raises(StaleError):
        host.apply(task, plan)
    assert not (tmp_path / "dest").exists()


def test_a_checksum_must_be_right(host: TestHost, tmp_path: Path) -> None:
    (tmp_path / "app.tgz").write_bytes(making.APP)
    right = hashlib.sha256(making.APP).hexdigest()
    with pytest.raises(TaskError, match=f"is {right}, not 0000"):
        host.plan(unpack(tmp_path, checksum="0" * 64))
    assert host.plan(unpack(tmp_path, checksum=f"sha256:{right.upper()}")).kind is CREATE


def test_a_missing_archive_says_where_it_could_come_from(host: TestHost, tmp_path: Path) -> None:
    with pytest.raises(TaskError, match="there is no archive") as caught:
        host.plan(unpack(tmp_path))
    assert "from: control" in caught.value.hint


def test_a_pipe_is_no_archive_and_nobody_waits_for_it(host: TestHost, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "app.tgz")
    with pytest.raises(TaskError, match=r"app\.tgz is no file, so it is no archive"):
        host.plan(unpack(tmp_path))


class TestFromControl:
    def test_it_is_vetted_here_and_sent_only_when_needed(self, host: TestHost, tmp_path: Path) -> None:
        (tmp_path / "app.tgz").write_bytes(gzip.compress(making.APP, mtime=0))
        task = unpack(tmp_path, **{"from": "control", "src": "app.tgz", "strip_components": "1"})
        plan, _ = host.converge(task)
        assert plan.kind is CREATE
        assert tree(tmp_path / "dest") == APP_TREE
        host.frames.clear()
        assert host.plan(task).kind is NONE
        assert not any(isinstance(operation, Put) for operation in host.operations)

    def test_a_hostile_one_never_reaches_the_host(self, host: TestHost, tmp_path: Path) -> None:
        (tmp_path / "app.tgz").write_bytes(tar(file("../evil")))
        task = unpack(tmp_path, **{"from": "control", "src": "app.tgz"})
        with pytest.raises(TaskError, match="leads out"):
            host.converge(task)
        assert host.changes == []

    def test_a_missing_one_is_a_mistake_in_the_playbook(self, tmp_path: Path) -> None:
        with pytest.raises(ValidationError, match=r"no file 'gone\.tgz'"):
            unpack(tmp_path, **{"from": "control", "src": "gone.tgz"})


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"src": "app.tgz"}, "from: control"),
        ({"dest": "/"}, "nothing is unpacked into /"),
        ({"checksum": "md5:abc"}, "is not a SHA-256"),
        ({"limits": {"max_size": "much"}}, "max_size"),
        ({"strip_components": "-1"}, "strip_components"),
    ],
)
def test_parameters_that_make_no_sense_are_refused(tmp_path: Path, more: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        make_module(Unpack, {"src": "/a.tgz", "dest": "/srv/a", **more}, [tmp_path])


def test_times_of_files_are_those_in_the_archive(tmp_path: Path) -> None:
    (tmp_path / "app.tgz").write_bytes(making.APP)
    with TestHost() as host:
        host.converge(unpack(tmp_path, strip_components="1"))
    assert (tmp_path / "dest" / "empty").stat().st_mtime == MTIME


def test_the_state_goes_where_the_system_keeps_it() -> None:
    assert manifest.state_directory({}, 0, "/root") == "/var/lib/jetpack/unpack"
    assert manifest.state_directory({}, 1000, "/home/x") == "/home/x/.local/state/jetpack/unpack"
    assert manifest.state_directory({"XDG_STATE_HOME": "/s"}, 1000, "/home/x") == "/s/jetpack/unpack"
    assert manifest.state_directory({"XDG_STATE_HOME": "relative"}, 0, "/root") == "/var/lib/jetpack/unpack"
