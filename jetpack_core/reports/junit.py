# SPDX-License-Identifier: GPL-3.0-or-later
"""Reports as JUnit XML, which code hosts and CI servers read: a suite for each host, a case for each task."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final
from xml.etree import ElementTree as ET

from jetpack_core.records import Status

if TYPE_CHECKING:
    from jetpack_core.reports.story import Result, Story, TaskStory

# XML has no form for these, escaped or not (XML 1.0, 2.2).
_NOT_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit(story: Story) -> str:
    """Return the report. Failures and unreachable hosts are failures, what was skipped or unknown is skipped."""
    root = ET.Element(
        "testsuites", name=_clean(" ".join(story.playbooks) or story.command), time=_seconds(story.elapsed)
    )
    for host in story.hosts:
        root.append(_suite(story, host))
    for name in ("tests", "failures", "skipped"):
        root.set(name, str(sum(int(suite.get(name, 0)) for suite in root)))
    if story.exit_code is None or story.error:
        root.append(_run_failure(story))
        root.set("tests", str(int(root.get("tests", 0)) + 1))
        root.set("failures", str(int(root.get("failures", 0)) + 1))
    ET.indent(root)
    return ET.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _suite(story: Story, host: str) -> ET.Element:
    cases = [_case(task, task.results[host]) for task in story.tasks if host in task.results]
    began = datetime.fromtimestamp(story.began, UTC).isoformat(timespec="seconds").removesuffix("+00:00")
    suite = ET.Element(
        "testsuite",
        name=_clean(host),
        tests=str(len(cases)),
        failures=str(sum(case.find("failure") is not None for case in cases)),
        errors="0",
        skipped=str(sum(case.find("skipped") is not None for case in cases)),
        time=_seconds(sum(one.duration for one in story.of_host(host))),
        timestamp=began,
        hostname=_clean(host),
    )
    suite.extend(cases)
    return suite


def _case(task: TaskStory, results: list[Result]) -> ET.Element:
    file, _, line = task.where.rpartition(":")
    case = ET.Element(
        "testcase",
        classname=_clean(".".join(part for part in (task.play, task.role) if part) or "run"),
        name=_clean(task.name),
        time=_seconds(sum(result.duration for result in results)),
    )
    if file:
        case.set("file", _clean(file))
        case.set("line", line)
    bad = [result for result in results if result.status.ended_badly]
    if bad:
        failure = ET.SubElement(case, "failure", message=_clean(bad[0].text("msg")), type=bad[0].status.value)
        failure.text = _clean("\n\n".join(map(_details, bad)))
    elif all(result.status in {Status.SKIPPED, Status.UNKNOWN} for result in results):
        ET.SubElement(case, "skipped", message=_clean(results[0].text("msg") or results[0].status.value))
    said = "\n".join(result.text("stdout") for result in results if result.text("stdout"))
    if said:
        ET.SubElement(case, "system-out").text = _clean(said)
    return case


def _details(result: Result) -> str:
    command = result.data.get("command") or ()
    parts = [result.text("msg"), f"hint: {result.text('hint')}" if result.text("hint") else ""]
    parts += [f"command: {' '.join(map(str, command))}"] if command else []
    parts += [f"{name}: {result.text(name)}" for name in ("rc", "stdout", "stderr") if result.text(name)]
    return "\n".join(part for part in parts if part)


def _run_failure(story: Story) -> ET.Element:
    """Return a suite that tells of a run which ended early, for that is no task's failure."""
    suite = ET.Element("testsuite", name="run", tests="1", failures="1", errors="0", skipped="0", time="0.000")
    case = ET.SubElement(suite, "testcase", classname="run", name="the run comes to its end", time="0.000")
    reason = story.error or "its log ends before the run did: it was killed, or goes on"
    ET.SubElement(case, "failure", message=_clean(reason), type="error")
    return suite


def _seconds(value: float) -> str:
    return f"{value:.3f}"


def _clean(text: str) -> str:
    return _NOT_XML.sub("\N{REPLACEMENT CHARACTER}", text)
