# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests of what only looks at a host."""

# ruff: noqa: S101, D102 - the tests of a kit are tests

from __future__ import annotations

import hashlib

import pytest

from jetpack_core.contracts import operations as ops
from jetpack_core.errors import OperationCode, OperationError
from jetpack_core.records import FileKind, FileStat
from jetpack_core.testing.connections.driver import Driver
from jetpack_core.testing.connections.expecting import HOSTILE_NAMES, fails


class LookingSuite:
    """What every connection must see."""

    def test_missing_path_is_an_answer(self, driver: Driver, folder: str) -> None:
        assert driver.do(ops.Stat(f"{folder}/none")) == FileStat(f"{folder}/none")
        assert driver.do(ops.Stat(f"{folder}/none/deeper")) == FileStat(f"{folder}/none/deeper")
        driver.do(ops.Write(f"{folder}/file", b""))
        assert not driver.do(ops.Stat(f"{folder}/file/below")).exists

    def test_stat_tells_everything_of_a_file(self, driver: Driver, folder: str) -> None:
        path = f"{folder}/file"
        driver.sh('printf abc >"$1" && chmod 4751 "$1" && touch -d @1234567890 "$1"', path)
        state = driver.do(ops.Stat(path, checksum=True, content=10))
        who = driver.sh("id -un; id -gn; id -u; id -g").stdout.split()
        assert state == FileStat(
            path,
            FileKind.FILE,
            0o4751,
            int(who[2]),
            int(who[3]),
            who[0],
            who[1],
            3,
            1234567890,
            None,
            hashlib.sha256(b"abc").hexdigest(),
            b"abc",
        )

    def test_content_comes_only_within_its_limit(self, driver: Driver, folder: str) -> None:
        driver.do(ops.Write(f"{folder}/file", b"12345"))
        assert driver.do(ops.Stat(f"{folder}/file", content=5)).content == b"12345"
        assert driver.do(ops.Stat(f"{folder}/file", content=4)).content is None
        assert driver.do(ops.Stat(f"{folder}/file")).content is None
        driver.do(ops.Write(f"{folder}/empty", b""))
        assert driver.do(ops.Stat(f"{folder}/empty", content=1)).content == b""

    def test_links_are_described_or_followed(self, driver: Driver, folder: str) -> None:
        driver.do(ops.Write(f"{folder}/file", b"x", mode=0o600))
        driver.do(ops.Link(f"{folder}/link", "file"))
        driver.do(ops.Link(f"{folder}/dangling", "nowhere\n"))
        link = driver.do(ops.Stat(f"{folder}/link", checksum=True, content=9))
        assert (link.kind, link.target, link.content, link.checksum) == (FileKind.SYMLINK, "file", None, None)
        followed = driver.do(ops.Stat(f"{folder}/link", follow=True, content=9))
        assert (followed.kind, followed.target, followed.content) == (FileKind.FILE, None, b"x")
        assert followed.path == f"{folder}/link"
        assert driver.do(ops.Stat(f"{folder}/dangling")).target == "nowhere\n"
        assert not driver.do(ops.Stat(f"{folder}/dangling", follow=True)).exists

    def test_other_kinds(self, driver: Driver, folder: str) -> None:
        assert driver.do(ops.Stat("/dev/null")).kind is FileKind.OTHER
        driver.sh('mkfifo "$1"', f"{folder}/fifo")
        assert driver.do(ops.Stat(f"{folder}/fifo", checksum=True, content=5)).kind is FileKind.OTHER
        assert driver.do(ops.Stat(folder)).kind is FileKind.DIRECTORY

    def test_list_and_walk_are_sorted_and_complete(self, driver: Driver, folder: str) -> None:
        driver.do(ops.MakeDirectory(f"{folder}/b/c", parents=True))
        driver.do(ops.Write(f"{folder}/b/c/deep", b"deep"))
        driver.do(ops.Write(f"{folder}/a", b"a"))
        driver.do(ops.Write(f"{folder}/.hidden", b""))
        driver.do(ops.Link(f"{folder}/b/up", ".."))
        listed = driver.do(ops.List(folder))
        assert [state.path for state in listed] == [f"{folder}/.hidden", f"{folder}/a", f"{folder}/b"]
        walked = driver.do(ops.Walk(folder, checksum=True))
        names = [".hidden", "a", "b", "b/c", "b/c/deep", "b/up"]
        assert [state.path for state in walked] == [f"{folder}/{name}" for name in names]
        assert walked[4].checksum == hashlib.sha256(b"deep").hexdigest()
        assert walked[5].target == ".."
        singly = [driver.do(ops.Stat(state.path, checksum=True)) for state in walked]
        assert list(walked) == singly

    def test_list_of_what_is_no_directory(self, driver: Driver, folder: str) -> None:
        driver.do(ops.Write(f"{folder}/file", b""))
        for operation in (ops.List, ops.Walk):
            with fails(OperationCode.NOT_A_DIRECTORY):
                driver.do(operation(f"{folder}/file"))
            with fails(OperationCode.NOT_FOUND):
                driver.do(operation(f"{folder}/none"))
            assert driver.do(operation(driver.do(ops.TempDirectory()))) == ()

    def test_read(self, driver: Driver, folder: str) -> None:
        data = bytes(range(256)) * 3
        driver.do(ops.Write(f"{folder}/file", data))
        assert driver.do(ops.Read(f"{folder}/file")) == data
        assert driver.do(ops.Read(f"{folder}/file", limit=len(data))) == data
        with fails(OperationCode.TOO_LARGE):
            driver.do(ops.Read(f"{folder}/file", limit=len(data) - 1))
        with fails(OperationCode.NOT_FOUND):
            driver.do(ops.Read(f"{folder}/none"))
        with fails(OperationCode.IS_A_DIRECTORY):
            driver.do(ops.Read(folder))
        assert b"Linux" in driver.do(ops.Read("/proc/version"))

    @pytest.mark.parametrize("name", HOSTILE_NAMES)
    def test_hostile_names(self, driver: Driver, folder: str, name: str) -> None:
        path = f"{folder}/{name}"
        assert driver.do(ops.Write(path, b"content")).path == path
        assert driver.do(ops.Read(path)) == b"content"
        assert driver.do(ops.Stat(path, checksum=True, content=99)).content == b"content"
        driver.do(ops.SetAttributes((path,), mode=0o600))
        driver.do(ops.Copy(path, path + "2"))
        driver.do(ops.Rename(path + "2", path + "3"))
        driver.do(ops.Link(path + "4", name))
        driver.do(ops.MakeDirectory(f"{folder}/sub{name}/{name}", parents=True))
        state = driver.do(ops.Stat(path + "4"))
        assert state.target == name
        found = sorted([path, path + "3", path + "4", f"{folder}/sub{name}"])
        assert [one.path for one in driver.do(ops.List(folder))] == found
        walked = driver.do(ops.Walk(folder, checksum=True))
        assert [one.path for one in walked] == sorted([*found, f"{folder}/sub{name}/{name}"])
        echoed = driver.do(ops.Run(("printf", "%s", name), env={"N": name}, cwd=f"{folder}/sub{name}"))
        assert echoed.stdout == name
        assert driver.do(ops.Run(("sh", "-c", 'printf %s "$N"'), env={"N": name})).stdout == name
        driver.do(ops.Remove(f"{folder}/sub{name}", recursive=True))
        for one in (path, path + "3", path + "4"):
            driver.do(ops.Remove(one))
        assert driver.do(ops.List(folder)) == ()

    def test_a_zero_byte_is_an_error_of_that_operation_alone(self, driver: Driver, folder: str) -> None:
        first, second, third = driver.frame(ops.Stat(f"{folder}/a\0b"), ops.Stat(folder), ops.Remove(f"{folder}/a\0b"))
        assert isinstance(first.error, OperationError)
        assert isinstance(second.value, FileStat)
        assert isinstance(third.error, OperationError)
