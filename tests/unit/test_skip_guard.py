# SPDX-License-Identifier: GPL-3.0-or-later
"""A run that must be whole fails on any skip, wherever the skip comes from."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

SKIPPING = "import pytest\n\ndef test_one():\n    pytest.skip('no server')\n\ndef test_two():\n    pass\n"
SKIPPED_MODULE = "import pytest\n\npytest.skip('no such system', allow_module_level=True)\n"
EXPECTED_FAILURE = "import pytest\n\n@pytest.mark.xfail\ndef test_one():\n    assert False\n"
PASSING = "def test_one():\n    pass\n"


def run_suite(folder: Path, content: str, require_all: str, *options: str) -> subprocess.CompletedProcess[str]:
    guard = Path(__file__).parents[1] / "conftest.py"
    (folder / "conftest.py").write_text(guard.read_text())
    (folder / "test_it.py").write_text(content)
    (folder / "pytest.ini").write_text("[pytest]\n")
    argv = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options, str(folder)]
    environment = os.environ | {"JETPACK_REQUIRE_ALL": require_all}
    return subprocess.run(argv, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.parametrize("options", [[], ["-n", "1"]], ids=["one process", "workers"])
@pytest.mark.parametrize(
    ("content", "reason"),
    [(SKIPPING, "no server"), (SKIPPED_MODULE, "no such system")],
    ids=["test", "module"],
)
def test_a_skip_fails_the_run_and_its_reason_is_shown(
    tmp_path: Path, content: str, reason: str, options: list[str]
) -> None:
    done = run_suite(tmp_path, content, "1", *options)
    assert done.returncode == 1, done.stdout
    assert "1 skipped, so the run fails" in done.stdout
    assert f"1 x Skipped: {reason} (" in done.stdout


def test_a_skip_is_fine_on_a_users_machine(tmp_path: Path) -> None:
    assert run_suite(tmp_path, SKIPPING, "").returncode == 0


@pytest.mark.parametrize("content", [PASSING, EXPECTED_FAILURE], ids=["passing", "expected failure"])
def test_a_whole_run_passes(tmp_path: Path, content: str) -> None:
    assert run_suite(tmp_path, content, "1").returncode == 0
