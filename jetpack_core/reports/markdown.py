# SPDX-License-Identifier: GPL-3.0-or-later
"""Reports as Markdown, short enough for the summary of a CI job or a comment on a change."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from jetpack_core.records import Status

if TYPE_CHECKING:
    from jetpack_core.reports.story import Result, Story, TaskStory

_MOST_ROWS: Final = 50
_LONGEST: Final = 2000
"""Characters of an output that are shown: its end, where the reason mostly stands."""
_SPECIAL: Final = re.compile(r"([\\`*_\[\]<>|#~!&])")


def markdown(story: Story) -> str:
    """Return the report: the outcome, a table of the hosts, and the failures with their context."""
    what = "Plan" if story.planned else "Run"
    name = ", ".join(map(_text, story.playbooks)) or _text(story.command)
    lines = [f"## {what} of {name}: {_text(story.headline())}", ""]
    if story.error:
        lines += [f"**The run stopped:** {_text(story.error)}", ""]
    lines += [*_table(story), ""]
    failures = list(story.failures())
    if failures:
        lines += ["### Failures", ""]
        for task, result in failures[:_MOST_ROWS]:
            lines += _failure(task, result)
        if len(failures) > _MOST_ROWS:
            lines += [f"and {len(failures) - _MOST_ROWS} more", ""]
    lines += [f"- {_text(warning)}" for warning in story.warnings[:_MOST_ROWS]]
    return "\n".join(lines).rstrip() + "\n"


def _table(story: Story) -> list[str]:
    totals = story.totals()
    columns = [status for status in Status if totals[status]]
    if not columns:
        return ["Nothing was done on any host."]
    hosts = sorted(story.hosts, key=lambda host: not any(one.ended_badly for one in story.counts(host)))
    rows = ["| host | " + " | ".join(one.value for one in columns) + " |", "|---|" + "--:|" * len(columns)]
    for host in hosts[:_MOST_ROWS]:
        counts = story.counts(host)
        rows.append(f"| {_text(host)} | " + " | ".join(str(counts[one] or "") for one in columns) + " |")
    if len(hosts) > _MOST_ROWS:
        rows.append(f"| {len(hosts) - _MOST_ROWS} more | " + " | ".join("" for _ in columns) + " |")
    if len(hosts) > 1:
        rows.append("| **total** | " + " | ".join(f"**{totals[one]}**" for one in columns) + " |")
    return rows


def _failure(task: TaskStory, result: Result) -> list[str]:
    where = f" ({_text(task.where)})" if task.where else ""
    lines = [f"**{_text(result.host)}**: {_text(task.name)}{where}", "", f"> {_text(result.text('msg'))}"]
    if result.text("hint"):
        lines += [">", f"> {_text(result.text('hint'))}"]
    output = result.text("stderr") or result.text("stdout")
    if output:
        lines += ["", *_fenced(output[-_LONGEST:])]
    return [*lines, ""]


def _fenced(text: str) -> list[str]:
    """Return a code block that nothing in the text can end."""
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return [f"{fence}text", *text.rstrip("\n").split("\n"), fence]


def _text(text: str) -> str:
    """Return text that means nothing to Markdown, in one line."""
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))
