# SPDX-License-Identifier: GPL-3.0-or-later
"""The meter counts everything a command starts, also what it leaves behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.meter import MeterError, Reading, measure

BURN = "import time; end = time.process_time() + {seconds}\nwhile time.process_time() < end: pass"


def _measure(folder: Path, code: str, timeout: float = 60.0) -> Reading:
    argv = [sys.executable, "-I", "-c", code]
    return measure(argv, env=dict(os.environ), cwd=folder, output=folder / "output", timeout=timeout)


def test_the_cpu_of_children_counts(tmp_path: Path) -> None:
    child = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {BURN.format(seconds=0.4)!r}])"
    reading = _measure(tmp_path, child)
    assert reading.code == 0
    assert 0.4 <= reading.cpu < 10


def test_a_process_left_in_the_background_is_ended_and_its_cpu_counts(tmp_path: Path) -> None:
    background = BURN.format(seconds=0.4) + "\nprint(flush=True); time.sleep(600)"
    code = (
        "import os, subprocess, sys\n"
        f"argv = [sys.executable, '-c', {background!r}]\n"
        "left = subprocess.Popen(argv, stdout=subprocess.PIPE, start_new_session=True)\n"
        "left.stdout.readline(); print(left.pid, flush=True); os._exit(3)"
    )
    reading = _measure(tmp_path, code)
    left = int((tmp_path / "output").read_text())
    assert reading.code == 3
    assert reading.cpu >= 0.4
    assert reading.wall < 100
    assert not Path(f"/proc/{left}").exists()


def test_the_memory_of_processes_adds_up(tmp_path: Path) -> None:
    hold = "held = b'x' * 60_000_000; print(flush=True); input()"
    # Both hold it before either ends, and for long enough to be looked at.
    code = (
        "import subprocess, sys, time\n"
        f"argv, piped = [sys.executable, '-c', {hold!r}], subprocess.PIPE\n"
        "held = [subprocess.Popen(argv, stdin=piped, stdout=piped) for _ in range(2)]\n"
        "for one in held: one.stdout.readline()\n"
        "time.sleep(2)\n"
        "for one in held: one.communicate(b'\\n')"
    )
    reading = _measure(tmp_path, code)
    assert 60e6 < reading.process_memory < 110e6
    assert reading.tree_memory > 120e6
    assert reading.memory == reading.tree_memory


def test_a_command_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    reading = _measure(tmp_path, "import time; time.sleep(600)", timeout=0.5)
    assert reading.code == -1
    assert reading.wall < 100


def test_a_command_that_cannot_be_started_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(MeterError, match="no-such-program"):
        measure(["/no-such-program"], env={}, cwd=tmp_path, output=tmp_path / "output")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_all_that_runs_is_ended_with_who_measures_it(tmp_path: Path, number: signal.Signals) -> None:
    """As when `make bench` is ended: also what is in a session of its own, as the workers of Ansible are."""
    sleeps = "import os, time; print(os.getpid(), flush=True); time.sleep(600)"
    tool = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {sleeps!r}], start_new_session=True)"
    asks = (
        "import os, signal, sys; from pathlib import Path; from benchmarks.meter import measure\n"
        # Whoever runs the tests in the background may have it ignored.
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        f"folder = Path({str(tmp_path)!r})\n"
        f"measure([sys.executable, '-c', {tool!r}], env=dict(os.environ), cwd=folder, output=folder / 'output')"
    )
    output = tmp_path / "output"
    root = Path(__file__).parents[3]
    with subprocess.Popen([sys.executable, "-c", asks], cwd=root, stderr=subprocess.DEVNULL) as asking:
        _wait_until(lambda: output.exists() and output.read_text().endswith("\n"))
        asking.send_signal(number)
        _wait_until(lambda: asking.poll() is not None)
    _wait_until(lambda: not Path(f"/proc/{int(output.read_text())}").exists())


def _wait_until(check: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not check():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)
