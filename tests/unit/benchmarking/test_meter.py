# SPDX-License-Identifier: GPL-3.0-or-later
"""The meter counts everything a command starts, also what it leaves behind."""

from __future__ import annotations

import os
import sys
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
