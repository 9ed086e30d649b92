# SPDX-License-Identifier: GPL-3.0-or-later
"""The results of one task, gathered so that equal ones share their lines."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from jetpack_core.views.result import Shown, is_quiet, label, show
from jetpack_core.views.text import join_names, one_line, pad

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jetpack_core.events import HostResult, TaskStarted
    from jetpack_core.records import Status
    from jetpack_core.views.result import Style

LABEL_WIDTH: Final = 12
INDENT: Final = " " * (LABEL_WIDTH + 2)
_FEW: Final = 3
"""So many hosts are named where more are only counted."""

TaskKey = tuple[str, str, str, str, str, int, bool]


def task_key(event: TaskStarted | HostResult) -> TaskKey:
    """Return what tells a task from every other one of a run."""
    return event.play, event.role, event.task, event.module, event.file, event.line, event.handler


def heading(key: TaskKey, style: Style) -> str:
    """Return a task's own line: what it is called and where it stands."""
    _, role, task, module, file, line, handler = key
    facts = [f"!{module}" if module else "", f"role {role}" if role else "", f"{file}:{line}" if file else ""]
    shown = ", ".join(one_line(fact) for fact in facts if fact)
    kind = "HANDLER" if handler else "TASK"
    named = f"{kind} {one_line(task) or module}"
    return style.paint(named, "bold") + (" " + style.paint(f"({shown})", "dim") if shown else "")


def labelled(word: str, status: Status, text: str, style: Style) -> str:
    """Return a line whose word stands in the column of statuses."""
    return f"{style.paint.status(pad(word, LABEL_WIDTH, right=True), status)}  {text}"


@dataclass(slots=True)
class _Quiet:
    """Hosts of which there is nothing to say but a status."""

    hosts: Counter[str] = field(default_factory=Counter)
    """How many results each has: one, or one an item."""

    def items(self) -> str:
        """Say how many items there were, where any host had more than one."""
        counts = set(self.hosts.values())
        if max(counts) == 1:
            return ""
        if len(self.hosts) == 1:
            return f" ({max(counts)} items)"
        return f" ({max(counts)} items each)" if len(counts) == 1 else f" ({self.hosts.total()} items in all)"


class TaskLog:
    """Takes results of one task and gives lines.

    :param order: The hosts' places in the play.
    """

    def __init__(self, style: Style, order: Mapping[str, int]) -> None:
        self._style = style
        self._order = order
        self._loud: dict[Shown, dict[str, None]] = {}
        self._quiet: dict[tuple[str, Status], _Quiet] = {}
        self.since: float | None = None
        """When the oldest result that waits to be shown came, in seconds since the epoch."""

    def add(self, event: HostResult) -> None:
        """Take a result."""
        if is_quiet(event, self._style.verbosity):
            key = label(event.status, event.planned), event.status
            quiet = self._quiet.setdefault(key, _Quiet())
            quiet.hosts[event.host] += 1
        else:
            self.add_shown(show(event, self._style), event.host, event.time)

    def add_shown(self, shown: Shown, host: str, time: float) -> None:
        """Take what is to be shown of a host; `time` is in seconds since the epoch."""
        self._loud.setdefault(shown, {})[host] = None
        self.since = time if self.since is None else self.since

    def take_loud(self) -> list[str]:
        """Return the lines of what should not wait, and forget it."""
        lines = [line for shown, hosts in self._loud.items() for line in self._lines(shown, list(hosts))]
        self._loud.clear()
        self.since = None
        return lines

    def take_all(self) -> list[str]:
        """Return all lines that are left, and forget them."""
        lines = self.take_loud()
        for (word, status), quiet in self._quiet.items():
            hosts = self._sorted(list(quiet.hosts))
            text = join_names(hosts) if len(hosts) <= _FEW else f"{len(hosts)} hosts"
            lines.append(labelled(word, status, text + quiet.items(), self._style))
        self._quiet.clear()
        return lines

    def _sorted(self, hosts: list[str]) -> list[str]:
        return sorted(hosts, key=lambda host: (self._order.get(host, len(self._order)), host))

    def _lines(self, shown: Shown, hosts: list[str]) -> list[str]:
        first = labelled(shown.label, shown.status, join_names(self._sorted(hosts)) + shown.detail, self._style)
        return [first, *(f"{INDENT}{line}".rstrip() for line in shown.block)]
