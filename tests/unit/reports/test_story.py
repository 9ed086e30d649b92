# SPDX-License-Identifier: GPL-3.0-or-later
"""What is read of a run's events, and what is made of them for CI and for people."""

from __future__ import annotations

import json
import re
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jetpack_core.errors import UsageError
from jetpack_core.records import Status
from jetpack_core.reports.html import html
from jetpack_core.reports.junit import junit
from jetpack_core.reports.markdown import markdown
from jetpack_core.reports.story import Story, read_story
from tests.unit.engine.site import Site
from tests.unit.reports.telling import RUN, finished, fleet, result, started, write

FAILED = {"msg": "it does not start", "hint": "look at its journal", "rc": 3, "stderr": "no such unit\n"}


@pytest.fixture
def story(tmp_path: Path) -> Story:
    events = [
        started(),
        {"event": "play_started", "play": "p", "hosts": ["a", "b", "c"], "tasks": 2},
        result("a", "one", "modified", duration=0.5),
        result("b", "one", "matched", duration=0.25),
        {
            "event": "host_unreachable",
            "host": "c",
            "msg": "no route to host",
            "hint": "is it up?",
            "play": "p",
            "task": "one",
        },
        result("a", "two", "failed", 2, item="x", item_index=0, **FAILED),
        result("b", "two", "skipped", 2, msg="condition not met"),
        {"event": "warning", "msg": "the clock is off", "host": "b"},
        finished(exit_code=2),
    ]
    return read_story(write(tmp_path / "events.jsonl", events))


def test_a_story_has_hosts_tasks_and_what_became_of_them(story: Story) -> None:
    assert (story.run, story.hosts, [task.name for task in story.tasks]) == (RUN, ["a", "b", "c"], ["one", "two"])
    one, two = story.tasks
    assert [one.status(host) for host in "abc"] == [Status.MODIFIED, Status.MATCHED, Status.UNREACHABLE]
    assert [two.status(host) for host in "abc"] == [Status.FAILED, Status.SKIPPED, None]
    assert (story.exit_code, story.warnings) == (2, ["b: the clock is off"])
    assert story.headline() == "2 of 3 hosts failed, 1 change"


def test_the_worst_item_of_a_loop_counts(tmp_path: Path) -> None:
    items = [
        result("a", "t", status, item_index=number) for number, status in enumerate(["matched", "created", "matched"])
    ]
    (task,) = read_story(write(tmp_path / "log", [started(), *items, finished()])).tasks
    assert task.status("a") is Status.CREATED


def test_junit_has_a_suite_for_each_host_and_a_case_for_each_task(story: Story) -> None:
    root = ET.fromstring(junit(story))  # noqa: S314 - made here
    assert [suite.get("name") for suite in root] == ["a", "b", "c"]
    assert (root.get("tests"), root.get("failures"), root.get("skipped")) == ("5", "2", "1")
    failure = root.find("./testsuite[@name='a']/testcase[@name='two']/failure")
    assert failure is not None
    assert failure.get("message") == "it does not start"
    assert all(part in str(failure.text) for part in ("hint: look at its journal", "rc: 3", "no such unit"))
    case = root.find("./testsuite[@name='a']/testcase[@name='one']")
    assert case is not None
    assert (case.get("classname"), case.get("file"), case.get("line"), case.get("time")) == (
        "p",
        "site.yml",
        "10",
        "0.500",
    )


def test_junit_tells_of_a_run_that_was_killed(tmp_path: Path) -> None:
    root = ET.fromstring(junit(read_story(write(tmp_path / "log", [started(), result("a", "t", "matched")]))))  # noqa: S314
    assert (root.get("tests"), root.get("failures")) == ("2", "1")
    failure = root.find("./testsuite[@name='run']/testcase/failure")
    assert failure is not None
    assert "its log ends before the run did" in str(failure.get("message"))


def test_markdown_has_a_table_and_the_failures(story: Story) -> None:
    text = markdown(story)
    assert "| host | matched | modified | skipped | failed | unreachable |" in text
    assert re.search(r"\| a \| +\| 1 \| +\| 1 \| +\|", text)
    assert "**a**: two (site.yml:20)" in text
    assert "> it does not start" in text
    assert "```text\nno such unit\n```" in text
    assert "- b: the clock is off" in text


def test_a_log_that_was_cut_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    log = write(tmp_path / "log", [started(), result("a", "t", "modified")])
    log.write_text(log.read_text() + '{"event": "host_res')
    story = read_story(log)
    assert (story.exit_code, story.headline()) == (None, "1 change, the run did not come to its end")


def test_the_last_of_several_runs_counts(tmp_path: Path) -> None:
    log = write(
        tmp_path / "log",
        [started(), result("a", "t", "failed"), finished(), started(), result("b", "t", "matched"), finished()],
    )
    story = read_story(log)
    assert (story.hosts, story.headline()) == (["b"], "nothing to change")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "holds no run"),
        ("hello\n", ":1: this is no event of a run"),
        ("[1]\n", ":1: this is no event of a run"),
        ('{"event": 7}\n', ":1: this is no event of a run"),
        ('{"event": "run_started", "run": "x"}\n', "an event 'run_started' is damaged"),
        ('{"event": "host_result", "host": "a", "status": "fine", "task": "t"}\n', "an event 'host_result' is damaged"),
    ],
)
def test_what_is_no_log_is_told(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "log").write_text(text)
    with pytest.raises(UsageError, match=re.escape(said)):
        read_story(tmp_path / "log")


@given(st.text(), st.text())
def test_no_text_breaks_any_report(tmp_path_factory: pytest.TempPathFactory, name: str, output: str) -> None:
    events = [started(), result(name, name, "failed", msg=output, stderr=output, hint=name), finished()]
    story = read_story(write(tmp_path_factory.mktemp("log") / "log", events))
    root = ET.fromstring(junit(story))  # noqa: S314 - made here
    assert len(root) == 1
    page = html(story)
    assert page.count("<script") == 2
    start = page.index(">", page.index('<script id="data"')) + 1
    data = json.loads(page[start : page.index("</script>", start)])
    assert data["hosts"] == [name]
    assert data["texts"][0].get("stderr", "") == output
    markdown(story)


def test_a_report_is_made_of_the_last_run_or_of_one_that_is_named(tmp_path: Path) -> None:
    site = Site(tmp_path)
    text = "- name: p\n  groups: [web]\n  tasks:\n    - !shell {name: say, cmd: echo hello}\n"
    site.apply(text)
    made = site.run("report")
    assert (made.code, "The report is in jetpack-report.html" in made.err) == (0, True)
    assert "<title>Jetpack report</title>" in (tmp_path / "jetpack-report.html").read_text()
    (run,) = {str(event["run"]) for event in site.apply(text).events}
    printed = site.run("report", run[:8], "--format", "markdown")
    assert "## Run of site" in printed.out
    assert 'name="say"' in site.run("report", "--format", "junit", "-o", "-").out
    unknown = site.run("report", "zzz")
    assert (unknown.code, "no run 'zzz' is known" in unknown.err) == (1, True)


def test_a_page_fetches_nothing(tmp_path: Path) -> None:
    story = read_story(write(tmp_path / "log", fleet(3, 3)))
    assert all(word not in html(story) for word in ("http://", "https://", "src="))


def test_markdown_of_a_run_that_did_nothing_yet_has_no_broken_table(tmp_path: Path) -> None:
    events = [started(), {"event": "play_started", "play": "p", "hosts": ["a", "b"], "tasks": 1}]
    text = markdown(read_story(write(tmp_path / "log", events)))
    assert "|" not in text
    assert "Nothing was done on any host." in text
