# SPDX-License-Identifier: GPL-3.0-or-later
"""A suite of tests for any connection: every operation, with hostile names, failures, cancellation and large files.

Subclass `ConnectionConformance` in a test module and give it a fixture `driver` that yields a connected `Driver`.
"""

# ruff: noqa: S101, S108, D102, PLR2004 - the tests of a kit are tests

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import time
import tracemalloc
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import pytest

from jetpack_core.contracts import operations as ops
from jetpack_core.errors import OperationCode, OperationError, StaleError
from jetpack_core.records import CommandResult, FileKind, FileStat

if TYPE_CHECKING:
    from jetpack_core.contracts.connection import Connection

T = TypeVar("T")

HOSTILE_NAMES = (
    "with space",
    "quote'single",
    'quote"double',
    "new\nline",
    "ends with newline\n",
    "tab\tand\rreturn",
    "-rf",
    "--help",
    "$(touch pwned)`id`;&|<>",
    "*?[a-z]{x,y}~",
    "back\\slash\\0041",
    "percent%s%n",
    "umlaut-äöü-日本-🚀",
    "not utf-8 \udcff\udc80\udc81\udc88",
    "controls \x01\x1b\x7f",
    "...",
)


class Driver:
    """Drive a connection from ordinary tests."""

    def __init__(self, connection: Connection, become: ops.Become | None = None) -> None:
        self.connection = connection
        self.become = become
        self._runner = asyncio.Runner()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine to its end in the connection's event loop."""
        return self._runner.run(work)

    def connect(self) -> Driver:
        """Connect, and return itself."""
        self.run(self.connection.connect())
        return self

    def frame(self, *operations: ops.Operation[Any], show: ops.OutputCallback | None = None) -> list[ops.Reply]:
        """Carry out operations as one frame."""
        return list(self.run(self.execute(*operations, show=show)))

    async def execute(
        self, *operations: ops.Operation[Any], show: ops.OutputCallback | None = None
    ) -> Sequence[ops.Reply]:
        """Carry out operations as one frame, from within the event loop."""
        return await self.connection.execute([ops.Request(one, self.become, show) for one in operations])

    def do(self, operation: ops.Operation[T]) -> T:
        """Carry out one operation and return its value, or raise its error."""
        (reply,) = self.frame(operation)
        if reply.error is not None:
            raise reply.error
        value: T = reply.value  # type: ignore[assignment]
        return value

    def sh(self, script: str, *words: str) -> CommandResult:
        """Run a shell script on the host."""
        return self.do(ops.Run(("sh", "-c", script, "sh", *words)))

    def close(self) -> None:
        """Close the connection and the event loop."""
        self.run(self.connection.close())
        self._runner.close()


def fails(code: OperationCode) -> Any:
    """Expect an OperationError with a code."""
    return _Fails(code)


class _Fails:
    def __init__(self, code: OperationCode) -> None:
        self._code = code

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, _: object) -> bool:
        if error is None:
            pytest.fail(f"nothing was raised, {self._code.name} was expected")
        if not isinstance(error, OperationError):
            return False
        if error.code is not self._code:
            pytest.fail(f"{error.code.name} was raised ({error}), {self._code.name} was expected")
        return True


class ConnectionConformance:
    """What every connection must do."""

    large: ClassVar[int] = 50 << 20
    """Bytes of the large file."""
    peak: ClassVar[int] = 24 << 20
    """Bytes of memory that moving it may take."""

    @pytest.fixture
    def folder(self, driver: Driver) -> str:
        """A directory on the host for one test."""
        return driver.do(ops.TempDirectory("suite"))

    # Looking.

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

    # Hostile names.

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

    # Writing.

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

    # Streaming.

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

    # Expectations.

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

    # Attributes, directories, removing, renaming, copying, linking.

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

    # Commands.

    def test_command_result(self, driver: Driver) -> None:
        result = driver.do(ops.Run(("sh", "-c", "echo out; echo err >&2; exit 3")))
        assert (result.rc, result.stdout, result.stderr, result.ok) == (3, "out\n", "err\n", False)
        assert driver.do(ops.Run(("sh", "-c", "kill -9 $$"))).rc == 137
        assert driver.do(ops.Run(("printf", "%s|", "a b", "", "*", "'\"\n"))).stdout == "a b||*|'\"\n|"

    def test_binary_input_and_output(self, driver: Driver) -> None:
        data = bytes(range(256)) * 500
        result = driver.do(ops.Run(("cat",), stdin=data))
        assert result.stdout.encode("utf-8", "surrogateescape") == data
        assert driver.do(ops.Run(("cat",))).stdout == ""
        assert driver.do(ops.Run(("true",), stdin=data)).ok

    def test_environment_and_directory(self, driver: Driver, folder: str) -> None:
        script = 'printf "%s|" "$LC_ALL" "$LANG" "$A" "$HOME"; pwd'
        words = driver.do(ops.Run(("sh", "-c", script), env={"A": "b c"}, cwd=folder)).stdout.split("|")
        assert words[:3] == ["C.UTF-8", "C.UTF-8", "b c"]
        assert words[3]
        assert words[4].strip() == folder
        other = driver.do(ops.Run(("sh", "-c", script), env={"LANG": "POSIX"})).stdout.split("|")
        assert other[:2] == ["", "POSIX"]
        plain = driver.do(ops.Run(("env",))).stdout
        assert not [line for line in plain.splitlines() if line.startswith(("J=", "T=", "JET"))]

    def test_programs_that_cannot_be_run(self, driver: Driver, folder: str) -> None:
        driver.do(ops.Write(f"{folder}/plain", b"#!/bin/sh\n"))
        for operation, code, subject in (
            (ops.Run(("no-such-program-here",)), OperationCode.NOT_FOUND, "no-such-program-here"),
            (ops.Run((f"{folder}/none",)), OperationCode.NOT_FOUND, f"{folder}/none"),
            (ops.Run((f"{folder}/plain",)), OperationCode.PERMISSION, f"{folder}/plain"),
            (ops.Run(("true",), cwd=f"{folder}/none"), OperationCode.NOT_FOUND, f"{folder}/none"),
        ):
            (reply,) = driver.frame(operation)
            assert isinstance(reply.error, OperationError)
            assert (reply.error.code, reply.error.subject) == (code, subject)

    def test_timeout_kills_all_of_it(self, driver: Driver, folder: str) -> None:
        script = '(sleep 2; touch "$1/child") & sleep 2; touch "$1/late"'
        started = time.monotonic()
        with fails(OperationCode.TIMEOUT):
            driver.do(ops.Run(("sh", "-c", script, "sh", folder), timeout=0.3))
        assert time.monotonic() - started < 1.5
        time.sleep(2.2)
        assert driver.do(ops.List(folder)) == ()

    def test_a_daemon_does_not_hold_up_the_command(self, driver: Driver) -> None:
        started = time.monotonic()
        assert driver.sh("echo started; sleep 5 &").stdout == "started\n"
        assert time.monotonic() - started < 4

    def test_output_is_shown_while_the_command_runs(self, driver: Driver) -> None:
        shown: list[tuple[float, str, bytes]] = []
        started = time.monotonic()

        def show(stream: str, data: bytes) -> None:
            shown.append((time.monotonic() - started, stream, data))

        script = "echo one; sleep 1.5; echo two; echo three >&2"
        (reply,) = driver.frame(ops.Run(("sh", "-c", script)), show=show)
        assert isinstance(reply.value, CommandResult)
        assert (reply.value.stdout, reply.value.stderr) == ("one\ntwo\n", "three\n")
        assert b"".join(data for _, stream, data in shown if stream == "stdout") == b"one\ntwo\n"
        assert b"".join(data for _, stream, data in shown if stream == "stderr") == b"three\n"
        assert shown[0][0] < 1.3

    def test_much_output(self, driver: Driver) -> None:
        result = driver.sh("head -c 3000000 /dev/zero; head -c 2000000 /dev/zero >&2")
        assert (len(result.stdout), len(result.stderr)) == (3000000, 2000000)

    # Frames.

    def test_stop_rule(self, driver: Driver, folder: str) -> None:
        replies = driver.frame(
            ops.Read(f"{folder}/none"),
            ops.Write(f"{folder}/a", b""),
            ops.Write(f"{folder}/none/b", b""),
            ops.Stat(folder),
            ops.Write(f"{folder}/c", b""),
        )
        assert [reply.ran for reply in replies] == [True, True, True, False, False]
        assert [reply.error is None for reply in replies] == [False, True, False, True, True]
        assert [one.path for one in driver.do(ops.List(folder))] == [f"{folder}/a"]
        failing = driver.frame(ops.Run(("false",)), ops.Stat(folder))
        assert failing[1].ran
        missing = driver.frame(ops.Run(("no-such-program-here",), read_only=True), ops.Stat(folder))
        assert not missing[1].ran

    def test_later_requests_see_earlier_ones(self, driver: Driver, folder: str) -> None:
        replies = driver.frame(
            *(ops.Write(f"{folder}/{number}", b"%d" % number) for number in range(30)),
            ops.Run(("sh", "-c", 'cat "$1"/*', "sh", folder)),
            ops.List(folder),
        )
        assert all(reply.error is None for reply in replies)
        listed = replies[-1].value
        assert isinstance(listed, tuple)
        assert len(listed) == 30

    def test_frames_without_requests(self, driver: Driver) -> None:
        assert driver.frame() == []

    def test_cancelled_command_is_killed(self, driver: Driver, folder: str) -> None:
        script = 'echo $$ >"$1/pid"; sleep 2; touch "$1/late"'
        self._cancel(driver, ops.Run(("sh", "-c", script, "sh", folder)), 0.5)
        time.sleep(2.2)
        again = self._reconnected(driver)
        assert again.sh('[ -e "$1/late" ] && echo late', folder).stdout == ""

    def test_cancelled_write_leaves_the_path_as_it_was(self, driver: Driver, tmp_path: Path) -> None:
        # Outside of the temporary directory, for that may go when the connection does.
        place = driver.sh("mktemp -d /tmp/conformance.XXXXXX").stdout.strip()
        with (tmp_path / "source").open("wb") as file:
            file.truncate(2 << 30)
        driver.do(ops.Write(f"{place}/file", b"as it was"))
        self._cancel(driver, ops.Put(tmp_path / "source", f"{place}/file"), 0.25)
        again = self._reconnected(driver)
        try:
            names: list[str] = []
            for _ in range(50):
                names = [one.path for one in again.do(ops.List(place))]
                if names == [f"{place}/file"]:
                    break
                time.sleep(0.1)
            assert names == [f"{place}/file"]
            assert again.do(ops.Read(f"{place}/file")) == b"as it was"
        finally:
            again.do(ops.Remove(place, recursive=True))

    def _cancel(self, driver: Driver, operation: ops.Operation[Any], delay: float) -> None:
        async def start_and_cancel() -> None:
            task = asyncio.create_task(driver.connection.execute([ops.Request(operation, driver.become)]))
            await asyncio.sleep(delay)
            assert not task.done()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

        driver.run(start_and_cancel())

    def _reconnected(self, driver: Driver) -> Driver:
        """Return the driver, connected: cancelling may cost a connection that has no other way to stop."""
        with contextlib.suppress(Exception):
            driver.sh("true")
            return driver
        return driver.connect()

    # Temporary directories.

    def test_temporary_directories_are_private_and_removed(
        self, driver: Driver, new_driver: Callable[[], Driver]
    ) -> None:
        other = new_driver()
        try:
            first, second = other.do(ops.TempDirectory("x")), other.do(ops.TempDirectory("x"))
            assert first != second
            state = other.do(ops.Stat(first))
            assert (state.kind, state.mode) == (FileKind.DIRECTORY, 0o700)
            other.do(ops.Write(f"{first}/file", b""))
        finally:
            other.close()
        for _ in range(50):
            if not driver.do(ops.Stat(first)).exists:
                break
            time.sleep(0.1)
        assert not driver.do(ops.Stat(first)).exists
        assert not driver.do(ops.Stat(second)).exists
