# SPDX-License-Identifier: GPL-3.0-or-later
"""The lock that keeps a second run off a host, in a directory of the test's own."""

from __future__ import annotations

import itertools
import os
import pwd
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import SimpleNamespace

import pytest

from jetpack_core.connections.remote.helper import holding
from jetpack_core.connections.remote.helper.failures import Fail
from jetpack_core.connections.remote.helper.holding import RunLock

HOLDER = """
import select, sys
from jetpack_core.connections.remote.helper import holding
holding.shared_place = lambda: sys.argv[1].encode()
holding.RENEW_EVERY = 0.1
if sys.argv[2:] == ["older"]:
    holding._RENEWED = b""
lock = holding.RunLock()
print(lock.take("aaaa", "the other one"), flush=True)
while not select.select([sys.stdin], [], [], 0.2)[0]:
    if sys.argv[2:] == ["renewing"]:
        lock.renew()
sys.stdin.read()
print(lock.lost(), flush=True)
lock.release()
"""
EXPIRY = 3.0
ME = pwd.getpwuid(os.getuid()).pw_name


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(holding, "shared_place", lambda: str(tmp_path).encode())
    return tmp_path / "jetpack.lock"


@contextmanager
def holding_process(place: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    argv = [sys.executable, "-c", HOLDER, str(place.parent), *arguments]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "\n"
        yield process
        process.kill()


@pytest.fixture
def holder(place: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the place."""
    with holding_process(place) as process:
        yield process


@pytest.fixture
def renewing(place: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the place, and touches its file as long as it is well."""
    monkeypatch.setattr(holding, "EXPIRY", EXPIRY)
    with holding_process(place, "renewing") as process:
        yield process


def refused_for(lock: RunLock, seconds: float) -> bool:
    """Tell whether a lock is refused all the time; it is taken as soon as it is not."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with suppress(Fail):
            assert lock.take("bbbb", "me") == ""
            return False
        time.sleep(0.1)
    return True


def test_one_holds_and_leaves_nothing(place: Path) -> None:
    lock = RunLock()
    assert lock.take("aaaa", "me since noon") == ""
    assert lock.take("aaaa", "me since noon") == ""
    assert place.read_text() == f"aaaa {os.getpid()} me since noon\nrenewed\n"
    assert place.stat().st_mode & 0o777 == 0o644
    lock.release()
    lock.release()
    assert list(place.parent.iterdir()) == []


def test_another_run_is_refused_and_told_who_holds(place: Path, holder: subprocess.Popen[str]) -> None:
    lock = RunLock()
    with pytest.raises(Fail) as refused:
        lock.take("bbbb", "me")
    assert refused.value.code == "HELD"
    assert refused.value.detail == f"{place} {ME} aaaa {holder.pid} the other one"
    holder.communicate("", timeout=30)
    assert lock.take("bbbb", "me") == ""
    lock.release()


def joined(place: Path, holder: subprocess.Popen[str]) -> RunLock:
    lock = RunLock()
    assert lock.take("aaaa", "me too") == ""
    assert lock.lost() == ""
    assert place.read_text().startswith(f"aaaa {holder.pid} ")
    return lock


def test_the_same_run_joins_and_leaves_the_lock_alone(place: Path, holder: subprocess.Popen[str]) -> None:
    joined(place, holder).release()
    assert place.read_text().startswith(f"aaaa {holder.pid} ")


def test_who_joined_holds_by_itself_once_the_first_lets_go(place: Path, holder: subprocess.Popen[str]) -> None:
    lock = joined(place, holder)
    holder.communicate("", timeout=30)
    assert not place.exists()
    assert lock.lost() == ""
    assert place.read_text().startswith(f"aaaa {os.getpid()} ")
    lock.release()
    assert not place.exists()


def test_who_joined_holds_by_itself_once_the_first_is_dead(place: Path, holder: subprocess.Popen[str]) -> None:
    lock = joined(place, holder)
    holder.kill()
    holder.wait(timeout=30)
    assert lock.lost() == ""
    assert place.read_text().startswith(f"aaaa {os.getpid()} ")
    lock.release()


@pytest.mark.parametrize("dead", [True, False])
def test_who_joined_learns_that_another_run_has_the_host_and_never_forgets(
    place: Path, holder: subprocess.Popen[str], dead: bool
) -> None:
    lock, other = joined(place, holder), RunLock()
    if dead:
        holder.kill()
        holder.wait(timeout=30)
    else:
        place.unlink()
    assert other.take("bbbb", "other") == ""
    assert lock.lost() == str(place)
    other.release()
    assert lock.take("aaaa", "me too") == ""
    assert lock.lost() == str(place)
    lock.release()
    assert not place.exists()


def test_a_killed_holder_is_succeeded(place: Path, holder: subprocess.Popen[str]) -> None:
    holder.send_signal(signal.SIGKILL)
    holder.wait(timeout=30)
    assert place.exists()
    lock = RunLock()
    assert lock.take("bbbb", "me") == ""
    assert place.read_text() == f"bbbb {os.getpid()} me\nrenewed\n"
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


@pytest.mark.slow
def test_a_holder_that_is_well_keeps_its_lock(renewing: subprocess.Popen[str]) -> None:
    assert refused_for(RunLock(), 3 * EXPIRY)
    out, _ = renewing.communicate("", timeout=30)
    assert out == "\n"


def test_a_holder_that_is_stopped_loses_its_lock_and_learns_of_it(place: Path, renewing: subprocess.Popen[str]) -> None:
    renewing.send_signal(signal.SIGSTOP)
    try:
        lock = RunLock()
        began = time.monotonic()
        assert not refused_for(lock, 60)
        assert time.monotonic() - began > EXPIRY
        assert place.read_text() == f"bbbb {os.getpid()} me\nrenewed\n"
        assert lock.lost() == ""
    finally:
        renewing.send_signal(signal.SIGCONT)
    out, _ = renewing.communicate("", timeout=30)
    assert out == f"{place}\n"
    assert place.read_text().startswith("bbbb ")
    lock.release()
    assert not place.exists()


def test_a_holder_that_promised_no_sign_of_life_is_not_succeeded(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(holding, "EXPIRY", 0.5)
    with holding_process(place, "older"):
        assert refused_for(RunLock(), 3)


def test_who_stood_still_while_waiting_takes_no_silence_from_that(
    holder: subprocess.Popen[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when the whole host was stopped for long: neither side could do anything, and the holder may be well."""
    assert holder.poll() is None
    hours = itertools.count()
    monkeypatch.setattr(holding, "time", SimpleNamespace(monotonic=lambda: 3600.0 * next(hours)))
    lock = RunLock()
    for _ in range(19):
        with pytest.raises(Fail):
            lock.take("bbbb", "me")
    assert lock.take("bbbb", "me") == ""
    lock.release()


def test_of_many_who_wait_for_a_silent_holder_one_succeeds(place: Path, renewing: subprocess.Popen[str]) -> None:
    renewing.send_signal(signal.SIGSTOP)
    locks = [RunLock() for _ in range(4)]
    taken: list[int] = []
    try:
        end = time.monotonic() + 60
        while not taken and time.monotonic() < end:
            for number, lock in enumerate(locks):
                try:
                    assert lock.take(f"run{number}", "me") == ""
                except Fail:
                    continue
                taken.append(number)
            time.sleep(0.05)
    finally:
        renewing.send_signal(signal.SIGCONT)
    assert len(taken) == 1
    assert [lock.lost() for lock in locks] == [""] * 4
    assert place.read_text().startswith(f"run{taken[0]} ")
    locks[taken[0]].release()
