# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests of writing, streaming and expectations."""

# ruff: noqa: S101, D102, PLR2004 - the tests of a kit are tests

from __future__ import annotations

import hashlib
import os
import tracemalloc
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import pytest

from jetpack_core.contracts import operations as ops
from jetpack_core.errors import OperationCode, OperationError, StaleError
from jetpack_core.records import FileKind, FileStat
from jetpack_core.testing.connections.driver import Driver
from jetpack_core.testing.connections.expecting import fails


class WritingSuite:
    """How every connection must write."""

    large: ClassVar[int] = 50 << 20
    """Bytes of the large file."""
    peak: ClassVar[int] = 24 << 20
    """Bytes of memory that moving it may take."""

    @pytest.mark.parametrize("size", [0, 1, 1000, 5000, 300_000, (1 << 20) + 1])
    def test_every_byte_arrives(self, driver: Driver, folder: str, size: int) -> None:
        data = (bytes(range(256)) * (size // 256 + 1))[:size]
        state = driver.do(ops.Write(f"{folder}/file", data))
        assert (state.kind, state.size, state.mode) == (FileKind.FILE, size, 0o644)
        assert driver.do(ops.Stat(f"{folder}/file", checksum=True)).checksum == hashlib.sha256(data).hexdigest()
        assert driver.do(ops.Read(f"{folder}/file")) == data

    def test_write_keeps_what_is_not_given(self, driver: Driver, folder: str) -> None:
        path = f"{folder}/file"
        driver.do(ops.Write(path, b"one", mode=0o640))
        before = driver.sh('stat -c %i "$1"', path).stdout
        state = driver.do(ops.Write(path, b"two"))
        assert (state.mode, driver.do(ops.Read(path))) == (0o640, b"two")
        assert driver.sh('stat -c %i "$1"', path).stdout != before
        assert driver.do(ops.Write(path, b"three", mode=0o4711)).mode == 0o4711
        assert driver.do(ops.Stat(path)).mode == 0o4711

    def test_write_replaces_links_unless_it_follows(self, driver: Driver, folder: str) -> None:
        driver.do(ops.Write(f"{folder}/real", b"old", mode=0o600))
        driver.do(ops.Link(f"{folder}/link", "real"))
        state = driver.do(ops.Write(f"{folder}/link", b"new", follow=True))
        assert state.mode == 0o600
        assert driver.do(ops.Read(f"{folder}/real")) == b"new"
        assert driver.do(ops.Stat(f"{folder}/link")).kind is FileKind.SYMLINK
        driver.do(ops.Write(f"{folder}/link", b"own"))
        assert driver.do(ops.Stat(f"{folder}/link")).kind is FileKind.FILE
        assert driver.do(ops.Read(f"{folder}/real")) == b"new"

    def test_write_failures_leave_nothing(self, driver: Driver, folder: str) -> None:
        driver.do(ops.MakeDirectory(f"{folder}/dir"))
        driver.do(ops.Write(f"{folder}/file", b"as it was"))
        with fails(OperationCode.IS_A_DIRECTORY):
            driver.do(ops.Write(f"{folder}/dir", b""))
        with fails(OperationCode.NOT_FOUND):
            driver.do(ops.Write(f"{folder}/none/file", b""))
        with fails(OperationCode.NOT_A_DIRECTORY):
            driver.do(ops.Write(f"{folder}/file/below", b""))
        with fails(OperationCode.NO_SUCH_ACCOUNT):
            driver.do(ops.Write(f"{folder}/file", b"x", owner="nobody-has-this-name"))
        assert driver.do(ops.Read(f"{folder}/file")) == b"as it was"
        assert [Path(one.path).name for one in driver.do(ops.List(folder))] == ["dir", "file"]

    def test_permission(self, driver: Driver, folder: str) -> None:
        root = driver.sh("id -u").stdout.strip() == "0"
        driver.do(ops.Write(f"{folder}/file", b"secret", mode=0o000))
        driver.do(ops.MakeDirectory(f"{folder}/closed", mode=0o000))
        if root:
            assert driver.do(ops.Read(f"{folder}/file")) == b"secret"
            assert driver.do(ops.List(f"{folder}/closed")) == ()
        else:
            for operation in (
                ops.Read(f"{folder}/file"),
                ops.Stat(f"{folder}/file", checksum=True),
                ops.Stat(f"{folder}/closed/any"),
                ops.List(f"{folder}/closed"),
                ops.Write(f"{folder}/closed/any", b""),
                ops.MakeDirectory("/etc/jetpack-conformance"),
                ops.Write("/etc/jetpack-conformance", b""),
                ops.SetAttributes(("/etc/passwd",), mode=0o644),
                ops.Remove("/etc/passwd"),
                ops.Copy("/etc/shadow", f"{folder}/copy"),
            ):
                with fails(OperationCode.PERMISSION):
                    driver.do(operation)
        driver.do(ops.SetAttributes((f"{folder}/closed",), mode=0o700))

    def test_large_file_there_and_back(self, driver: Driver, folder: str, tmp_path: Path) -> None:
        source, back = tmp_path / "source", tmp_path / "back"
        block = os.urandom(1 << 20)
        with source.open("wb") as file:
            for _ in range(self.large >> 20):
                file.write(block)
        tracemalloc.start()
        try:
            state = driver.do(ops.Put(source, f"{folder}/large", mode=0o600))
            fetched = driver.do(ops.Get(f"{folder}/large", back))
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert (state.size, state.mode, state.kind) == (self.large, 0o600, FileKind.FILE)
        with source.open("rb") as file:
            checksum = hashlib.file_digest(file, "sha256").hexdigest()
        assert fetched.checksum == checksum
        with back.open("rb") as file:
            assert hashlib.file_digest(file, "sha256").hexdigest() == checksum
        assert driver.do(ops.Stat(f"{folder}/large", checksum=True)).checksum == checksum
        assert peak < self.peak

    def test_several_puts_in_one_frame(self, driver: Driver, folder: str, tmp_path: Path) -> None:
        contents = {f"{number}": os.urandom(number * 700_000) for number in range(4)}
        for name, data in contents.items():
            (tmp_path / name).write_bytes(data)
        replies = driver.frame(*(ops.Put(tmp_path / name, f"{folder}/{name}") for name in contents), ops.List(folder))
        assert [reply.error for reply in replies] == [None] * 5
        for name, data in contents.items():
            assert driver.do(ops.Read(f"{folder}/{name}")) == data

    def test_put_of_an_unreadable_source(self, driver: Driver, folder: str, tmp_path: Path) -> None:
        put, after = driver.frame(ops.Put(tmp_path / "none", f"{folder}/file"), ops.Stat(folder))
        assert isinstance(put.error, OperationError)
        assert str(tmp_path / "none") in str(put.error)
        assert not after.ran
        assert driver.do(ops.List(folder)) == ()

    def test_failed_put_stops_the_frame_and_the_next_one_works(
        self, driver: Driver, folder: str, tmp_path: Path
    ) -> None:
        (tmp_path / "source").write_bytes(b"x" * 9_000_000)
        put, after = driver.frame(ops.Put(tmp_path / "source", f"{folder}/no/file"), ops.Stat(folder))
        assert isinstance(put.error, OperationError)
        assert put.error.code is OperationCode.NOT_FOUND
        assert not after.ran
        assert driver.do(ops.Put(tmp_path / "source", f"{folder}/file")).size == 9_000_000

    def test_get_failures_leave_nothing(self, driver: Driver, folder: str, tmp_path: Path) -> None:
        with fails(OperationCode.NOT_FOUND):
            driver.do(ops.Get(f"{folder}/none", tmp_path / "new"))
        with fails(OperationCode.IS_A_DIRECTORY):
            driver.do(ops.Get(folder, tmp_path / "new"))
        driver.do(ops.Write(f"{folder}/file", b"x"))
        with fails(OperationCode.OTHER):
            driver.do(ops.Get(f"{folder}/file", tmp_path / "none" / "new"))
        assert list(tmp_path.iterdir()) == []
        driver.do(ops.Write(f"{folder}/empty", b""))
        driver.do(ops.Get(f"{folder}/empty", tmp_path / "empty"))
        assert (tmp_path / "empty").read_bytes() == b""

    def test_expect_lets_through_what_is_as_it_was(self, driver: Driver, folder: str) -> None:
        path = f"{folder}/file"
        missing = driver.do(ops.Stat(path))
        state = driver.do(ops.Write(path, b"one", expect=missing))
        state = driver.do(ops.Write(path, b"two", expect=state))
        state = driver.do(ops.Stat(path, content=10))
        driver.do(ops.SetAttributes((path,), mode=0o600, expect=state))
        state = driver.do(ops.Stat(path))
        driver.do(ops.Rename(path, path + "2", expect=state))
        link = driver.do(ops.Link(path, "2", expect=missing))
        driver.do(ops.Link(path, "3", replace=True, expect=link))
        driver.do(ops.Remove(path + "2", expect=driver.do(ops.Stat(path + "2", checksum=True))))
        driver.do(ops.Remove(path, expect=driver.do(ops.Stat(path))))

    def test_expect_refuses_what_changed(self, driver: Driver, folder: str, tmp_path: Path) -> None:
        path = f"{folder}/file"
        (tmp_path / "source").write_bytes(b"new")
        state = driver.do(ops.Write(path, b"abc", mode=0o640))
        seen = driver.do(ops.Stat(path, checksum=True))
        stale = [
            FileStat(path),
            replace(state, mode=0o600),
            replace(state, size=4),
            replace(seen, checksum=hashlib.sha256(b"xyz").hexdigest()),
            replace(state, uid=state.uid + 1),
            replace(state, kind=FileKind.DIRECTORY),
            replace(state, kind=FileKind.SYMLINK, target="x"),
            replace(state, checksum=None, mtime=state.mtime - 5),
            replace(state, checksum=None, content=b"xyz"),
        ]
        for expect in stale:
            for operation in (
                ops.Write(path, b"new", expect=expect),
                ops.Put(tmp_path / "source", path, expect=expect),
                ops.SetAttributes((path,), mode=0o777, expect=expect),
                ops.Remove(path, expect=expect),
                ops.Rename(path, path + "2", expect=expect),
                ops.Link(path, "t", replace=True, expect=expect),
            ):
                with pytest.raises(StaleError):
                    driver.do(operation)
        assert driver.do(ops.Stat(path, checksum=True)) == seen
        with pytest.raises(StaleError):
            driver.do(ops.Write(f"{folder}/gone", b"", expect=replace(state, path=f"{folder}/gone")))
        with pytest.raises(StaleError):
            driver.do(ops.Remove(f"{folder}/gone", expect=replace(state, path=f"{folder}/gone")))
        assert [one.path for one in driver.do(ops.List(folder))] == [path]

    def test_two_edits_of_one_file_in_one_frame(self, driver: Driver, folder: str) -> None:
        path = f"{folder}/file"
        seen = driver.do(ops.Write(path, b"0"))
        first, second, third = driver.frame(
            ops.Write(path, b"1", expect=seen), ops.Write(path, b"2", expect=seen), ops.Stat(path)
        )
        assert first.error is None
        assert isinstance(second.error, StaleError)
        assert not third.ran
        assert driver.do(ops.Read(path)) == b"1"
