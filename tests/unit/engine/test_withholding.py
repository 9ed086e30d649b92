# SPDX-License-Identifier: GPL-3.0-or-later
"""What is taken out of the state of a run once it is known to be secret, and what is run again for it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from jetpack_core.engine.withholding import withhold
from jetpack_core.secrets.redaction import Redactor

SECRET, PLAIN = 'V 0 4 {"token": {"out": "hunter2-x"}}', 'V 0 3 {"plain": {"out": "y"}}'


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
        (["{}", "P 0", PLAIN, "T 0 3"], ["{}", "P 0", PLAIN, "T 0 3"]),
        (["{}", "P 0", SECRET, PLAIN, "T 0 4"], ["{}", "P 0", "R 0 4", PLAIN, "T 0 4"]),
        # A host that has what another one found out may be far behind, in a batch that comes later.
        (["{}", "P 0", SECRET, "T 0 0"], ["{}", "P 0", "R 0 4", "T 0 0"]),
        (["{}", "P 0", SECRET.replace("4", "-1", 1), "D 0 0"], ["{}", "P 0", "R 0 -1", "D 0 0"]),
        (["{}", "P 0", SECRET, "P 1", "T 0 4"], ["{}", "P 0", "R 0 4", "P 1", "T 0 4"]),
        (["{}", "P 0", SECRET], ["{}", "P 0", "R 0 4"]),
    ],
)
def test_values_give_way_to_the_task_that_found_them(tmp_path: Path, lines: list[str], then: list[str]) -> None:
    assert kept(tmp_path / "state", *lines) == then


def test_what_came_from_an_earlier_run_gives_way_too(tmp_path: Path) -> None:
    old = {
        "play": 2,
        "task": 1,
        "again": {"1": [3]},
        "variables": {"old": "hunter2-x", "fine": 1, "mine": ["hunter2-x"]},
        "made": {"old": [0, 5], "fine": [0, 6], "mine": [1, -1]},
    }
    _, line = kept(tmp_path / "state", "{}", f"S 0 {json.dumps(old)}")
    assert json.loads(line.removeprefix("S 0 ")) == {
        **old,
        "again": {"0": [5], "1": [-1, 3]},
        "variables": {"fine": 1},
        "made": {"fine": [0, 6]},
    }


def test_a_line_that_was_cut_off_goes_whatever_it_was_to_say(tmp_path: Path) -> None:
    path = tmp_path / "state"
    path.write_text('{}\nP 0\nV 0 4 {"token": "hunter2-')
    redactor = Redactor()
    redactor.register("hunter2-x", "host_vars/a:1")
    descriptor = os.open(path, os.O_RDWR | os.O_APPEND)
    try:
        withhold(descriptor, redactor)
    finally:
        os.close(descriptor)
    assert path.read_text() == "{}\nP 0\n"
