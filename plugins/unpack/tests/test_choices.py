# SPDX-License-Identifier: GPL-3.0-or-later
"""What a task may ask for besides: other names, newer files kept, all at once, a password, no archive left."""

from __future__ import annotations

import os
import shutil
import stat
import threading
from pathlib import Path

import pytest
from jetpack_plugin_unpack.unpack import Unpack
from pydantic import ValidationError

from jetpack_core.errors import StaleError, TaskError
from jetpack_core.records import PlanKind
from jetpack_core.testing.examples import make_module
from jetpack_core.testing.host import TestHost
from plugins.unpack.tests import making
from plugins.unpack.tests.making import MTIME, directory, file, tar
from plugins.unpack.tests.tasks import APP_TREE, tree, unpack
from plugins.unpack.tests.zip_crypto import encrypted

pytestmark = pytest.mark.slow

NONE, CREATE, MODIFY = PlanKind.NONE, PlanKind.CREATE, PlanKind.MODIFY


@pytest.fixture
def app(tmp_path: Path) -> Path:
    (tmp_path / "app.tgz").write_bytes(making.APP)
    return tmp_path


class TestRename:
    def test_files_and_directories_get_other_names(self, host: TestHost, app: Path) -> None:
        task = unpack(app, strip_components="1", rename={"conf": "etc/app", "empty": "bin/empty"})
        host.converge(task)
        expected = {**APP_TREE, "etc/app/app.conf": APP_TREE["conf/app.conf"], "bin/empty": ""}
        assert tree(app / "dest") == {
            name: text for name, text in expected.items() if name not in {"conf/app.conf", "empty"}
        }
        assert host.plan(task).kind is NONE

    def test_a_name_that_nothing_has_is_an_error(self, host: TestHost, app: Path) -> None:
        with pytest.raises(TaskError, match=r"no member 'config' to rename"):
            host.plan(unpack(app, strip_components="1", rename={"config": "etc"}))

    def test_two_files_never_get_one_name(self, host: TestHost, app: Path) -> None:
        with pytest.raises(TaskError, match="the same name"):
            host.plan(unpack(app, strip_components="1", rename={"empty": "conf/app.conf"}))

    @pytest.mark.parametrize("path", ["/etc/passwd", "../x", "a/../../x", "", "a//b"])
    def test_no_new_name_leads_out(self, app: Path, path: str) -> None:
        with pytest.raises(ValidationError, match="no path below dest"):
            unpack(app, rename={"conf": path})


class TestKeepNewer:
    def test_a_newer_file_of_somebody_else_stays(self, host: TestHost, app: Path) -> None:
        (app / "dest" / "conf").mkdir(parents=True)
        (app / "dest" / "conf" / "app.conf").write_text("mine, and newer")
        (app / "dest" / "empty").write_text("older")
        os.utime(app / "dest" / "empty", (MTIME - 10, MTIME - 10))
        task = unpack(app, strip_components="1", keep_newer="true")
        _, outcome = host.converge(task)
        assert tree(app / "dest") == {**APP_TREE, "conf/app.conf": "mine, and newer"}
        assert outcome.result["kept"] == 1
        plan = host.plan(task)
        assert (plan.kind, plan.outcome.result["kept"]) == (NONE, 1)

    def test_what_was_unpacked_is_not_newer_than_its_next_version(self, host: TestHost, app: Path) -> None:
        host.converge(unpack(app, strip_components="1", keep_newer="true"))
        (app / "app.tgz").write_bytes(making.APP_2)
        host.converge(unpack(app, strip_components="1", keep_newer="true"))
        assert tree(app / "dest")["bin/run"] == "#!/bin/sh\necho 2\n"

    def test_it_is_not_kept_unless_asked(self, host: TestHost, app: Path) -> None:
        (app / "dest").mkdir()
        (app / "dest" / "empty").write_text("mine, and newer")
        host.converge(unpack(app, strip_components="1"))
        assert tree(app / "dest") == APP_TREE


class TestSwap:
    def test_a_new_version_takes_the_place_of_the_old_one(self, host: TestHost, app: Path) -> None:
        task = unpack(app, strip_components="1", swap="true", dir_mode="0o750")
        plan, _ = host.converge(task)
        assert plan.kind is CREATE
        assert tree(app / "dest") == APP_TREE
        assert (app / "dest").stat().st_mode & 0o777 == 0o750
        (app / "dest" / "mine").write_text("mine")
        assert host.plan(task).kind is NONE
        (app / "app.tgz").write_bytes(making.APP_2)
        plan, _ = host.converge(task)
        assert {change.field for change in plan.changes if change.after is None} >= {"mine", "empty", "latest"}
        assert sorted(tree(app / "dest")) == ["bin/run", "conf/app.conf", "new"]
        assert host.plan(task).kind is NONE
        assert {path.name for path in app.iterdir()} == {"app.tgz", "dest"}

    def test_an_archive_that_cannot_be_unpacked_leaves_the_old_one(self, host: TestHost, app: Path) -> None:
        task = unpack(app, strip_components="1", swap="true")
        host.converge(task)
        (app / "app.tgz").write_bytes(making.APP_2)
        plan = host.plan(task)
        (app / "dest" / "mine").write_text("made in between")
        with pytest.raises(StaleError):
            host.apply(task, plan)
        assert tree(app / "dest") == {**APP_TREE, "mine": "made in between"}
        assert {path.name for path in app.iterdir()} == {"app.tgz", "dest"}

    def test_a_link_is_not_replaced(self, host: TestHost, app: Path) -> None:
        (app / "real").mkdir()
        (app / "dest").symlink_to("real")
        with pytest.raises(TaskError, match="is a link"):
            host.plan(unpack(app, swap="true"))

    def test_nobody_sees_half_of_it(self, app: Path) -> None:
        versions = [tar(directory("a"), *(file(f"a/{name}", f"{number}\n") for name in "xyz")) for number in range(6)]
        (app / "app.tgz").write_bytes(versions[0])
        task = unpack(app, strip_components="1", swap="true")
        stop, seen, missing = threading.Event(), set(), []

        def look() -> None:
            while not stop.is_set():
                try:
                    fd = os.open(app / "dest", os.O_RDONLY)
                except FileNotFoundError as error:
                    missing.append(error)
                    continue
                names = frozenset(os.listdir(fd))  # noqa: PTH208 - pathlib takes no descriptor
                os.close(fd)
                seen.add(names)

        with TestHost() as host:
            host.converge(task)
            watcher = threading.Thread(target=look)
            watcher.start()
            try:
                for data in versions[1:]:
                    (app / "app.tgz").write_bytes(data)
                    host.converge(task)
            finally:
                stop.set()
                watcher.join()
        assert missing == []
        # A directory that was just replaced is emptied while it is open; the new one is whole from the beginning.
        assert frozenset("xyz") in seen
        assert tree(app / "dest") == dict.fromkeys("xyz", "5\n")

    def test_what_was_of_another_kind_goes_with_the_old_one(self, host: TestHost, app: Path) -> None:
        (app / "dest" / "empty").mkdir(parents=True)
        (app / "dest" / "empty" / "old").write_text("old")
        (app / "dest" / "conf").write_text("a file, and a directory is to be there")
        task = unpack(app, strip_components="1", swap="true")
        host.converge(task)
        assert tree(app / "dest") == APP_TREE
        assert host.plan(task).kind is NONE

    def test_a_private_destination_stays_private(self, host: TestHost, app: Path) -> None:
        (app / "dest").mkdir(mode=0o700)
        (app / "dest" / "old").write_text("old")
        task = unpack(app, strip_components="1", swap="true")
        host.converge(task)
        assert stat.S_IMODE((app / "dest").stat().st_mode) == 0o700
        assert host.plan(task).kind is NONE

    def test_an_archive_inside_goes_with_the_old_one(self, host: TestHost, app: Path) -> None:
        (app / "dest").mkdir()
        (app / "app.tgz").rename(app / "dest" / "app.tgz")
        task = unpack(app, "dest/app.tgz", strip_components="1", swap="true", remove_src="true")
        host.converge(task)
        assert tree(app / "dest") == APP_TREE
        assert host.plan(task).kind is NONE


class TestRemoveSrc:
    def test_the_archive_goes_and_the_second_run_is_matched(self, host: TestHost, app: Path) -> None:
        task = unpack(app, strip_components="1", remove_src="true")
        plan, outcome = host.converge(task)
        assert plan.kind is CREATE
        assert outcome.result["files"] == 4
        assert not (app / "app.tgz").exists()
        assert tree(app / "dest") == APP_TREE
        assert host.plan(task).kind is NONE

    @pytest.mark.parametrize("noted", [True, False])
    def test_an_archive_with_nothing_new_goes_as_well(
        self, host: TestHost, app: Path, state: Path, noted: bool
    ) -> None:
        host.converge(unpack(app, strip_components="1"))
        if not noted:
            shutil.rmtree(state / "jetpack")
        task = unpack(app, strip_components="1", remove_src="true")
        plan, _ = host.converge(task)
        assert plan.kind is MODIFY
        assert [(change.field, change.after) for change in plan.changes] == [(str(app / "app.tgz"), None)]
        assert not (app / "app.tgz").exists()
        assert host.plan(task).kind is NONE

    def test_another_archive_in_its_place_stays(self, host: TestHost, app: Path) -> None:
        host.converge(unpack(app, strip_components="1"))
        task = unpack(app, strip_components="1", remove_src="true")
        plan = host.plan(task)
        (app / "app.tgz").write_bytes(making.APP_2)
        with pytest.raises(StaleError):
            host.apply(task, plan)
        assert (app / "app.tgz").read_bytes() == making.APP_2


class TestPassword:
    def test_an_encrypted_archive_is_unpacked(self, host: TestHost, tmp_path: Path) -> None:
        (tmp_path / "a.zip").write_bytes(encrypted("note", b"hidden", b"open sesame"))
        task = unpack(tmp_path, "a.zip", password="open sesame")
        host.converge(task)
        assert tree(tmp_path / "dest") == {"note": "hidden"}
        assert host.plan(task).kind is NONE
        assert "sesame" not in repr(task)

    def test_a_wrong_one_is_told(self, host: TestHost, tmp_path: Path) -> None:
        (tmp_path / "a.zip").write_bytes(encrypted("note", b"hidden", b"open sesame"))
        with pytest.raises(TaskError, match="the password is not that of"):
            host.plan(unpack(tmp_path, "a.zip", password="wrong"))
        with pytest.raises(TaskError, match="it is encrypted") as caught:
            host.plan(unpack(tmp_path, "a.zip"))
        assert "password" in caught.value.hint

    def test_aes_is_named(self, host: TestHost, tmp_path: Path) -> None:
        (tmp_path / "a.zip").write_bytes(encrypted("note", b"hidden", b"x", method=99))
        with pytest.raises(TaskError, match="AES"):
            host.plan(unpack(tmp_path, "a.zip", password="x"))


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"swap": "true", "keep_newer": "true"}, "no meaning"),
        ({"dest": "/."}, "nothing is unpacked into /"),
        ({"dest": "/tmp/.."}, "nothing is unpacked into /"),
        ({"src": "https://x.example/a.tgz", "remove_src": "true"}, "on the host"),
        ({"access": {"token": "x"}}, "an address"),
        ({"src": "https://user:x@x.example/a.tgz"}, "would show in logs"),
    ],
)
def test_what_contradicts_itself_is_refused(tmp_path: Path, more: dict[str, object], message: str) -> None:
    given = {"src": "/a.tgz", "dest": "/srv/a", **more}
    with pytest.raises(ValidationError, match=message):
        make_module(Unpack, given, [tmp_path])
