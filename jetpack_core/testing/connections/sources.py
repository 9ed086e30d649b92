# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests of sending files of the control machine that change meanwhile."""

# ruff: noqa: S101, D102, PLR2004 - the tests of a kit are tests

from __future__ import annotations

import contextlib
import hashlib
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Final, Self

import pytest

from jetpack_core.contracts import operations as ops
from jetpack_core.contracts.sources import SourceState
from jetpack_core.errors import OperationCode, OperationError, SourceChangedError, StaleError
from jetpack_core.records import FileStat
from jetpack_core.testing.connections.driver import Driver

_ATTEMPTS: Final = 20
"""A change may come too late on a busy machine: then the file must have arrived as it was, and it is tried again."""
_OLD: Final = b"as it was"


def _overwrite(source: Path) -> None:
    with source.open("r+b") as file:
        file.write(b"\xff" * 4096)
        file.seek(-4096, os.SEEK_END)
        file.write(b"\xff" * 4096)


def _append(source: Path) -> None:
    with source.open("ab") as file:
        file.write(b"more")


def _replace(source: Path) -> None:
    other = source.with_name("other")
    other.write_bytes(b"another file")
    other.replace(source)


_CHANGES: Final[dict[str, Callable[[Path], None]]] = {
    "shorter": lambda source: os.truncate(source, 5000),
    "overwritten": _overwrite,
    "longer": _append,
}
_NO_CHANGES: Final[dict[str, Callable[[Path], None]]] = {
    "chmod": lambda source: source.chmod(0o755),
    "link": lambda source: source.with_name("link").hardlink_to(source),
    "replaced": _replace,
    "removed": Path.unlink,
}


@dataclass
class _Meddler:
    """Does something to a file as soon as this process has opened it."""

    source: Path
    change: Callable[[Path], None]
    over: bool = False
    done: bool = False

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def _watch(self) -> None:
        path = str(self.source)
        while not self.over:
            if path in _opened():
                self.change(self.source)
                self.done = True
                return
            time.sleep(0.0005)

    def __exit__(self, *_: object) -> None:
        self.over = True
        self._thread.join()


def _opened() -> set[str]:
    paths = set()
    for number in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):
            paths.add(str(number.readlink()))
    return paths


class SourcesSuite:
    """How every connection must send files that change meanwhile: whole, or not at all."""

    source_size: ClassVar[int] = 48 << 20
    """Bytes of the file that changes while it is sent."""

    @pytest.mark.parametrize("change", _CHANGES)
    def test_a_source_that_changes_while_it_is_sent_is_not_put_in_place(
        self, driver: Driver, folder: str, tmp_path: Path, change: str
    ) -> None:
        source, path = tmp_path / "source", f"{folder}/file"
        for _ in range(_ATTEMPTS):
            before = self._write(source)
            driver.do(ops.Write(path, _OLD))
            with _Meddler(source, _CHANGES[change]):
                put, after = driver.frame(ops.Put(source, path), ops.Stat(folder))
            assert [one.path for one in driver.do(ops.List(folder))] == [path]
            if put.error is not None:
                break
            # The change may as well have come before the source was looked at, or after it was sent: never in between.
            now = hashlib.sha256(source.read_bytes()).hexdigest()
            assert driver.do(ops.Stat(path, checksum=True)).checksum in {before, now}
        else:
            pytest.fail("the source was never found to have changed")
        assert isinstance(put.error, SourceChangedError)
        assert put.error.message == f"the control machine's {source} changed while it was being sent"
        assert not after.ran
        assert driver.do(ops.Read(path)) == _OLD
        source.write_bytes(b"new")
        assert driver.do(ops.Put(source, path)).size == 3

    @pytest.mark.parametrize("change", _NO_CHANGES)
    def test_a_source_whose_content_stays_is_sent_whatever_else_changes(
        self, driver: Driver, folder: str, tmp_path: Path, change: str
    ) -> None:
        source, path = tmp_path / "source", f"{folder}/file"
        for _ in range(_ATTEMPTS):
            before = self._write(source)
            with _Meddler(source, _NO_CHANGES[change]) as meddler:
                put, listed = driver.frame(ops.Put(source, path), ops.List(folder))
            assert put.error is None
            assert isinstance(listed.value, tuple)
            assert [(one.path, one.size) for one in listed.value] == [(path, self.source_size)]
            assert driver.do(ops.Stat(path, checksum=True)).checksum == before
            if meddler.done:
                return
        pytest.fail("the source was never seen to be open")

    @pytest.mark.parametrize("change", [*_CHANGES, "replaced"])
    def test_a_source_that_is_not_as_it_was_seen_is_stale(
        self, driver: Driver, folder: str, tmp_path: Path, change: str
    ) -> None:
        source = tmp_path / "source"
        source.write_bytes(b"x" * 20_000)
        os.utime(source, (1, 1))
        seen = SourceState.of(source.stat())
        state = driver.do(ops.Put(source, f"{folder}/file", seen=seen))
        assert isinstance(state, FileStat)
        {**_CHANGES, **_NO_CHANGES}[change](source)
        with pytest.raises(StaleError, match="source: changed since it was looked at"):
            driver.do(ops.Put(source, f"{folder}/file", seen=seen))
        assert driver.do(ops.List(folder)) == (driver.do(ops.Stat(f"{folder}/file")),)
        assert driver.do(ops.Read(f"{folder}/file")) == b"x" * 20_000

    def test_a_program_that_changes_while_it_is_sent_is_not_run(
        self, driver: Driver, folder: str, tmp_path: Path
    ) -> None:
        source = tmp_path / "program"
        for _ in range(_ATTEMPTS):
            self._write(source, b'touch "$1/ran"\nexit 0\n')
            with _Meddler(source, _CHANGES["shorter"]):
                run, after = driver.frame(ops.RunFile(("sh", "program", folder), source=source, place=1), ops.Stat("/"))
            if run.error is not None:
                break
            driver.do(ops.Remove(f"{folder}/ran"))
        else:
            pytest.fail("the program was never found to have changed")
        assert isinstance(run.error, SourceChangedError)
        assert not after.ran
        assert driver.do(ops.List(folder)) == ()

    def test_a_source_that_is_a_pipe_is_refused(self, driver: Driver, folder: str, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "pipe")
        with pytest.raises(OperationError, match="it is a device, socket or pipe") as raised:
            driver.do(ops.Put(tmp_path / "pipe", f"{folder}/file"))
        assert raised.value.code is OperationCode.OTHER
        assert driver.do(ops.List(folder)) == ()

    def test_a_source_whose_size_the_system_does_not_tell(self, driver: Driver, folder: str) -> None:
        source = Path("/proc/version")
        driver.do(ops.Put(source, f"{folder}/file", seen=SourceState.of(source.stat())))
        assert driver.do(ops.Read(f"{folder}/file")) == source.read_bytes()

    def _write(self, source: Path, begin: bytes = b"") -> str:
        """Make the source anew, and return its checksum."""
        source.write_bytes(begin)
        os.truncate(source, self.source_size)
        os.utime(source, (1, 1))
        with source.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
