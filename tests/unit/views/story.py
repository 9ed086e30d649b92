# SPDX-License-Identifier: GPL-3.0-or-later
"""A run as the engine tells it, for whole-text comparisons."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from io import StringIO
from typing import Any

from jetpack_core.contracts.fields import Mode
from jetpack_core.events import (
    Event,
    HandlerNotified,
    HostOutput,
    HostResult,
    HostUnreachable,
    HostWaiting,
    PlayFinished,
    PlayStarted,
    RunFinished,
    RunStarted,
    TaskRetrying,
    TaskStarted,
    Warned,
)
from jetpack_core.records import Change, Status, TextDiff
from jetpack_core.views.console import ConsoleView

PLAY = "Configure web servers"
HOSTS = (*(f"web{number:02}" for number in range(1, 8)), "db1")


@dataclass(frozen=True)
class Tale:
    """Makes the events of one task."""

    task: str
    module: str
    line: int
    time: float
    planned: bool = False
    role: str = ""
    handler: bool = False

    def starts(self) -> TaskStarted:
        return TaskStarted(
            time=self.time, play=PLAY, task=self.task, module=self.module, file="site.yml", line=self.line,
            role=self.role, handler=self.handler, hosts=HOSTS, planned=self.planned,
        )  # fmt: skip

    def ends(self, host: str, status: Status, **facts: Any) -> HostResult:
        return HostResult(
            time=self.time, play=PLAY, host=host, task=self.task, module=self.module, file="site.yml",
            line=self.line, role=self.role, handler=self.handler, planned=self.planned, status=status, **facts,
        )  # fmt: skip


def story(*, planned: bool = False) -> Iterator[Event]:
    yield RunStarted(time=1000.0, command="apply", planned=planned, playbooks=("site.yml",))
    yield PlayStarted(time=1000.0, play=PLAY, hosts=HOSTS, planned=planned, tasks=5)
    yield from _packages(planned)
    yield from _configuration(planned)
    yield from _greetings(planned)
    yield from _accounts(planned)
    yield from _reload(planned)
    yield PlayFinished(time=1010.0, play=PLAY, stopped="2 hosts failed, and max_failures is 2")
    yield RunFinished(time=1010.0, elapsed=12.34, planned=planned, exit_code=2, tasks=5, roles=1, hosts=_counts())


def _packages(planned: bool) -> Iterator[Event]:
    tale = Tale("Install nginx", "apt", 12, 1000.0, planned)
    yield tale.starts()
    for host in HOSTS:
        yield tale.ends(host, Status.MATCHED)


def _configuration(planned: bool) -> Iterator[Event]:
    tale = Tale("Write the configuration", "template", 18, 1001.0, planned, role="web")
    yield tale.starts()
    changes = Change("mode", Mode(0o644), Mode(0o600)), Change("content", "ab12", "cd34")
    diff = (TextDiff("/etc/nginx.conf", "a\nb\n", "a\nc\n"),)
    for host in reversed(HOSTS[:3]):
        yield tale.ends(host, Status.MODIFIED, changes=changes, diff=diff)
    for host in HOSTS[3:7]:
        yield tale.ends(host, Status.MATCHED)
    made = Change("owner", None, "root"), Change("mode", None, Mode(0o600))
    yield tale.ends("db1", Status.CREATED, changes=made)
    yield HandlerNotified(time=1001.0, play=PLAY, host="web01", name="reload", task=tale.task)


def _greetings(planned: bool) -> Iterator[Event]:
    tale = Tale("Say hello", "echo", 22, 1002.0, planned)
    yield tale.starts()
    for host in HOSTS:
        yield tale.ends(host, Status.PASSIVE, msg="hello\nworld" if host == "db1" else "hello")


def _accounts(planned: bool) -> Iterator[Event]:
    tale = Tale("Make accounts", "user", 30, 1003.0, planned)
    yield tale.starts()
    for host in HOSTS[:2]:
        yield tale.ends(host, Status.MATCHED, item="alice", item_index=0)
        uid = (Change("uid", None, 7),)
        yield tale.ends(host, Status.CREATED, item={"name": "bob", "uid": 7}, item_index=1, changes=uid)
    yield TaskRetrying(
        time=1003.0, play=PLAY, host="web03", task=tale.task, attempt=1, retries=3, delay=5, msg="lock held"
    )
    yield HostWaiting(time=1004.0, host="web03", task=tale.task, seconds=95)
    for text in ("part one\npart ", "two"):
        yield HostOutput(time=1004.0, host="web03", task=tale.task, stream="stdout", text=text)
    yield tale.ends("web03", Status.MATCHED, attempt=2)
    for host in HOSTS[3:]:
        yield tale.ends(host, Status.SKIPPED, msg="the condition is false")


def _reload(planned: bool) -> Iterator[Event]:
    tale = Tale("Reload nginx", "shell", 40, 1009.0, planned, handler=True)
    yield tale.starts()
    for host in HOSTS[:2]:
        yield tale.ends(
            host, Status.FAILED, msg="exit code 1", command=("nginx", "-t", "a b"), rc=1, stdout="checking\n",
            stderr="nginx: \x1b[31mbad\x1b[0m \udcff\nsecond line\n", hint="look at the file",
        )  # fmt: skip
    yield tale.ends("web03", Status.IGNORED, msg="exit code 2", rc=2, command=("nginx",))
    yield tale.ends("web04", Status.UNKNOWN, msg="only the task 'x' can tell")
    for host in ("db1", "web07"):
        yield HostUnreachable(
            time=1009.0, host=host, msg="connection refused", hint="is sshd running?", play=PLAY, task=tale.task
        )
    yield Warned(time=1009.0, msg="something odd", hint="look into it", host="web01")
    command, odd = ("nginx", "-s", "reload"), ("the flag is deprecated",)
    yield tale.ends("web05", Status.EXECUTED, command=command, rc=0, stdout="ok\n", warnings=odd, duration=1.5)


def _counts() -> dict[str, dict[str, int]]:
    counts = {host: {"matched": 2, "modified": 1, "passive": 1} for host in HOSTS}
    counts["web01"] = {"matched": 2, "modified": 1, "passive": 1, "failed": 1, "created": 1}
    counts["db1"] = {"matched": 2, "unreachable": 1}
    return counts


def shown(
    events: Iterator[Event] | list[Event],
    *,
    verbosity: int = 0,
    diff: bool = False,
    colour: bool = False,
    live: bool = False,
    width: int = 100,
    profile: bool = False,
    spoken: bool = False,
) -> str:
    """Return what the console view writes of events."""
    stream = StringIO()
    view = ConsoleView(
        stream,
        verbosity=verbosity,
        diff=diff,
        colour=colour,
        live=live,
        width=width,
        profile=profile,
        spoken=spoken,
    )
    for event in events:
        view.handle(event)
    view.close()
    return stream.getvalue()
