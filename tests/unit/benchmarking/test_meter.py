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
    assert 0.4 <= reading.cpu < 1.5


def test_a_process_left_in_the_background_is_ended_and_its_cpu_counts(tmp_path: Path) -> None:
    background = BURN.format(seconds=0.4) + "\ntime.sleep(600)"
    code = (
        "import os, subprocess, sys, time\n"
        f"left = subprocess.Popen([sys.executable, '-c', {background!r}], start_new_session=True)\n"
        "print(left.pid, flush=True); time.sleep(1.5); os._exit(3)"
    )
    reading = _measure(tmp_path, code)
    left = int((tmp_path / "output").read_text())
    assert reading.code == 3
    assert reading.cpu >= 0.4
    assert reading.wall < 10
    assert not Path(f"/proc/{left}").exists()


def test_the_memory_of_processes_adds_up(tmp_path: Path) -> None:
    hold = "held = b'x' * 60_000_000; import time; time.sleep(0.8)"
    code = (
        f"import subprocess, sys; held = [subprocess.Popen([sys.executable, '-c', {hold!r}]) for _ in range(2)]\n"
        "for one in held: one.wait()"
    )
    reading = _measure(tmp_path, code)
    assert 60e6 < reading.process_memory < 110e6
    assert reading.tree_memory > 120e6
    assert reading.memory == reading.tree_memory


def test_a_command_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    reading = _measure(tmp_path, "import time; time.sleep(600)", timeout=0.5)
    assert reading.code == -1
    assert reading.wall < 10


def test_a_command_that_cannot_be_started_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(MeterError, match="no-such-program"):
        measure(["/no-such-program"], env={}, cwd=tmp_path, output=tmp_path / "output")
