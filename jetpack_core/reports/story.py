# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads a run's events, as they were logged, into what reports tell."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from jetpack_core.errors import UsageError
from jetpack_core.records import Status

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_CONNECTING: Final = "(connecting)"
_WORST: Final = (
    Status.FAILED,
    Status.UNREACHABLE,
    Status.IGNORED,
    Status.UNKNOWN,
    Status.REMOVED,
    Status.CREATED,
    Status.MODIFIED,
    Status.EXECUTED,
    Status.PASSIVE,
    Status.MATCHED,
    Status.SKIPPED,
)


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a task, or of one item of it, on a host."""

    host: str
    status: Status
    data: Mapping[str, Any]
    """The event's own fields."""

    def text(self, name: str) -> str:
        """Return a field as text; empty where it is not there."""
        value = self.data.get(name)
        return "" if value is None else str(value)

    @property
    def duration(self) -> float:
        """Return how many seconds it took."""
        return float(self.data.get("duration") or 0.0)


@dataclass(slots=True)
class TaskStory:
    """One task of a play, and what became of it everywhere."""

    play: str
    name: str
    module: str = ""
    role: str = ""
    handler: bool = False
    where: str = ""
    """`file:line`."""
    results: dict[str, list[Result]] = field(default_factory=dict)
    """By host; several for a loop."""

    def status(self, host: str) -> Status | None:
        """Return the worst of what became of it on a host; None where it did not run there."""
        found = {result.status for result in self.results.get(host, ())}
        return next((status for status in _WORST if status in found), None)

    def seconds(self) -> float:
        """Return the longest that it took on any host."""
        return max((sum(one.duration for one in results) for results in self.results.values()), default=0.0)


@dataclass(slots=True)
class Story:
    """A run from its beginning to its end, or to where its log ends."""

    run: str = ""
    command: str = ""
    planned: bool = False
    playbooks: tuple[str, ...] = ()
    began: float = 0.0
    """Seconds since the epoch."""
    elapsed: float = 0.0
    exit_code: int | None = None
    """None where the run did not come to its end."""
    interrupted: bool = False
    error: str = ""
    hosts: list[str] = field(default_factory=list)
    tasks: list[TaskStory] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def counts(self, host: str) -> Counter[Status]:
        """Return how often each status came on a host."""
        return Counter(result.status for result in self.of_host(host))

    def of_host(self, host: str) -> Iterator[Result]:
        """Yield the results of a host, in order."""
        for task in self.tasks:
            yield from task.results.get(host, ())

    def totals(self) -> Counter[Status]:
        """Return how often each status came."""
        return Counter(one.status for task in self.tasks for results in task.results.values() for one in results)

    def failures(self) -> Iterator[tuple[TaskStory, Result]]:
        """Yield what failed or could not be reached."""
        for task in self.tasks:
            for results in task.results.values():
                yield from ((task, one) for one in results if one.status.ended_badly)

    def headline(self) -> str:
        """Say in a few words what became of the run."""
        totals = self.totals()
        failed = {one.host for _, one in self.failures()}
        changes = sum(count for status, count in totals.items() if status.changed)
        parts = [f"{len(failed)} of {len(self.hosts)} hosts failed"] if failed else []
        if changes:
            noun = "change" if changes == 1 else "changes"
            parts.append(f"{changes} {noun}{' planned' if self.planned else ''}")
        if self.exit_code is None:
            parts.append("the run did not come to its end")
        elif self.interrupted:
            parts.append("interrupted")
        return ", ".join(parts) or "nothing to change"


def read_story(path: Path) -> Story:
    """Read the last run in a file of events. Raises UsageError for what holds none, and where it cannot be read."""
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            return _told(path, _events(path, file))
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {(error.strerror or str(error)).lower()}") from None


def _events(path: Path, lines: Iterable[str]) -> Iterator[dict[str, Any]]:
    for number, line in enumerate(lines, 1):
        try:
            event = json.loads(line)
            if not isinstance(event, dict) or not isinstance(event.get("event"), str):
                raise TypeError(line)
        except (ValueError, TypeError, RecursionError):
            if not line.endswith("\n"):
                # The run was killed while it was written.
                return
            hint = "reports are made from what a run logged, or printed with --json"
            raise UsageError(f"{path}:{number}: this is no event of a run", hint=hint) from None
        yield event


def _told(path: Path, events: Iterable[dict[str, Any]]) -> Story:
    story: _Teller | None = None
    for event in events:
        if event["event"] == "run_started" or story is None:
            story = _Teller()
        try:
            story.take(event)
        except (KeyError, TypeError, ValueError, AttributeError):
            message = f"{path}: an event {event['event']!r} is damaged"
            raise UsageError(message, hint="was it written by another version of Jetpack?") from None
    if story is None:
        raise UsageError(f"{path} holds no run", hint="it is empty")
    return story.story


class _Teller:
    """Puts a story together, event by event."""

    def __init__(self) -> None:
        self.story = Story()
        self._tasks: dict[tuple[str, str], TaskStory] = {}
        self._hosts: dict[str, None] = {}

    def take(self, event: Mapping[str, Any]) -> None:
        """Take one event; those that no report needs are passed over."""
        self.story.elapsed = max(self.story.elapsed, float(event.get("elapsed") or 0.0))
        handler = getattr(self, f"_{event['event']}", None)
        if handler is not None:
            handler(event)

    def _run_started(self, event: Mapping[str, Any]) -> None:
        story = self.story
        story.run, story.command = str(event["run"]), str(event.get("command", ""))
        story.planned, story.began = bool(event.get("planned")), float(event["time"])
        story.playbooks = tuple(map(str, event.get("playbooks", ())))

    def _play_started(self, event: Mapping[str, Any]) -> None:
        self._know(event["hosts"])

    def _task_started(self, event: Mapping[str, Any]) -> None:
        self._task(event)

    def _host_result(self, event: Mapping[str, Any]) -> None:
        host, status = str(event["host"]), Status(event["status"])
        self._know([host])
        self._task(event).results.setdefault(host, []).append(Result(host, status, dict(event)))

    def _host_unreachable(self, event: Mapping[str, Any]) -> None:
        host = str(event["host"])
        self._know([host])
        task = self._task({"play": "", "task": _CONNECTING, **{key: value for key, value in event.items() if value}})
        task.results.setdefault(host, []).append(Result(host, Status.UNREACHABLE, dict(event)))

    def _warning(self, event: Mapping[str, Any]) -> None:
        host = f"{event['host']}: " if event.get("host") else ""
        self.story.warnings.append(f"{host}{event['msg']}")

    def _run_finished(self, event: Mapping[str, Any]) -> None:
        story = self.story
        story.exit_code = int(event.get("exit_code", 0))
        story.interrupted, story.error = bool(event.get("interrupted")), str(event.get("error", ""))
        self._know(event.get("hosts", {}))

    def _know(self, hosts: Iterable[object]) -> None:
        for host in map(str, hosts):
            if host not in self._hosts:
                self._hosts[host] = None
                self.story.hosts.append(host)

    def _task(self, event: Mapping[str, Any]) -> TaskStory:
        play, name = str(event.get("play", "")), str(event["task"])
        key = (play, str(event.get("task_id") or f"{name} {event.get('file', '')}:{event.get('line', 0)}"))
        found = self._tasks.get(key) or self._last_named(play, name, event)
        if found is None:
            where = f"{event['file']}:{event.get('line', 0)}" if event.get("file") else ""
            found = TaskStory(
                play, name, str(event.get("module", "")), str(event.get("role", "")), bool(event.get("handler")), where
            )
            self.story.tasks.append(found)
            self._tasks[key] = found
        return found

    def _last_named(self, play: str, name: str, event: Mapping[str, Any]) -> TaskStory | None:
        """Return the last task of a name, for events that do not say more of it."""
        if event.get("task_id") or event.get("file"):
            return None
        same = (task for task in reversed(self.story.tasks) if (task.play, task.name) == (play, name))
        return next(same, None)
