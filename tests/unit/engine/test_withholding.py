# SPDX-License-Identifier: GPL-3.0-or-later
"""What is taken out of the state of a run once it is known to be secret, and what is run again for it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from jetpack_core.engine.withholding import withhold
from jetpack_core.secrets.redaction import Redactor

SNAPSHOT = {"play": 0, "task": 1, "variables": {"old": "hunter2-x", "fine": 1}}
SECRET, PLAIN = 'V 0 {"token": {"out": "hunter2-x"}}', 'V 0 {"plain": {"out": "y"}}'


def kept(path: Path, *lines: str) -> list[str]:
    """Return the lines of a state after a secret came to light."""
    path.write_text("".join(f"{line}\n" for line in lines))
    redactor = Redactor()
    redactor.register("hunter2-x", "host_vars/a:1")
    descriptor = os.open(path, os.O_RDWR | os.O_APPEND)
    try:
        withhold(descriptor, redactor)
        os.write(descriptor, b"X 0\n")
    finally:
        os.close(descriptor)
    *found, last = path.read_text().splitlines()
    assert last == "X 0"
    return found


@pytest.mark.parametrize(
    ("lines", "then"),
    [
        (["{}", "P 0", PLAIN, "T 0 4"], ["{}", "P 0", PLAIN, "T 0 4"]),
        (["{}", "P 0", SECRET, "T 0 4"], ["{}", "P 0", "R 0 4", "T 0 4"]),
        # What a task found out for several hosts is noted for all before any of them goes on.
        (["{}", "P 0", SECRET, PLAIN.replace("0", "1"), "T 1 4", "T 0 4"], None),
        (["{}", "P 0", SECRET, "D 0 0", "T 0 4"], ["{}", "P 0", "D 0 0", "T 0 4"]),
        (["{}", "P 0", SECRET, "P 1", "T 0 4"], ["{}", "P 0", "P 1", "T 0 4"]),
        (["{}", "P 0", SECRET], ["{}", "P 0"]),
    ],
)
def test_values_give_way_to_the_task_that_found_them(tmp_path: Path, lines: list[str], then: list[str] | None) -> None:
    if then is None:
        then = ["R 0 4" if line == SECRET else line for line in lines]
    assert kept(tmp_path / "state", *lines) == then


def test_what_came_from_an_earlier_run_loses_its_secrets_alone(tmp_path: Path) -> None:
    _, line = kept(tmp_path / "state", "{}", f"S 0 {json.dumps(SNAPSHOT)}")
    assert json.loads(line.removeprefix("S 0 ")) == {**SNAPSHOT, "variables": {"fine": 1}}
