# SPDX-License-Identifier: GPL-3.0-or-later
"""The lock that keeps a second run off a host, in a directory of the test's own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from jetpack_core.connections.remote.helper import holding
from jetpack_core.connections.remote.helper.failures import Fail
from jetpack_core.connections.remote.helper.holding import RunLock

HOLDER = """
import sys
from jetpack_core.connections.remote.helper import holding
holding.shared_place = lambda: sys.argv[1].encode()
lock = holding.RunLock()
print(lock.take("aaaa", "the other one"), flush=True)
sys.stdin.read()
lock.release()
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(holding, "shared_place", lambda: str(tmp_path).encode())
    return tmp_path / "jetpack.lock"


@pytest.fixture
def holder(place: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the place."""
    argv = [sys.executable, "-c", HOLDER, str(place.parent)]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "\n"
        yield process
        process.kill()


def test_one_holds_and_leaves_nothing(place: Path) -> None:
    lock = RunLock()
    assert lock.take("aaaa", "me since noon") == ""
    assert lock.take("aaaa", "me since noon") == ""
    assert place.read_text() == f"aaaa {os.getpid()} me since noon\n"
    assert place.stat().st_mode & 0o777 == 0o644
    lock.release()
    lock.release()
    assert list(place.parent.iterdir()) == []


def test_another_run_is_refused_and_told_who_holds(place: Path, holder: subprocess.Popen[str]) -> None:
    lock = RunLock()
    with pytest.raises(Fail) as refused:
        lock.take("bbbb", "me")
    assert refused.value.code == "HELD"
    assert refused.value.detail == f"{place} aaaa {holder.pid} the other one"
    holder.communicate("", timeout=30)
    assert lock.take("bbbb", "me") == ""
    lock.release()


def test_the_same_run_joins_and_leaves_the_lock_alone(place: Path, holder: subprocess.Popen[str]) -> None:
    lock = RunLock()
    assert lock.take("aaaa", "me too") == ""
    lock.release()
    assert place.read_text().startswith(f"aaaa {holder.pid} ")


def test_a_killed_holder_is_succeeded(place: Path, holder: subprocess.Popen[str]) -> None:
    holder.send_signal(signal.SIGKILL)
    holder.wait(timeout=30)
    assert place.exists()
    lock = RunLock()
    assert lock.take("bbbb", "me") == ""
    assert place.read_text() == f"bbbb {os.getpid()} me\n"
    lock.release()
    assert not place.exists()


def test_a_lock_that_was_broken_does_not_take_the_next_one_along(place: Path) -> None:
    first, second = RunLock(), RunLock()
    assert first.take("aaaa", "one") == ""
    place.unlink()
    assert second.take("bbbb", "two") == ""
    first.release()
    assert place.read_text().startswith("bbbb ")
    with pytest.raises(Fail):
        RunLock().take("cccc", "three")
    second.release()


def test_what_is_no_file_is_not_touched(place: Path, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("kept")
    place.symlink_to(victim)
    assert str(place) in RunLock().take("aaaa", "me")
    assert victim.read_text() == "kept"
    place.unlink()
    os.mkfifo(place)
    assert str(place) in RunLock().take("aaaa", "me")
    place.unlink()
    place.mkdir()
    assert str(place) in RunLock().take("aaaa", "me")


def test_a_place_that_takes_no_file_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(holding, "shared_place", lambda: str(tmp_path / "none").encode())
    assert "no such file" in RunLock().take("aaaa", "me")
    monkeypatch.setattr(holding, "shared_place", lambda: None)
    assert "no directory" in RunLock().take("aaaa", "me")


def test_the_place_is_one_that_every_user_of_the_host_agrees_on() -> None:
    place = holding.shared_place()
    assert place is not None
    assert place in holding.PLACES
    info = Path(os.fsdecode(place)).stat()
    assert (info.st_uid, info.st_mode & 0o1777) == (0, 0o1777)
