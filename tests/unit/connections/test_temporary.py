# SPDX-License-Identifier: GPL-3.0-or-later
"""Temporary directories of helpers that died, whatever the clock did meanwhile."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from jetpack_core.connections.remote.helper import temporary
from jetpack_core.connections.remote.helper.failures import Fail
from jetpack_core.connections.remote.helper.temporary import TemporaryDirectories

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
