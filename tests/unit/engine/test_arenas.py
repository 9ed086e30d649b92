# SPDX-License-Identifier: GPL-3.0-or-later
"""One heap for all threads is a saving, and never a condition."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import sys
if sys.argv[1] == "without":
    sys.modules["_ctypes"] = None
from jetpack_core.engine.arenas import share_heap
share_heap(1000)
print("fine")
"""


@pytest.mark.parametrize("ctypes", ["with", "without"])
def test_a_python_without_ctypes_runs_as_well(ctypes: str) -> None:
    argv = [sys.executable, "-c", PROGRAM, ctypes]
    assert subprocess.run(argv, capture_output=True, text=True, check=True).stdout == "fine\n"
