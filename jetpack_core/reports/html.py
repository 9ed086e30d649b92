# SPDX-License-Identifier: GPL-3.0-or-later
"""Reports as one HTML page that needs nothing but a browser: no network, no other file."""

from __future__ import annotations

import base64
import difflib
import hashlib
import json
from importlib import resources
from typing import TYPE_CHECKING, Any, Final

from jetpack_core.records import Status

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jetpack_core.reports.story import Result, Story

LETTERS: Final = {
    Status.MATCHED: "m",
    Status.CREATED: "c",
    Status.MODIFIED: "o",
    Status.REMOVED: "r",
    Status.EXECUTED: "e",
    Status.PASSIVE: "p",
    Status.SKIPPED: "s",
    Status.FAILED: "f",
    Status.IGNORED: "i",
    Status.UNREACHABLE: "u",
    Status.UNKNOWN: "k",
}
_NOTHING: Final = "-"
_QUIET: Final = frozenset({Status.MATCHED, Status.PASSIVE, Status.SKIPPED})
_LONGEST: Final = 20_000
"""Characters of an output or a difference that are kept: its end."""
_SHOWN: Final = (
    "item",
    "changes",
    "command",
    "rc",
    "stdout",
    "stderr",
    "msg",
    "hint",
    "warnings",
    "delegate",
    "attempt",
)


def html(story: Story) -> str:
    """Return the page."""
    style, script = _asset("page.css"), _asset("page.js")
    data = _data(story)
    page = _asset("page.html")
    for name, text in {
        "POLICY": f"default-src 'none'; style-src {_hash(style)}; script-src {_hash(script)}; img-src data:",
        "STYLE": style,
        "SCRIPT": script,
        # No text of a run can end the element it stands in.
        "DATA": json.dumps(data, separators=(",", ":")).replace("<", "\\u003c"),
    }.items():
        before, after = page.split(f"@@{name}@@")
        page = before + text + after
    return page


def _asset(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _data(story: Story) -> dict[str, Any]:
    """Return what the page's script draws: a letter for each host and task, and details where there are any."""
    details = _Details()
    return {
        "run": {
            "id": story.run,
            "command": story.command,
            "planned": story.planned,
            "playbooks": list(story.playbooks),
            "began": story.began,
            "elapsed": story.elapsed,
            "exit_code": story.exit_code,
            "interrupted": story.interrupted,
            "error": story.error,
            "headline": story.headline(),
            "warnings": story.warnings,
        },
        "letters": {letter: status.value for status, letter in LETTERS.items()},
        "hosts": story.hosts,
        "tasks": [
            {
                "name": task.name,
                "play": task.play,
                "module": task.module,
                "role": task.role,
                "handler": task.handler,
                "where": task.where,
                "seconds": round(task.seconds(), 3),
            }
            for task in story.tasks
        ],
        "cells": ["".join(_letter(task.status(host)) for task in story.tasks) for host in story.hosts],
        "seconds": [round(sum(one.duration for one in story.of_host(host)), 3) for host in story.hosts],
        "details": {
            f"{row}:{column}": numbers
            for row, host in enumerate(story.hosts)
            for column, task in enumerate(story.tasks)
            if (numbers := [details.number(one) for one in task.results.get(host, ()) if _tells(one)])
        },
        "texts": details.kept,
    }


def _letter(status: Status | None) -> str:
    return LETTERS[status] if status is not None else _NOTHING


def _tells(result: Result) -> bool:
    return result.status not in _QUIET or bool(result.data.get("warnings") or result.data.get("msg"))


class _Details:
    """Details of results, each kept once however many hosts have it."""

    def __init__(self) -> None:
        self.kept: list[dict[str, Any]] = []
        self._numbers: dict[str, int] = {}

    def number(self, result: Result) -> int:
        """Return the place of a result's details."""
        key = json.dumps([result.data.get(name) for name in (*_SHOWN, "status", "diff")])
        if key not in self._numbers:
            self._numbers[key] = len(self.kept)
            self.kept.append(_detail(result))
        return self._numbers[key]


def _detail(result: Result) -> dict[str, Any]:
    found = {name: result.data[name] for name in _SHOWN if result.data.get(name) not in (None, "", [], {})}
    if found.get("attempt") == 1:
        del found["attempt"]
    for name in ("stdout", "stderr", "msg"):
        if name in found:
            found[name] = _end(str(found[name]))
    found["status"] = result.status.value
    diff = [line for one in result.data.get("diff", ()) for line in _diff(one)]
    if diff:
        found["diff"] = _end("\n".join(diff))
    return found


def _diff(one: Mapping[str, Any]) -> list[str]:
    before, after = one.get("before"), one.get("after")
    old_name, new_name = ("(no such file)" if text is None else str(one["path"]) for text in (before, after))
    if len(before or "") + len(after or "") > _LONGEST * 10:
        return [f"{one['path']}: too large to compare"]
    old, new = (str(text or "").splitlines() for text in (before, after))
    return list(difflib.unified_diff(old, new, old_name, new_name, lineterm=""))


def _end(text: str) -> str:
    return text if len(text) <= _LONGEST else f"...\n{text[-_LONGEST:]}"
