# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests of attributes, directories, removing, renaming, copying and linking."""

# ruff: noqa: S101, S108, D102, PLR2004 - the tests of a kit are tests

from __future__ import annotations

import os
from pathlib import Path

from jetpack_core.contracts import operations as ops
from jetpack_core.errors import OperationCode
from jetpack_core.records import FileKind, FileStat
from jetpack_core.testing.connections.driver import Driver
from jetpack_core.testing.connections.expecting import fails


class ChangingSuite:
    """How every connection must change paths."""

    def test_attributes(self, driver: Driver, folder: str) -> None:
        for name in "ab":
            driver.do(ops.Write(f"{folder}/{name}", b""))
        driver.do(ops.SetAttributes((f"{folder}/a", f"{folder}/b"), mode=0o1601))
        assert [one.mode for one in driver.do(ops.List(folder))] == [0o1601] * 2
        who = driver.do(ops.Stat(f"{folder}/a"))
        driver.do(ops.SetAttributes((f"{folder}/a",), owner=who.owner, group=str(who.gid)))
        driver.do(ops.MakeDirectory(f"{folder}/dir", mode=0o2775))
        driver.do(ops.SetAttributes((f"{folder}/dir",), mode=0o755))
        assert driver.do(ops.Stat(f"{folder}/dir")).mode == 0o755
        driver.do(ops.Link(f"{folder}/link", "a"))
        driver.do(ops.SetAttributes((f"{folder}/link",), mode=0o640, owner=who.owner))
        assert driver.do(ops.Stat(f"{folder}/a")).mode == 0o1601
        driver.do(ops.SetAttributes((f"{folder}/link",), mode=0o640, follow=True))
        assert driver.do(ops.Stat(f"{folder}/a")).mode == 0o640
        with fails(OperationCode.NOT_FOUND):
            driver.do(ops.SetAttributes((f"{folder}/a", f"{folder}/none"), mode=0o600))
        assert driver.do(ops.Stat(f"{folder}/a")).mode == 0o600
        for wrong in ({"owner": "nobody-has-this"}, {"group": "nobody-has-this"}):
            with fails(OperationCode.NO_SUCH_ACCOUNT):
                driver.do(ops.SetAttributes((f"{folder}/a",), **wrong))  # type: ignore[arg-type]

    def test_owner(self, driver: Driver, folder: str) -> None:
        root = driver.sh("id -u").stdout.strip() == "0"
        path = f"{folder}/file"
        if not root:
            with fails(OperationCode.PERMISSION):
                driver.do(ops.Write(path, b"", owner="root"))
            assert not driver.do(ops.Stat(path)).exists
            return
        state = driver.do(ops.Write(path, b"x", owner="daemon", group="1", mode=0o4750))
        assert (state.owner, state.gid, state.mode) == ("daemon", 1, 0o4750)
        kept = driver.do(ops.Write(path, b"y"))
        assert (kept.owner, kept.gid, kept.mode) == ("daemon", 1, 0o4750)
        driver.do(ops.SetAttributes((path,), owner="54321", group="54322"))
        state = driver.do(ops.Stat(path))
        assert (state.uid, state.gid, state.owner, state.group) == (54321, 54322, "54321", "54322")
        copied = driver.do(ops.Copy(path, path + "2"))
        assert (copied.uid, copied.gid, copied.mode, copied.mtime) == (54321, 54322, state.mode, state.mtime)
        made = driver.do(ops.MakeDirectory(f"{folder}/dir", owner="daemon", group="daemon", mode=0o2770))
        assert (made.owner, made.group, made.mode) == ("daemon", "daemon", 0o2770)
        driver.do(ops.Link(f"{folder}/link", "/etc/passwd"))
        driver.do(ops.SetAttributes((f"{folder}/link",), owner="daemon"))
        assert driver.do(ops.Stat(f"{folder}/link")).owner == "daemon"
        assert driver.do(ops.Stat("/etc/passwd")).owner == "root"

    def test_make_directory(self, driver: Driver, folder: str) -> None:
        assert driver.do(ops.MakeDirectory(f"{folder}/plain")).mode == 0o755
        assert driver.do(ops.MakeDirectory(f"{folder}/mode", mode=0o1777)).mode == 0o1777
        assert driver.do(ops.MakeDirectory(f"{folder}/x/y/z", mode=0o700, parents=True)).mode == 0o700
        assert driver.do(ops.Stat(f"{folder}/x")).mode == 0o755
        driver.do(ops.Write(f"{folder}/file", b""))
        driver.do(ops.Link(f"{folder}/dangling", "none"))
        for name in ("plain", "file", "dangling"):
            with fails(OperationCode.EXISTS):
                driver.do(ops.MakeDirectory(f"{folder}/{name}"))
        with fails(OperationCode.NOT_FOUND):
            driver.do(ops.MakeDirectory(f"{folder}/p/q"))
        with fails(OperationCode.NOT_A_DIRECTORY):
            driver.do(ops.MakeDirectory(f"{folder}/file/q", parents=True))
        with fails(OperationCode.NO_SUCH_ACCOUNT):
            driver.do(ops.MakeDirectory(f"{folder}/r", owner="nobody-has-this-name"))
        assert not driver.do(ops.Stat(f"{folder}/r")).exists

    def test_remove(self, driver: Driver, folder: str) -> None:
        driver.do(ops.Remove(f"{folder}/none"))
        driver.do(ops.Remove(f"{folder}/none/deeper"))
        driver.do(ops.MakeDirectory(f"{folder}/full/sub", parents=True))
        driver.do(ops.Write(f"{folder}/full/sub/file", b""))
        driver.do(ops.MakeDirectory(f"{folder}/kept"))
        driver.do(ops.Write(f"{folder}/kept/file", b""))
        driver.do(ops.Link(f"{folder}/full/link", f"{folder}/kept"))
        driver.do(ops.Link(f"{folder}/link", f"{folder}/kept"))
        with fails(OperationCode.NOT_EMPTY):
            driver.do(ops.Remove(f"{folder}/full"))
        driver.do(ops.Remove(f"{folder}/full", recursive=True))
        driver.do(ops.Remove(f"{folder}/link", recursive=True))
        assert [one.path for one in driver.do(ops.Walk(folder))] == [f"{folder}/kept", f"{folder}/kept/file"]
        with fails(OperationCode.OTHER):
            driver.do(ops.Remove("/", recursive=True, expect=FileStat("/", FileKind.FILE)))

    def test_rename(self, driver: Driver, folder: str) -> None:
        driver.do(ops.Write(f"{folder}/a", b"a"))
        driver.do(ops.Write(f"{folder}/b", b"b"))
        driver.do(ops.MakeDirectory(f"{folder}/dir"))
        driver.do(ops.MakeDirectory(f"{folder}/full"))
        driver.do(ops.Write(f"{folder}/full/x", b""))
        driver.do(ops.Link(f"{folder}/to-dir", "dir"))
        with fails(OperationCode.EXISTS):
            driver.do(ops.Rename(f"{folder}/a", f"{folder}/b"))
        with fails(OperationCode.EXISTS):
            driver.do(ops.Rename(f"{folder}/a", f"{folder}/dir"))
        with fails(OperationCode.IS_A_DIRECTORY):
            driver.do(ops.Rename(f"{folder}/a", f"{folder}/dir", replace=True))
        with fails(OperationCode.NOT_A_DIRECTORY):
            driver.do(ops.Rename(f"{folder}/dir", f"{folder}/a", replace=True))
        with fails(OperationCode.NOT_EMPTY):
            driver.do(ops.Rename(f"{folder}/dir", f"{folder}/full", replace=True))
        with fails(OperationCode.NOT_FOUND):
            driver.do(ops.Rename(f"{folder}/none", f"{folder}/c"))
        with fails(OperationCode.NOT_FOUND):
            driver.do(ops.Rename(f"{folder}/a", f"{folder}/none/c"))
        driver.do(ops.Rename(f"{folder}/a", f"{folder}/b", replace=True))
        driver.do(ops.Rename(f"{folder}/b", f"{folder}/to-dir", replace=True))
        assert driver.do(ops.Read(f"{folder}/to-dir")) == b"a"
        driver.do(ops.Rename(f"{folder}/full", f"{folder}/dir", replace=True))
        assert [Path(one.path).name for one in driver.do(ops.Walk(folder))] == ["dir", "x", "to-dir"]

    def test_rename_never_crosses_file_systems(self, driver: Driver, folder: str) -> None:
        devices = driver.sh('stat -c %d "$1" /dev/shm', folder).stdout.split()
        other = "/dev/shm" if devices[0] != devices[1] else "/tmp"
        driver.do(ops.Write(f"{folder}/file", b""))
        target = f"{other}/jetpack-conformance-{os.getpid()}"
        with fails(OperationCode.OTHER):
            driver.do(ops.Rename(f"{folder}/file", target))
        assert driver.do(ops.Stat(f"{folder}/file")).exists
        assert not driver.do(ops.Stat(target)).exists

    def test_copy(self, driver: Driver, folder: str) -> None:
        driver.sh('printf data >"$1"; chmod 751 "$1"; touch -d @1000000000 "$1"', f"{folder}/a")
        state = driver.do(ops.Copy(f"{folder}/a", f"{folder}/b"))
        assert (state.path, state.mode, state.mtime, state.size) == (f"{folder}/b", 0o751, 1000000000, 4)
        with fails(OperationCode.EXISTS):
            driver.do(ops.Copy(f"{folder}/a", f"{folder}/b"))
        driver.do(ops.Copy(f"{folder}/a", f"{folder}/b", replace=True))
        with fails(OperationCode.NOT_FOUND):
            driver.do(ops.Copy(f"{folder}/none", f"{folder}/c"))
        with fails(OperationCode.IS_A_DIRECTORY):
            driver.do(ops.Copy(folder, f"{folder}/c"))
        driver.do(ops.MakeDirectory(f"{folder}/dir"))
        with fails(OperationCode.IS_A_DIRECTORY):
            driver.do(ops.Copy(f"{folder}/a", f"{folder}/dir", replace=True))
        assert [Path(one.path).name for one in driver.do(ops.Walk(folder))] == ["a", "b", "dir"]

    def test_link(self, driver: Driver, folder: str) -> None:
        driver.do(ops.Write(f"{folder}/file", b"x"))
        driver.do(ops.MakeDirectory(f"{folder}/dir"))
        assert driver.do(ops.Link(f"{folder}/soft", "file")).target == "file"
        hard = driver.do(ops.Link(f"{folder}/hard", f"{folder}/file", hard=True))
        assert hard.kind is FileKind.FILE
        assert driver.sh('[ "$1" -ef "$2" ]', f"{folder}/hard", f"{folder}/file").ok
        for path in ("soft", "file"):
            with fails(OperationCode.EXISTS):
                driver.do(ops.Link(f"{folder}/{path}", "other"))
        with fails(OperationCode.IS_A_DIRECTORY):
            driver.do(ops.Link(f"{folder}/dir", "other", replace=True))
        with fails(OperationCode.NOT_FOUND):
            driver.do(ops.Link(f"{folder}/hard2", f"{folder}/none", hard=True))
        driver.do(ops.Link(f"{folder}/hard", f"{folder}/file", hard=True, replace=True))
        driver.do(ops.Link(f"{folder}/soft", "dir", replace=True))
        driver.do(ops.Link(f"{folder}/soft", "elsewhere", replace=True))
        assert driver.do(ops.Stat(f"{folder}/soft")).target == "elsewhere"
        names = [Path(one.path).name for one in driver.do(ops.Walk(folder))]
        assert names == ["dir", "file", "hard", "soft"]
