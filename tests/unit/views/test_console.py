# SPDX-License-Identifier: GPL-3.0-or-later
"""The console view: whole texts of whole runs."""

from __future__ import annotations

import re
import subprocess
import sys
from io import BytesIO, StringIO, TextIOWrapper
from pathlib import Path
from typing import Any

import pytest

from jetpack_core.events import (
    BatchStarted,
    Event,
    HostOutput,
    HostResult,
    HostUnreachable,
    HostWaiting,
    PlayStarted,
    RunFinished,
    TaskStarted,
    Warned,
)
from jetpack_core.records import Change, Status, TextDiff
from jetpack_core.views.console import ConsoleView
from tests.unit.views.story import Tale, shown, story

GOLDEN = Path(__file__).with_name("golden")
ESCAPE = re.compile(r"\x1b\[[0-9;]*[mK]")


def golden(name: str) -> str:
    return (GOLDEN / f"{name}.txt").read_bytes().decode()


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("calm", {}),
        ("diff", {"diff": True}),
        ("hosts", {"verbosity": 1}),
        ("output", {"verbosity": 2}),
        ("everything", {"verbosity": 3, "diff": True}),
        ("colour", {"colour": True, "diff": True}),
        ("live", {"live": True}),
        ("spoken", {"spoken": True}),
        ("profile", {"profile": True}),
    ],
)
def test_a_run_reads_as_written_down(name: str, options: dict[str, Any]) -> None:
    assert shown(story(), **options) == golden(name)


def test_a_plan_reads_as_written_down() -> None:
    assert shown(story(planned=True)) == golden("plan")


def test_colours_change_nothing_but_colours() -> None:
    assert ESCAPE.sub("", shown(story(), colour=True, diff=True)) == shown(story(), diff=True)


def test_the_live_line_is_gone_at_the_end_and_leaves_the_text_as_it_is_without() -> None:
    text = shown(story(), live=True)
    lines = [line.rpartition("\r\x1b[2K")[2] for line in text.split("\n")]
    without = shown(event for event in story() if not isinstance(event, HostWaiting))
    assert "\n".join(lines) == without
    assert text.count("\r") == text.count("\r\x1b[2K") > 0


def test_the_live_line_tells_who_is_waited_for() -> None:
    tale = Tale("Upgrade", "apt", 3, 5.0)
    events = [tale.starts(), *(tale.ends(host, Status.MATCHED) for host in ("web01", "web02", "web03", "web04"))]
    waiting = HostWaiting(time=9.0, host="db1", task="Upgrade", seconds=200)
    text = shown([*events, tale.ends("web05", Status.MATCHED), waiting], live=True)
    assert "Upgrade, 0 of 8 hosts" in text
    assert "Upgrade, 5 of 8 hosts, still running on db1, 3 min 20 s" in text


def test_the_live_line_never_wraps() -> None:
    event = TaskStarted(play="p", task="語" * 200, module="apt", hosts=("a", "b"))
    stream = StringIO()
    ConsoleView(stream, verbosity=0, diff=False, colour=False, live=True, width=80).handle(event)
    live = stream.getvalue().rpartition("\n")[2]
    assert live.endswith("...")
    assert sum(2 if char == "語" else 1 for char in live) <= 79


def test_the_live_line_is_drawn_at_most_ten_times_a_second() -> None:
    hosts = tuple(f"h{number}" for number in range(1000))
    events: list[Event] = [TaskStarted(play="p", task="t", module="apt", hosts=hosts, time=1.0)]
    events += [
        HostResult(play="p", host=host, task="t", module="apt", status=Status.MATCHED, time=1.0 + number / 1000)
        for number, host in enumerate(hosts)
    ]
    assert shown(events, live=True).count("\x1b[2K") <= 11


def result(**facts: object) -> HostResult:
    return HostResult(**{"play": "p", "host": "h", "task": "t", "module": "m", "status": Status.MODIFIED} | facts)  # type: ignore[arg-type]


def test_nothing_a_host_says_reaches_the_terminal_raw() -> None:
    evil = "a\x1b[2J\x9b31m\rb\x07\u202ec\ud800\udc9b\x00\x7f\u2028d"
    facts: dict[str, object] = dict.fromkeys(("msg", "stdout", "stderr", "hint", "file", "role", "delegate"), evil)
    facts |= {"host": evil, "task": evil, "module": evil, "play": evil, "item": evil, "item_index": 0}
    facts |= {"changes": (Change(evil, evil, [evil]),), "diff": (TextDiff(evil, evil, evil + "x"),)}
    facts |= {"command": (evil, evil), "warnings": (evil,), "rc": 1, "line": 1}
    events: list[Event] = [
        PlayStarted(play=evil, hosts=(evil,)),
        BatchStarted(play=evil, number=1, batches=2, hosts=(evil,)),
    ]
    events += [result(**facts, status=status) for status in Status]
    events += [HostOutput(host=evil, task=evil, stream="stdout", text=evil + "\n" + evil)]
    events += [HostUnreachable(host=evil, msg=evil, hint=evil), Warned(msg=evil, hint=evil, host=evil)]
    events += [RunFinished(error=evil, hosts={evil: {"failed": 1}})]
    for verbosity in range(4):
        text = shown(events, verbosity=verbosity, diff=True)
        assert not [char for char in text if not char.isprintable() and char != "\n"]
        assert "^[[2J\\x9b31m^Mb^G\\u202ec\\ud800\\x9b^@^?\\u2028d" in text


def test_a_pipe_that_is_no_utf8_gets_escapes_instead_of_an_error() -> None:
    raw = BytesIO()
    view = ConsoleView(
        TextIOWrapper(raw, encoding="ascii"), verbosity=0, diff=False, colour=False, live=False, width=80
    )
    view.handle(result(msg="größer", task="日本"))
    view.close()
    assert raw.getvalue() == b"TASK \\u65e5\\u672c (!m)\n    modified  h: gr\\xf6\\xdfer\n"


def test_wide_names_line_up() -> None:
    counts = {"日本": {"matched": 1}, "web": {"matched": 1}}
    assert shown([RunFinished(hosts=counts, tasks=1)]).splitlines()[:3] == [
        "host   matched",
        "日本         1",
        "web          1",
    ]


def test_many_changes_get_a_line_each() -> None:
    changes = tuple(Change(f"field{number}", "before", "after") for number in range(9))
    lines = shown([result(changes=changes)]).splitlines()
    assert lines[1] == "    modified  h"
    assert lines[2:4] == ["              field0: before -> after", "              field1: before -> after"]
    assert len(lines) == 11


def test_long_values_are_cut_until_more_is_asked_for() -> None:
    change = (Change("comment", "x" * 500, None),)
    assert "comment: " + "x" * 57 + "... -> none" in shown([result(changes=change)])
    assert "x" * 500 in shown([result(changes=change)], verbosity=2)


def test_checksums_are_shortened_until_more_is_asked_for() -> None:
    change = (Change("content", "sha256:" + "ab" * 32, "sha256:" + "cd" * 32),)
    assert "content: sha256:abababababab -> sha256:cdcdcdcdcdcd\n" in shown([result(changes=change)])
    assert "cd" * 32 in shown([result(changes=change)], verbosity=2)


def test_a_wrong_parameter_is_told_below_the_one_heading_of_its_task() -> None:
    tale = Tale("mode", "file", 3, 1.0)
    wrong = tale.ends("h1", Status.FAILED, msg="bad mode", fault_line=5)
    assert shown([tale.starts(), wrong]).splitlines() == [
        "TASK mode (!file, site.yml:3)",
        "      failed  h1: bad mode",
        "              at: site.yml:5",
    ]


def test_a_run_in_which_nothing_happened_has_no_table() -> None:
    ended = RunFinished(hosts={"a": {}, "b": {}}, elapsed=1.0)
    assert shown([ended]) == "There was nothing to do.\n1 s\n"


def test_what_was_found_out_is_listed() -> None:
    found = {"exists": True, "size": 12, "owner": "a\x1b[2J", "tags": ["a"]}
    text = shown([Tale("look", "stat", 3, 1.0).ends("h1", Status.PASSIVE, result=found)], verbosity=2)
    assert [line.strip() for line in text.splitlines()[2:]] == [
        "exists: true",
        "size: 12",
        "owner: a^[[2J",
        'tags: ["a"]',
    ]


@pytest.mark.parametrize(
    ("items", "line"),
    [
        ({"h1": 1, "h2": 1}, "h1, h2"),
        ({"h1": 2}, "h1 (2 items)"),
        ({"h1": 2, "h2": 2}, "h1, h2 (2 items each)"),
        ({"h1": 1, "h2": 3}, "h1, h2 (4 items in all)"),
    ],
)
def test_items_are_counted_for_each_host(items: dict[str, int], line: str) -> None:
    tale = Tale("loop", "echo", 3, 1.0)
    skipped = [tale.ends(host, Status.SKIPPED, item_index=n) for host, count in items.items() for n in range(count)]
    assert shown([tale.starts(), *skipped]).splitlines()[-1] == f"     skipped  {line}"


def test_equal_results_are_one_line_and_different_ones_are_not() -> None:
    same = [result(host=f"h{number}", msg="same") for number in (3, 1, 2, 7)]
    text = shown([PlayStarted(play="p", hosts=("h1", "h2", "h3", "h7", "h8")), *same, result(host="h8", msg="other")])
    assert "    modified  h{1..3}, h7: same\n    modified  h8: other\n" in text


def test_a_failure_does_not_wait_for_the_end_of_a_long_task() -> None:
    stream = StringIO()
    view = ConsoleView(stream, verbosity=0, diff=False, colour=False, live=False, width=80)
    view.handle(result(status=Status.FAILED, msg="bad", time=10.0))
    assert "bad" not in stream.getvalue()
    view.handle(HostWaiting(host="h2", task="t", seconds=60, time=70.0))
    assert "failed  h: bad\n" in stream.getvalue()


def test_the_free_strategy_says_which_task_a_result_is_of() -> None:
    events = [
        TaskStarted(play="p", task="one", module="m"),
        TaskStarted(play="p", task="two", module="m"),
        result(task="one", host="a", time=1.0),
        result(task="two", host="b", time=1.0),
    ]
    assert shown(events) == (
        "TASK one (!m)\nTASK two (!m)\nTASK one (!m)\n    modified  a\nTASK two (!m)\n    modified  b\n"
    )


def test_output_is_streamed_by_line_whatever_the_pieces() -> None:
    pieces = ["one\ntw", "o\r\n", "\n", "rest"]
    events = [HostOutput(host="h", task="t", stream="stdout", text=text) for text in pieces]
    lines = shown([*events, result()], verbosity=2).splitlines()
    assert lines[:4] == [f"              h |{text}" for text in (" one", " two", "", " rest")]


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (RunFinished(), "Nothing was changed."),
        (RunFinished(hosts={"a": {"matched": 3}}), "The host matches, nothing was changed."),
        (RunFinished(hosts={"a": {"matched": 3}, "b": {}}), "All 2 hosts match, nothing was changed."),
        (
            RunFinished(hosts={"a": {"matched": 3}, "b": {"matched": 1}}, differing=1),
            "Nothing was changed, and 1 host left as it is though different.",
        ),
        (
            RunFinished(hosts={"a": {"created": 3}}, differing=2),
            "3 changes, 2 hosts left as they are though different.",
        ),
        (
            RunFinished(hosts={"a": {"matched": 3, "skipped": 1}}, refused=1),
            "Nothing was changed, and 1 question answered with no.",
        ),
        (
            RunFinished(hosts={"a": {"matched": 3}, "b": {}}, differing=1, refused=2),
            "Nothing was changed, and 1 host left as it is though different, 2 questions answered with no.",
        ),
        (RunFinished(hosts={"a": {}}, refused=2), "Nothing was changed, and 2 questions answered with no."),
        (RunFinished(hosts={"a": {"created": 1}}, refused=2), "1 change, 2 questions answered with no."),
        (RunFinished(hosts={"a": {"failed": 1}}, refused=1), "The host failed, 1 question answered with no."),
        (RunFinished(hosts={"a": {"skipped": 3}}), "Nothing was changed, every task was skipped."),
        (
            RunFinished(hosts={"a": {"skipped": 3}, "b": {"matched": 1}, "c": {}}),
            "Nothing was changed, every task was skipped on 1 of 3 hosts.",
        ),
        (
            RunFinished(hosts={"a": {"skipped": 3}, "b": {"skipped": 1}}, planned=True),
            "Plan: nothing would change, every task was skipped.",
        ),
        (RunFinished(hosts={"a": {"matched": 1, "skipped": 3}}), "The host matches, nothing was changed."),
        (RunFinished(hosts={"a": {"matched": 3}}, planned=True), "Plan: the host matches, nothing would change."),
        (RunFinished(hosts={"a": {"created": 1, "removed": 2}, "b": {}}), "3 changes on 1 of 2 hosts."),
        (RunFinished(hosts={"a": {"executed": 1}, "b": {}}, planned=True), "Plan: 1 change on 1 of 2 hosts."),
        (
            RunFinished(hosts={"a": {"created": 1, "unknown": 1}}, planned=True),
            "Plan: 1 change, 1 result unknown until the tasks before have run.",
        ),
        (RunFinished(hosts={"a": {"failed": 1, "created": 2}}), "The host failed, 2 changes."),
        (RunFinished(hosts={"a": {"unreachable": 1}}), "The host could not be reached."),
        (RunFinished(elapsed=0.0342), "34 ms"),
        (RunFinished(elapsed=3.0), "\n3 s"),
        (RunFinished(elapsed=3.14), "3.1 s"),
        (RunFinished(elapsed=119.4), "119 s"),
        (RunFinished(elapsed=185), "3 min 5 s"),
        (RunFinished(elapsed=7385), "2 h 3 min"),
        (RunFinished(hosts={"a": {"ignored": 2}}), "2 failures ignored."),
        (
            RunFinished(hosts={"a": {"failed": 2}, "b": {"unreachable": 1}}),
            "1 of 2 hosts failed, 1 of 2 hosts could not be reached.",
        ),
        (RunFinished(interrupted=True, exit_code=130, hosts={"a": {}}), "Interrupted: no change was reported."),
        (RunFinished(error="no host is left", exit_code=2), "Nothing was changed.\nThe run stopped: no host is left"),
    ],
)
def test_the_headline_says_what_became_of_the_run(event: RunFinished, expected: str) -> None:
    assert expected in shown([event])


def test_a_big_fleet_that_is_well_shares_rows_and_a_bad_host_does_not() -> None:
    counts = {f"h{number}": {"matched": 5} for number in range(1000)}
    counts["h500"] = {"matched": 4, "failed": 1}
    lines = shown([RunFinished(hosts=counts)]).splitlines()
    assert lines[:4] == [
        "host               matched  failed",
        "999 hosts like h0        5       .",
        "h500                     4       1",
        "total                 4999       1",
    ]
    assert len(shown([RunFinished(hosts=counts)], verbosity=1).splitlines()) > 1000


def test_the_console_needs_no_rich() -> None:
    script = "import sys, jetpack_core.views.console, jetpack_core.views.jsonl; print('rich' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
