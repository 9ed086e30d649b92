# SPDX-License-Identifier: GPL-3.0-or-later
"""Temporary directories: what helpers that died left, whatever the clock did, and what others removed meanwhile."""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from jetpack_core.connections.framed import FramedClient
from jetpack_core.connections.local import LocalConnection
from jetpack_core.connections.payload import helper_payload
from jetpack_core.connections.pipe import ProcessPipe
from jetpack_core.connections.remote.helper import boot, temporary
from jetpack_core.connections.remote.helper.failures import Fail
from jetpack_core.connections.remote.helper.requests import Work, carry_out
from jetpack_core.connections.remote.helper.temporary import TemporaryDirectories
from jetpack_core.contracts.connection import Endpoint
from jetpack_core.contracts.operations import Request, Run, RunFile, TempDirectory

DAY = 86400
DIES = """
import os
from jetpack_core.connections.remote.helper.temporary import TemporaryDirectories
print(TemporaryDirectories().make("left"), flush=True)
os.kill(os.getpid(), 9)
"""


@pytest.fixture
def left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the directory of a helper that was killed this moment."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    ended = subprocess.run([sys.executable, "-c", DIES], capture_output=True, text=True, check=False, timeout=60)
    return Path(ended.stdout.strip()).parent


@pytest.mark.parametrize("offset", [0, -5 * DAY, 5 * DAY])
def test_what_the_dead_left_goes_with_the_next(left: Path, offset: int) -> None:
    assert left.is_dir()
    os.utime(left, (time.time() + offset,) * 2)
    directories = TemporaryDirectories()
    directories.make("mine")
    assert not left.exists()
    directories.close()


@pytest.mark.parametrize("offset", [0, -5 * DAY, 5 * DAY])
def test_what_the_living_use_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, offset: int) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    living, other = TemporaryDirectories(), TemporaryDirectories()
    used = Path(living.make("used"))
    os.utime(used.parent, (time.time() + offset,) * 2)
    other.make("mine")
    assert used.is_dir()
    for one in (other, living):
        one.close()
    assert list(tmp_path.iterdir()) == []


def test_one_that_was_made_this_moment_is_not_taken_for_dead(left: Path) -> None:
    about_to_be_locked = left.parent / f"{os.getpid()}-cafe"
    about_to_be_locked.mkdir()
    directories = TemporaryDirectories()
    directories.make("mine")
    assert about_to_be_locked.is_dir()
    directories.close()


def test_all_that_was_tried_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a host without /tmp whose user has no home; a file and what is not there are places for nobody."""
    (tmp_path / "file").write_text("")
    tried = [str(tmp_path / "file"), str(tmp_path / "gone")]
    monkeypatch.setattr(temporary, "places", lambda: [os.fsencode(path) for path in tried])
    with pytest.raises(Fail) as caught:
        TemporaryDirectories().make("mine")
    assert caught.value.code == "READ_ONLY"
    named = ", ".join(f"{path} (no directory)" for path in tried)
    assert caught.value.detail == f"no place for private files in {named}"


def test_each_place_is_tried_once_by_its_whole_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", "/tmp")
    monkeypatch.setenv("HOME", "here")
    assert temporary.places() == [b"/tmp", b"/var/tmp", b"/dev/shm"]


def test_another_place_is_made_when_somebody_tidied_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    directories = TemporaryDirectories()
    first = Path(directories.make("first"))
    shutil.rmtree(first.parent.parent)
    second = Path(directories.make("second"))
    assert second.is_dir()
    directories.close()
    assert list(tmp_path.iterdir()) == []


def test_what_has_the_name_of_ours_by_now_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    directories = TemporaryDirectories()
    mine = Path(directories.make("first")).parent
    mine.rename(tmp_path / "away")
    mine.mkdir()
    assert Path(directories.make("second")).parent != mine
    directories.close()


def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    directories = TemporaryDirectories()
    with pytest.raises(Fail) as caught:
        directories.make("x" * 300)
    assert (caught.value.code, caught.value.detail) == ("OTHER", "file name too long")
    assert caught.value.subject.startswith(str(tmp_path))
    assert Path(directories.make("shorter")).is_dir()
    directories.close()


@pytest.mark.parametrize("kind", ["local", "python"])
def test_a_task_that_tidies_up_does_not_stop_those_behind_it(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "tmp"
    place.mkdir()
    monkeypatch.setenv("TMPDIR", str(place))
    (tmp_path / "hello").write_text("#!/bin/sh\necho hello\n")
    script = Request(RunFile(("hello",), source=tmp_path / "hello"))
    tidy = Request(Run(("find", str(place), "-mindepth", "1", "-delete")))

    async def scenario() -> None:
        connection = LocalConnection(Endpoint("here")) if kind == "local" else await helper()
        for frame in ([script, tidy, script], [script], [tidy], [Request(TempDirectory("x" * 300)), script], [script]):
            replies = await connection.execute(frame)
            assert [reply.error is None for reply in replies] == [isinstance(one.operation, Run) for one in frame]
        await connection.close()

    asyncio.run(scenario())
    assert list(place.iterdir()) == []


async def helper() -> FramedClient:
    payload = helper_payload()
    argv = [sys.executable, "-ISc", boot.CODE, "nonce" + boot.PYTHON_MARK, str(len(payload))]
    client = FramedClient(await ProcessPipe.start(argv))
    await client.pipe.write(payload)
    await client.start(b"nonce")
    return client


class Full(Work):
    """What no operation foresaw."""

    def temporary(self, prefix: str) -> str:
        raise OSError(errno.ENOSPC, "no space left", b"/here") if prefix == "path" else OSError(errno.EIO, "broken")


def test_an_error_that_no_operation_foresaw_fails_its_request() -> None:
    assert carry_out(Full(), 0, ["temporary", "path"]) == ([0, "NO_SPACE", "/here", ""], False)
    said = os.strerror(errno.EIO).lower()
    assert carry_out(Full(), 0, ["temporary", "none"]) == ([0, "OTHER", "temporary", said], False)
