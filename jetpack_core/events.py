# SPDX-License-Identifier: GPL-3.0-or-later
"""The one stream of typed events that feeds every view.

Each event is a frozen dataclass; its `event` name and its fields are the JSON lines schema, whose version is
`SCHEMA_VERSION`. Fields are added in minor versions and never change their meaning.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Final

from jetpack_core.records import Change, Status, TextDiff

SCHEMA_VERSION: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """What happened; `run`, `time` (seconds since the epoch) and `elapsed` (seconds) are stamped when it is sent."""

    event: ClassVar[str] = ""
    run: str = ""
    time: float = 0.0
    elapsed: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStarted(Event):
    """A run begins; `planned` is true in plan mode."""

    event: ClassVar[str] = "run_started"
    schema: int = SCHEMA_VERSION
    command: str = ""
    planned: bool = False
    playbooks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PlayStarted(Event):
    """A play begins on its hosts."""

    event: ClassVar[str] = "play_started"
    play: str
    hosts: tuple[str, ...]
    planned: bool = False
    tasks: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchStarted(Event):
    """A rolling batch of a play begins; sent only where a play has more than one."""

    event: ClassVar[str] = "batch_started"
    play: str
    number: int
    batches: int
    hosts: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskStarted(Event):
    """A task begins on the hosts that are left (in the free strategy: on the first of them)."""

    event: ClassVar[str] = "task_started"
    play: str
    task: str
    module: str
    role: str = ""
    handler: bool = False
    file: str = ""
    line: int = 0
    hosts: tuple[str, ...] = ()
    planned: bool = False
    task_id: str = ""
    """`PLAY.TASK` by their numbers in the run, with an `h` before a handler's; the same in every run of the content."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskFinished(Event):
    """A task ended on every host; `statuses` counts the results of its hosts and items."""

    event: ClassVar[str] = "task_finished"
    play: str
    task: str
    module: str
    role: str = ""
    handler: bool = False
    file: str = ""
    line: int = 0
    planned: bool = False
    statuses: Mapping[str, int] = field(default_factory=dict)
    task_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class HostResult(Event):
    """One task, or one item of it, ended on one host."""

    event: ClassVar[str] = "host_result"
    play: str
    host: str
    task: str
    module: str
    status: Status
    planned: bool = False
    role: str = ""
    handler: bool = False
    delegate: str = ""
    """The host acted on, where it is another one."""
    item: object = None
    item_index: int | None = None
    attempt: int = 1
    changes: tuple[Change, ...] = ()
    diff: tuple[TextDiff, ...] = ()
    command: tuple[str, ...] = ()
    rc: int | None = None
    stdout: str = ""
    stderr: str = ""
    msg: str = ""
    hint: str = ""
    warnings: tuple[str, ...] = ()
    result: Mapping[str, object] = field(default_factory=dict)
    """What a task found out that changes nothing; sent only when results were asked for."""
    file: str = ""
    line: int = 0
    fault_line: int = 0
    """The line of the parameter that is wrong, where it is one."""
    duration: float = 0.0
    """Seconds."""
    task_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class HostOutput(Event):
    """A running command printed something; sent only when streaming was asked for."""

    event: ClassVar[str] = "host_output"
    host: str
    task: str
    stream: str
    """`stdout` or `stderr`."""
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HostProgress(Event):
    """A task moves many bytes on a host; sent every second or so while it does."""

    event: ClassVar[str] = "host_progress"
    host: str
    task: str
    done: int
    """Bytes."""
    total: int | None = None
    """Bytes; None where nobody knows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HostWaiting(Event):
    """A task has been running on a host for a long time."""

    event: ClassVar[str] = "host_waiting"
    host: str
    task: str
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskRetrying(Event):
    """An attempt of a task failed on a host and another one follows after `delay` seconds."""

    event: ClassVar[str] = "task_retrying"
    play: str
    host: str
    task: str
    attempt: int
    retries: int
    delay: float
    msg: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class HostUnreachable(Event):
    """A host could not be reached, or was lost; it leaves the run."""

    event: ClassVar[str] = "host_unreachable"
    host: str
    msg: str
    hint: str = ""
    play: str = ""
    task: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class HandlerNotified(Event):
    """A changed task notified the handlers that subscribe to a name."""

    event: ClassVar[str] = "handler_notified"
    play: str
    host: str
    name: str
    task: str
    planned: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorAsked(Event):
    """A question is put to whoever sits at the terminal; nothing is drawn there until it is answered."""

    event: ClassVar[str] = "operator_asked"
    question: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorAnswered(Event):
    """A question was answered: `yes`, `no`, `all` (yes, and to every further step) or `quit`."""

    event: ClassVar[str] = "operator_answered"
    question: str
    answer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Warned(Event):
    """Something the user should know that stops nothing."""

    event: ClassVar[str] = "warning"
    msg: str
    hint: str = ""
    host: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlayFinished(Event):
    """A play ended; `stopped` gives the reason when it ended early."""

    event: ClassVar[str] = "play_finished"
    play: str
    stopped: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFinished(Event):
    """A run ended, however it did; `hosts` counts per host the statuses of its tasks and items."""

    event: ClassVar[str] = "run_finished"
    planned: bool = False
    exit_code: int = 0
    interrupted: bool = False
    error: str = ""
    tasks: int = 0
    roles: int = 0
    hosts: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    redactions: int | None = None
    """How often a secret was replaced in what was shown; None where it never was."""
    differing: int = 0
    """Provisioned hosts that differ from what is wanted in what is left as it is."""
    refused: int = 0
    """Questions that the operator answered with no."""
