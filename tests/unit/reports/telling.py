# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes the events of runs that never were, in the form that real ones have."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

RUN = "5f3a" * 8


def write(path: Path, events: Sequence[dict[str, Any]] | Iterator[dict[str, Any]]) -> Path:
    """Write events as a log."""
    with path.open("w") as file:
        for number, event in enumerate(events):
            file.write(
                json.dumps({"run": RUN, "time": 1_790_000_000.0 + number, "elapsed": float(number), **event}) + "\n"
            )
    return path


def started(**more: Any) -> dict[str, Any]:
    return {
        "event": "run_started",
        "schema": 1,
        "command": "apply",
        "planned": False,
        "playbooks": ["site.yml"],
        **more,
    }


def finished(**more: Any) -> dict[str, Any]:
    return {"event": "run_finished", "exit_code": 0, "interrupted": False, "hosts": {}, **more}


def result(host: str, task: str, status: str, number: int = 1, **more: Any) -> dict[str, Any]:
    place = {"file": "site.yml", "line": 10 * number, "task_id": f"1.{number}"}
    return {
        "event": "host_result",
        "play": "p",
        "host": host,
        "task": task,
        "module": "copy",
        "status": status,
        **place,
        **more,
    }


def fleet(hosts: int, tasks: int) -> Iterator[dict[str, Any]]:
    """Yield a run in which every tenth result is a change, and every hundredth host fails at its last task."""
    names = [f"web-{number:04}" for number in range(hosts)]
    yield started()
    yield {"event": "play_started", "play": "p", "hosts": names, "tasks": tasks}
    for task in range(1, tasks + 1):
        for place, host in enumerate(names):
            bad = task == tasks and place % 100 == 7
            status = "failed" if bad else "modified" if (place + task) % 10 == 0 else "matched"
            more: dict[str, Any] = {"duration": 0.01 * task}
            if status == "modified":
                more["changes"] = [{"field": "mode", "before": "0o600", "after": "0o644"}]
                more["diff"] = [{"path": "/etc/motd", "before": "old\n", "after": f"new {task}\n"}]
            if bad:
                more.update(msg="it does not start", hint="look at its journal", rc=3, stderr="no such unit\n")
            yield result(host, f"task {task}", status, task, **more)
    yield finished(exit_code=2)
