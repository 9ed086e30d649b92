# SPDX-License-Identifier: GPL-3.0-or-later
"""The file from which a run is resumed: what is written is what is read, and what is damaged is told."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jetpack_core.engine.run_state import (
    HostState,
    PlaySketch,
    RunSketch,
    RunState,
    check_resumable,
    read_sketch,
    read_state,
)
from jetpack_core.errors import UsageError

PLAYS = (PlaySketch("one", ("t0", "t1", "t2"), ("h0",)), PlaySketch("two", ("u0",), ()))
SKETCH = RunSketch("0123456789abcdef", "apply", ("/site.yml",), ("a", "b"), PLAYS, (), "digest")

SNAPSHOT = {
    "play": 1,
    "task": 0,
    "notified": [],
    "handled": [],
    "again": {"0": [1]},
    "variables": {},
    "made": {},
    "took": [0],
    "lost": "",
}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "state"


def state_of(file: Path, *lines: str, end: str = "\n") -> RunState:
    file.write_text(SKETCH.line() + "".join(f"{line}\n" for line in lines[:-1]) + "".join(lines[-1:]) + end)
    return read_state(file)


def test_the_description_comes_back(file: Path) -> None:
    file.write_text(SKETCH.line())
    assert read_sketch(file) == SKETCH
    state = read_state(file)
    assert state.sketch == SKETCH
    assert state.hosts == {"a": HostState(), "b": HostState()}
    assert (state.code, state.failed, state.unfinished()) == (None, (), ("a", "b"))


def test_steps_are_followed(file: Path) -> None:
    lines = ["P 0", "T 0 0", 'N 0 "h"', "T 0 1", "T 1 0", "F 1 failed", 'V 0 1 {"x": [1]}', "R 0 1", "D 0 0"]
    state = state_of(file, *lines)
    a, b = state.hosts.values()
    assert (a.play, a.task, a.notified, a.handled, a.again, a.variables) == (0, 2, ["h"], {0}, {0: {1}}, {"x": [1]})
    assert a.made == {"x": (0, 1)}
    assert (b.task, b.lost) == (1, "failed")
    assert state.failed == ("b",)
    state = state_of(file, *lines, "T 0 2", "E 0", "P 1", "T 0 0", 'N 0 "k"', "C 0", "X 2")
    a = state.hosts["a"]
    assert (a.play, a.task, a.notified, a.handled, state.code) == (1, 1, [], set(), 2)
    assert state_of(file, "P 1", "T 0 0", "E 0").unfinished() == ("b",)


def test_what_waits_is_notified_once_its_play_comes(file: Path) -> None:
    lines = ['W 0 1 "h"', 'W 1 0 "k"', 'W 0 1 "h"', "P 0", "T 0 0"]
    a, b = state_of(file, *lines).hosts.values()
    assert (a.notified, a.waiting, b.notified, b.waiting) == ([], {1: ["h"]}, ["k"], {})
    a, b = state_of(file, *lines, "E 0", "E 1").hosts.values()
    assert (a.notified, a.waiting, b.notified) == (["h"], {}, [])
    assert state_of(file, *lines, "P 1", "T 0 0").hosts["a"].notified == ["h"]
    assert state_of(file, *lines, "P 1", "T 0 0", "C 0").hosts["a"].notified == []


def test_a_line_that_was_cut_off_does_not_count(file: Path) -> None:
    assert state_of(file, "P 0", "T 0 0", "T 0 1", end="").hosts["a"].task == 1


def test_what_is_behind_stays_behind_when_a_task_is_run_again(file: Path) -> None:
    state = state_of(file, f"S 0 {json.dumps(SNAPSHOT)}", "P 0", "T 0 1", "E 0")
    assert (state.hosts["a"].play, state.hosts["a"].again) == (1, {0: {1}})


@pytest.mark.parametrize(
    "line",
    [
        "T 0 0",
        "P 7",
        "P -1",
        "Z 0",
        "P 0\nT 2 0",
        "P 0\nT 0 x",
        "P 0\nN 0 {}",
        "P 0\nV 0 0 [1",
        "P 0\nV 0 {}",
        f"S 0 {json.dumps(SNAPSHOT | {'made': {'x': [2, 0]}})}",
        "S 0 {}",
        f"S 0 {json.dumps(SNAPSHOT | {'play': -1})}",
        f"S 0 {json.dumps(SNAPSHOT | {'play': 3})}",
        f"S 0 {json.dumps(SNAPSHOT | {'task': -1})}",
        f"S 0 {json.dumps(SNAPSHOT | {'again': {'2': [0]}})}",
        f"S 0 {json.dumps(SNAPSHOT | {'took': [2]})}",
        f"S 0 {json.dumps(SNAPSHOT | {'waiting': {'2': ['h']}})}",
        'W 0 2 "h"',
        "W 0 0 {}",
        'P 1\nT 0 0\nW 0 0 "h"',
        "X x",
        "",
        "P 0\nT",
    ],
)
def test_damage_is_told_with_its_line(file: Path, line: str) -> None:
    with pytest.raises(UsageError, match=r"the state of run 01234567 is damaged: .*:\d"):
        state_of(file, line)


@pytest.mark.parametrize(
    "text", ["", "nonsense", "[]\n", "null\n", '{"jetpack_state": 2}\n', "[" * 100_000, "\0\n", "\xff\xfe\n"]
)
def test_what_is_no_state_is_told(file: Path, text: str) -> None:
    file.write_bytes(text.encode("latin-1"))
    for read in (read_sketch, read_state):
        with pytest.raises(UsageError, match="is not the state of a run"):
            read(file)


def test_another_version_is_told(file: Path) -> None:
    file.write_text(SKETCH.line().replace('"jetpack_state": 2', '"jetpack_state": 99'))
    with pytest.raises(UsageError, match="another version of Jetpack"):
        read_state(file)


@given(data=st.binary(max_size=300), cut=st.integers(0, 400))
def test_whatever_is_in_the_file_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, cut: int
) -> None:
    file = tmp_path_factory.mktemp("any") / "state"
    file.write_bytes((SKETCH.line().encode() + b"P 0\nT 0 0\n")[:cut] + data)
    with contextlib.suppress(UsageError):
        assert set(read_state(file).hosts) == {"a", "b"}


STATES = st.builds(
    HostState,
    play=st.integers(0, 3),
    task=st.integers(0, 9),
    notified=st.lists(st.text(), unique=True),
    handled=st.sets(st.integers(0, 9)),
    again=st.dictionaries(st.integers(0, 3), st.sets(st.integers(0, 9), min_size=1)),
    variables=st.dictionaries(st.text(), st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists)),
    made=st.dictionaries(st.text(), st.tuples(st.integers(0, 3), st.integers(-9, 9))),
    took=st.sets(st.integers(0, 3)),
    waiting=st.dictionaries(st.integers(0, 3), st.lists(st.text(), unique=True)),
    lost=st.sampled_from(["", "failed", "unreachable"]),
)


@given(STATES)
def test_a_snapshot_is_what_it_was_taken_of(state: HostState) -> None:
    line = state.snapshot()
    assert "\n" not in line
    found = HostState()
    found.restore(json.loads(line))
    assert found == state


def changed(**plays: PlaySketch) -> RunSketch:
    return RunSketch("f", "apply", ("/site.yml",), ("a", "b"), (plays.get("one", PLAYS[0]), PLAYS[1]), (), "digest")


def test_what_is_still_to_be_done_may_change_and_what_was_done_may_not(file: Path) -> None:
    state = state_of(file, "P 0", "T 0 0", "T 1 0", "T 1 1", "F 0 failed")
    assert check_resumable(state, changed(), ["a", "b"]) == []
    after = changed(one=PlaySketch("one", ("t0", "fixed", "t2", "new"), ("h0",)))
    (warning,) = check_resumable(state, after, ["a"])
    assert "the playbook has changed" in warning
    with pytest.raises(UsageError, match="play 'one' has changed in what run 01234567 has done of it") as refused:
        check_resumable(state, after, ["a", "b"])
    assert "--retry-failed" in refused.value.hint


def test_other_tags_and_other_variables(file: Path) -> None:
    state = state_of(file, "P 0", "T 0 0")
    other = RunSketch("f", "apply", ("/site.yml",), ("a", "b"), PLAYS, ("web",), "digest")
    with pytest.raises(UsageError, match="had other tags"):
        check_resumable(state, other, ["a"])
    other = RunSketch("f", "apply", ("/site.yml",), ("a", "b"), PLAYS, (), "another")
    assert "variables have changed" in check_resumable(state, other, ["a"])[0]
    assert check_resumable(state, RunSketch("f", "apply", (), (), (), (), "digest"), []) == [
        "the playbook has changed since; what was done before the change stands as it is"
    ]


def of(*plays: PlaySketch) -> RunSketch:
    return RunSketch("f", "apply", ("/site.yml",), ("a", "b"), plays, (), "digest")


def test_a_play_of_the_same_name_that_comes_before_is_noticed(file: Path) -> None:
    state = state_of(file, "P 0", "T 0 0", "E 0", "P 1", "T 0 0", "F 0 failed")
    assert check_resumable(state, of(*PLAYS, PlaySketch("two", ("u0",), ())), ["a"])
    for other in (PlaySketch("one", ("t0", "t9"), ()), PlaySketch("two", ("u0", "u9"), ())):
        with pytest.raises(UsageError, match="has changed in what run 01234567 has done of it"):
            check_resumable(state, of(PLAYS[0], other, PLAYS[1]), ["a"])
        with pytest.raises(UsageError, match="has changed in what run 01234567 has done of it"):
            check_resumable(state, of(other, *PLAYS), ["a"])


def test_a_play_that_is_over_may_not_change_for_hosts_that_took_part(file: Path) -> None:
    state = state_of(file, "P 0", "T 0 0", "E 0", "P 1", "T 0 0", "T 1 0", "F 0 failed", "F 1 failed")
    for tasks in (("t0", "t1"), ("t0", "t1", "t2", "t3"), ("x", "t1", "t2")):
        now = of(PlaySketch("one", tasks, ("h0",)), PLAYS[1])
        assert check_resumable(state, now, ["b"])
        with pytest.raises(UsageError, match="play 'one' has changed"):
            check_resumable(state, now, ["a"])
