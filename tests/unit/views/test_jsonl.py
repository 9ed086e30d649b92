# SPDX-License-Identifier: GPL-3.0-or-later
"""The JSON lines view and its page of the manual."""

from __future__ import annotations

import dataclasses
import json
import re
from io import StringIO
from pathlib import Path

import pytest

from jetpack_core import events
from jetpack_core.contracts.fields import Mode
from jetpack_core.events import SCHEMA_VERSION, Event, HostResult, PlayFinished, RunFinished
from jetpack_core.records import Change, Status, TextDiff
from jetpack_core.views.jsonl import JsonLinesView, event_data
from tests.unit.views.story import story

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "events.md"
EVENTS = [one for one in vars(events).values() if isinstance(one, type) and issubclass(one, Event) and one is not Event]


def lines(*told: Event) -> list[str]:
    stream = StringIO()
    view = JsonLinesView(stream)
    for event in told:
        view.handle(event)
    view.close()
    return stream.getvalue().splitlines()


def test_a_result_reads_as_written_down() -> None:
    event = HostResult(
        run="r1", time=5.0, elapsed=1.5, play="p", host="h", task="t", module="copy", status=Status.MODIFIED,
        item=None, item_index=0, changes=(Change("mode", Mode(0o644), Mode(0o600)),),
        diff=(TextDiff("/f", None, "\udcff\x1b"),), command=("a", "b"), rc=0, stdout="ä", file="site.yml", line=3,
    )  # fmt: skip
    assert lines(event) == [
        (
            '{"event":"host_result","run":"r1","time":5.0,"elapsed":1.5,"play":"p","host":"h","task":"t",'
            '"module":"copy","status":"modified","planned":false,"handler":false,"item":null,"item_index":0,'
            '"attempt":1,"changes":[{"field":"mode","before":"0o644","after":"0o600"}],'
            '"diff":[{"path":"/f","before":null,"after":"\\\\xff\\u001b"}],"command":["a","b"],"rc":0,'
            '"stdout":"\\u00e4","file":"site.yml","line":3,"duration":0.0}'
        )
    ]


def test_what_does_not_apply_is_left_out() -> None:
    assert event_data(PlayFinished(play="")) == {
        "event": "play_finished", "run": "", "time": 0.0, "elapsed": 0.0, "play": "",
    }  # fmt: skip
    assert event_data(RunFinished())["exit_code"] == 0


def test_every_line_of_a_run_is_one_ascii_object() -> None:
    told = list(story())
    written = lines(*told)
    assert len(written) == len(told)
    for line, event in zip(written, told, strict=True):
        assert line.isascii()
        assert line.isprintable()
        assert json.loads(line)["event"] == event.event


def sections() -> dict[str, list[tuple[str, str]]]:
    """Return the fields and their types of every section of the page."""
    found: dict[str, list[tuple[str, str]]] = {}
    for part in PAGE.read_text(encoding="utf-8").split("\n## ")[1:]:
        name = part.split("\n", 1)[0].strip("`")
        found[name] = re.findall(r"^\| `(\w+)` \| ([^|]*) \|", part, re.MULTILINE)
    return found


def test_the_page_lists_every_event_and_no_other() -> None:
    assert list(sections()) == ["Fields of every event", *(one.event for one in EVENTS)]


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.event)
def test_the_page_lists_every_field_in_order(event: type[Event]) -> None:
    common = {field.name for field in dataclasses.fields(Event)}
    fields = [field for field in dataclasses.fields(event) if field.name not in common]
    documented = sections()[event.event]
    assert [name for name, _ in documented] == [field.name for field in fields]
    always = [name for name, kind in documented if "always" in kind]
    assert always == [field.name for field in fields if field.default is field.default_factory]


def test_the_page_is_of_this_schema() -> None:
    assert f"schema version {SCHEMA_VERSION}" in PAGE.read_text(encoding="utf-8")
    assert [name for name, _ in sections()["Fields of every event"]] == ["event", "run", "time", "elapsed"]
