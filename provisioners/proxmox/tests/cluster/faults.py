# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults and latency that a test asks for, and the record of every call."""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from provisioners.proxmox.tests.cluster.errors import ApiError
from provisioners.proxmox.tests.cluster.settings import Settings


@dataclass(slots=True)
class CallFault:
    """What happens to calls of a method and a path (`*` stands for one part, `**` for any rest)."""

    method: str
    path: str
    status: int = 500
    message: str = "injected fault"
    errors: dict[str, str] = field(default_factory=dict)
    # Drop the connection: "before" the call takes effect, or "after" it, its answer lost.
    drop: str = ""
    delay: float = 0.0
    skip: int = 0
    times: int = 1

    def matches(self, method: str, path: str) -> bool:
        """Say whether a call is meant."""
        return self.method in {method, "*"} and _pattern(self.path).fullmatch(path) is not None


@dataclass(slots=True)
class TaskFault:
    """How tasks of a type (and of one guest, where `id` is given) end."""

    type: str
    id: str = ""
    # An error's text; "WARNINGS: 1" lets the work be done and says so.
    exitstatus: str = ""
    log: list[str] = field(default_factory=list)
    duration: float | None = None
    leave_remains: bool = False
    skip: int = 0
    times: int = 1

    def seconds(self, settings: Settings) -> float:
        """Return how long the task takes."""
        return settings.task_seconds if self.duration is None else self.duration

    def fail(self) -> None:
        """Raise when the task is to fail before its work is done."""
        if self.exitstatus and not self._only_warns():
            raise ApiError(self.exitstatus)

    def ending(self) -> str:
        """Return how a task ends whose work was done."""
        return self.exitstatus or "OK"

    def _only_warns(self) -> bool:
        return self.exitstatus == "OK" or self.exitstatus.startswith("WARNINGS: ")


def _pattern(path: str) -> re.Pattern[str]:
    parts = re.split(r"(\*\*|\*)", path)
    return re.compile("".join({"**": ".*", "*": "[^/]*"}.get(part, re.escape(part)) for part in parts))


class Faults:
    """The faults that wait to happen, and the calls that were made."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._calls: list[CallFault] = []
        self._tasks: list[TaskFault] = []
        self.recorded: list[dict[str, Any]] = []

    def add_call(self, values: Mapping[str, Any]) -> None:
        """Let calls fail as told."""
        with self._lock:
            self._calls.append(CallFault(**values))

    def add_task(self, values: Mapping[str, Any]) -> None:
        """Let tasks end as told."""
        with self._lock:
            self._tasks.append(TaskFault(**values))

    def clear(self) -> None:
        """Forget every fault that has not happened."""
        with self._lock:
            self._calls.clear()
            self._tasks.clear()

    def take_call(self, method: str, path: str) -> CallFault | None:
        """Return the fault that a call meets, counting it."""
        with self._lock:
            return next((one for one in self._calls if one.matches(method, path) and self._due(one)), None)

    def take_task(self, kind: str, about: str) -> TaskFault | None:
        """Return the fault that a task meets, counting it."""
        with self._lock:
            meant = (one for one in self._tasks if one.type in {kind, "*"} and one.id in {"", about})
            return next((one for one in meant if self._due(one)), None)

    @staticmethod
    def _due(fault: CallFault | TaskFault) -> bool:
        if fault.skip > 0:
            fault.skip -= 1
            return False
        if fault.times == 0:
            return False
        fault.times -= 1
        return True

    def record(self, entry: dict[str, Any]) -> None:
        """Keep a call for a test to look at."""
        with self._lock:
            self.recorded.append(entry)
