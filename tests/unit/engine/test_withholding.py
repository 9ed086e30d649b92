# SPDX-License-Identifier: GPL-3.0-or-later
"""What is taken out of the state of a run once it is known to be secret, and what is run again for it."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jetpack_core.engine.run_state import HostState, PlaySketch, RunSketch, read_state
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
    # What was written over is filled up.
    *found, last = map(str.rstrip, path.read_text().splitlines())
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


@pytest.mark.parametrize("calls", range(6))
def test_the_state_can_be_read_wherever_this_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, calls: int
) -> None:
    left = calls

    def dies(call: Callable[..., object]) -> Callable[..., object]:
        def before(*arguments: object) -> object:
            nonlocal left
            left -= 1
            if left < 0:
                raise KeyboardInterrupt
            return call(*arguments)

        return before

    path = tmp_path / "state"
    plays = (PlaySketch("p", ("t",) * 9, ()),)
    host = HostState(task=1, variables={"x": "hunter2-x", "y": 1}, made={"x": (0, 0), "y": (0, 0)})
    lines = [f"S 0 {host.snapshot()}", "P 0", SECRET, PLAIN, SECRET.replace("4", "6", 1) + " " * 9999, "T 0 6"]
    sketch = RunSketch("0123", "apply", ("/site.yml",), ("a",), plays, (), "digest")
    path.write_text(sketch.line() + "".join(f"{line}\n" for line in lines) + "V 0 7 hunter2-")
    for name in ("write", "pwrite", "ftruncate"):
        monkeypatch.setattr(os, name, dies(getattr(os, name)))
    redactor = Redactor()
    redactor.register("hunter2-x", "host_vars/a:1")
    descriptor = os.open(path, os.O_RDWR | os.O_APPEND)
    with contextlib.suppress(KeyboardInterrupt):
        withhold(descriptor, redactor)
    os.close(descriptor)
    state = read_state(path).hosts["a"]
    assert (state.task, state.variables["y"], state.variables["plain"]) == (7, 1, {"out": "y"})
    if calls >= 4:
        assert (state.again, "hunter2" in path.read_text()) == ({0: {0, 4, 6}}, False)


@given(
    st.dictionaries(
        st.text(min_size=1, max_size=3),
        st.tuples(
            st.sampled_from(["hunter2-x", "ü", 1e300, [1, {"a": None}]]), st.integers(0, 12), st.integers(-3, 12)
        ),
    )
)
def test_an_earlier_run_without_its_secrets_has_room_in_its_place(
    tmp_path_factory: pytest.TempPathFactory, made: dict[str, tuple[object, int, int]]
) -> None:
    host = HostState(
        variables={name: value for name, (value, _, _) in made.items()},
        made={name: (play, task) for name, (_, play, task) in made.items()},
    )
    path = tmp_path_factory.mktemp("state") / "state"
    lines = kept(path, "{}", f"S 0 {host.snapshot()}", "P 0")
    assert [line[:3] for line in lines] == ["{}", "S 0", "P 0"]
    then = HostState()
    then.restore(json.loads(lines[1][4:]))
    assert then.variables == {name: value for name, value in host.variables.items() if value != "hunter2-x"}
    makers = {maker for name, maker in host.made.items() if name not in then.variables}
    assert {(play, task) for play, tasks in then.again.items() for task in tasks} == makers


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
