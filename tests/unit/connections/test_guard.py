# SPDX-License-Identifier: GPL-3.0-or-later
"""Commands whose helper is killed, which leaves it no time to end them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from jetpack_core.connections.remote.helper import commands
from jetpack_core.connections.remote.helper.commands import Command

RUNS = """
import sys
from jetpack_core.connections.remote.helper.commands import Command
command = Command(["sh", "-c", 'echo $$; sleep 600 & echo $!; wait'], {}, None, b"")
while True:
    command.step(5.0, [], lambda _, data: sys.stdout.buffer.write(data) and sys.stdout.flush())
    if command._guard > 0:
        print("guarded", flush=True)
"""


def wait_until(check: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not check():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def is_running(pid: int) -> bool:
    """Tell whether a process runs; what is dead and was not waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_they_are_killed_with_all_they_started() -> None:
    with subprocess.Popen([sys.executable, "-c", RUNS], stdout=subprocess.PIPE, text=True) as helper:
        assert helper.stdout is not None
        command, child, guarded = (helper.stdout.readline() for _ in range(3))
        assert guarded == "guarded\n"
        assert is_running(int(command))
        helper.send_signal(signal.SIGKILL)
        wait_until(lambda: not is_running(int(command)) and not is_running(int(child)))


def run(command: Command) -> bytes:
    while not command.step(0.2, [], None):
        continue
    out = command.result()[1]
    command.close()
    return out


@pytest.mark.parametrize("guard_dies", [False, True])
def test_what_a_command_left_running_on_purpose_stays(monkeypatch: pytest.MonkeyPatch, *, guard_dies: bool) -> None:
    monkeypatch.setattr(commands, "GUARDED_AFTER", 0.0)
    command = Command(["sh", "-c", "sleep 600 >/dev/null 2>&1 & echo $!; sleep 0.5"], {}, None, b"")
    command.step(0.1, [], None)
    guard = command._guard
    assert is_running(guard)
    if guard_dies:
        os.kill(guard, signal.SIGKILL)
    left = int(run(command))
    try:
        # The guard was waited for, so whatever it did is done.
        assert not is_running(guard)
        assert is_running(left)
    finally:
        os.kill(left, signal.SIGKILL)


def test_what_is_over_soon_is_not_watched() -> None:
    command = Command(["sh", "-c", "echo done"], {}, None, b"")
    assert run(command) == b"done\n"
    assert command._guard < 0


def test_a_host_that_can_start_nothing_more_goes_on_without(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "GUARDED_AFTER", 0.0)
    command = Command(["sh", "-c", "sleep 0.3; echo done"], {}, None, b"")

    def refuse(*_: object) -> int:
        raise OSError(11, "no more processes")

    monkeypatch.setattr(commands, "start", refuse)
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - as it is elsewhere
    command.step(0.1, [], None)
    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208 - as it is elsewhere
    assert run(command) == b"done\n"
