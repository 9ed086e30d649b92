# SPDX-License-Identifier: GPL-3.0-or-later
"""The view for people: task by task, host by host, calm where all is well."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from jetpack_core.contracts.view import View
from jetpack_core.events import (
    BatchStarted,
    HandlerNotified,
    HostOutput,
    HostProgress,
    HostResult,
    HostUnreachable,
    HostWaiting,
    OperatorAnswered,
    OperatorAsked,
    PlayFinished,
    PlayStarted,
    RunFinished,
    RunStarted,
    TaskRetrying,
    TaskStarted,
    Warned,
)
from jetpack_core.records import Status
from jetpack_core.views.live import LiveLine, Progress, waiting_text
from jetpack_core.views.paint import Paint
from jetpack_core.views.result import COMMANDS, OUTPUT, Shown, Style, seconds_text
from jetpack_core.views.summary import summary_lines
from jetpack_core.views.task_log import INDENT, LABEL_WIDTH, TaskKey, TaskLog, heading, labelled, task_key
from jetpack_core.views.text import join_names, one_line, pad, visible
from jetpack_core.views.timings import Timings

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TextIO

    from jetpack_core.events import Event

_PATIENCE: Final = 2.0
"""Seconds that a change or failure may wait for equal ones of other hosts."""
_RECAP: Final = 20
_LONGEST_TAIL: Final = 4096
"""Characters without a newline that are kept back."""


class ConsoleView(View):
    """Writes the story of a run as plain text.

    :param verbosity: 0 changes and failures; 1 every host and command; 2 output as it comes; 3 everything.
    :param diff: Whether differences of files are shown.
    :param colour: Whether the terminal shows colours.
    :param live: Whether there is a line of progress at the bottom; for terminals that can erase only.
    :param width: Columns.
    :param profile: Whether timings stand at the end.
    :param spoken: Whether it is read aloud, so that there are sentences instead of tables.
    """

    def __init__(
        self,
        stream: TextIO,
        *,
        verbosity: int,
        diff: bool,
        colour: bool,
        live: bool,
        width: int,
        profile: bool = False,
        spoken: bool = False,
    ) -> None:
        self._stream = stream
        self._encoding = getattr(stream, "encoding", None) or "utf-8"
        self._style = Style(verbosity, diff, max(width, 40), Paint(colour))
        self._live = LiveLine(self._style.width, self._style.paint) if live else None
        self._progress = Progress()
        self._timings = Timings() if profile else None
        self._spoken = spoken
        self._order: dict[str, int] = {}
        self._logs: dict[TaskKey, TaskLog] = {}
        self._headed: TaskKey | None = None
        self._tails: dict[tuple[str, str], str] = {}
        self._failures: list[tuple[str, str]] = []
        self._begun = False
        self._asking = False
        self._lines: list[str] = []
        self._handlers = self._dispatch()

    def _dispatch(self) -> dict[type[Event], Callable[..., None]]:
        return {
            RunStarted: self._run_started,
            PlayStarted: self._play_started,
            BatchStarted: self._batch_started,
            TaskStarted: self._task_started,
            HostResult: self._host_result,
            HostOutput: self._host_output,
            HostProgress: self._progress.move,
            HostWaiting: self._host_waiting,
            TaskRetrying: self._task_retrying,
            HostUnreachable: self._host_unreachable,
            HandlerNotified: self._handler_notified,
            OperatorAsked: self._operator_asked,
            OperatorAnswered: self._operator_answered,
            Warned: self._warned,
            PlayFinished: self._play_finished,
            RunFinished: self._run_finished,
        }

    def handle(self, event: Event) -> None:
        """Take one event and write what it means, at once or with others of its task."""
        handler = self._handlers.get(type(event))
        if handler is not None:
            handler(event)
        self._show_overdue(event.time)
        self._write(event)

    def tick(self, now: float) -> None:
        """Draw the line of progress anew, as time goes by.

        :param now: Seconds since the epoch.
        """
        if self._live is not None and not self._asking:
            text = self._live.draw(self._progress.text(now), now, soon=True)
            if text:
                self._stream.write(text)
                self._stream.flush()

    def close(self) -> None:
        """Write what is left and take the line of progress away."""
        self._end_tasks()
        self._write(None)

    def _write(self, event: Event | None) -> None:
        text = "".join(f"{line}\n" for line in self._lines)
        self._lines.clear()
        if self._live is not None:
            before = self._live.erase() if text or event is None else ""
            soon = isinstance(event, TaskStarted | HostWaiting)
            drawn = event is not None and not self._asking
            after = (
                self._live.draw(self._progress.text(event.time), event.time, soon=soon)
                if event is not None and drawn
                else ""
            )
            text = before + text + after
        if text:
            self._stream.write(text.encode(self._encoding, "backslashreplace").decode(self._encoding))
            self._stream.flush()

    def _say(self, *lines: str) -> None:
        self._lines.extend(lines)

    def _run_started(self, event: RunStarted) -> None:
        if event.planned:
            self._say(self._style.paint("Planning: nothing is changed on any host.", "bold"))
        if self._style.verbosity >= COMMANDS and event.playbooks:
            self._say(f"{one_line(event.command) or 'playbooks'}: {', '.join(map(one_line, event.playbooks))}")
        self._begun = bool(event.planned or (self._style.verbosity >= COMMANDS and event.playbooks))

    def _play_started(self, event: PlayStarted) -> None:
        self._end_tasks()
        self._order = {host: number for number, host in enumerate(event.hosts)}
        self._progress.start_play(event.tasks)
        hosts = f"{len(event.hosts)} host{'s' * (len(event.hosts) != 1)}"
        tasks = f", {event.tasks} task{'s' * (event.tasks != 1)}" if event.tasks else ""
        self._gap()
        self._say(f"{self._style.paint(f'PLAY {one_line(event.play)}', 'bold')} ({hosts}{tasks})")
        if self._style.verbosity >= COMMANDS and event.hosts:
            self._say(f"{INDENT}{join_names(event.hosts)}")

    def _gap(self) -> None:
        if self._begun:
            self._say("")
        self._begun = True

    def _batch_started(self, event: BatchStarted) -> None:
        self._end_tasks()
        self._headed = None
        self._progress.start_batch()
        self._gap()
        title = self._style.paint(f"BATCH {event.number} of {event.batches}", "bold")
        self._say(f"{title} ({join_names(event.hosts)})")

    def _task_started(self, event: TaskStarted) -> None:
        self._end_tasks()
        self._progress.start_task(event)
        self._head(task_key(event))

    def _head(self, key: TaskKey) -> None:
        if key != self._headed:
            self._headed = key
            self._say(heading(key, self._style))

    def _host_result(self, event: HostResult) -> None:
        self._end_output(event.host)
        self._progress.end_host(event)
        if self._timings is not None:
            self._timings.take(event)
        if event.status.ended_badly:
            place = f" ({event.file}:{event.fault_line or event.line})" if event.file else ""
            self._remember(event.host, f"{event.task}{place}: {event.msg}")
        key = task_key(event)
        log = self._logs.setdefault(key, TaskLog(self._style, self._order))
        log.add(event)
        if self._style.verbosity >= COMMANDS:
            self._show(key, log.take_all())

    def _show(self, key: TaskKey, lines: list[str]) -> None:
        if lines:
            self._head(key)
            self._say(*lines)

    def _show_overdue(self, now: float) -> None:
        for key, log in self._logs.items():
            if log.since is not None and now - log.since > _PATIENCE:
                self._show(key, log.take_loud())

    def _end_tasks(self) -> None:
        for host, _ in list(self._tails):
            self._end_output(host)
        for key, log in self._logs.items():
            self._show(key, log.take_all())
        self._logs.clear()

    def _host_output(self, event: HostOutput) -> None:
        if self._style.verbosity < OUTPUT:
            return
        *lines, tail = (self._tails.pop((event.host, event.stream), "") + event.text).split("\n")
        for line in lines:
            self._say(self._output_line(event.host, line))
        if len(tail) > _LONGEST_TAIL:
            self._say(self._output_line(event.host, tail))
        elif tail:
            self._tails[event.host, event.stream] = tail

    def _output_line(self, host: str, line: str) -> str:
        return f"{INDENT}{one_line(host)} | {visible(line.removesuffix(chr(13)))}".rstrip()

    def _end_output(self, host: str) -> None:
        for key in [key for key in self._tails if key[0] == host]:
            self._say(self._output_line(host, self._tails.pop(key)))

    def _host_waiting(self, event: HostWaiting) -> None:
        self._progress.wait(event)
        if self._live is None:
            self._say(INDENT + self._style.paint(waiting_text(event), "dim"))

    def _task_retrying(self, event: TaskRetrying) -> None:
        again = f"again in {seconds_text(event.delay)}" if event.delay else "again"
        said = f": {one_line(event.msg)}" if event.msg else ""
        text = f"{one_line(event.host)}: attempt {event.attempt} of {event.retries + 1} failed{said}; {again}"
        self._say(labelled("retrying", Status.IGNORED, text, self._style))

    def _host_unreachable(self, event: HostUnreachable) -> None:
        self._progress.lose(event.host)
        self._remember(event.host, f"unreachable: {event.msg}")
        status = Status.UNREACHABLE
        block = (f"hint: {one_line(event.hint)}",) if event.hint else ()
        shown = Shown(status.value, status, f": {one_line(event.msg)}", block)
        key = self._headed
        if key is None or (event.play, event.task) != (key[0], key[2]):
            text = f"{one_line(event.host)}{shown.detail}"
            self._say(labelled(status.value, status, text, self._style), *(INDENT + line for line in block))
            return
        log = self._logs.setdefault(key, TaskLog(self._style, self._order))
        log.add_shown(shown, event.host, event.time)
        if self._style.verbosity >= COMMANDS:
            self._show(key, log.take_all())

    def _remember(self, host: str, what: str) -> None:
        self._failures.append((host, one_line(what.split("\n", 1)[0])))

    def _handler_notified(self, event: HandlerNotified) -> None:
        if self._style.verbosity >= COMMANDS:
            self._say(f"{INDENT}{one_line(event.host)} notifies {one_line(event.name)}")

    def _warned(self, event: Warned) -> None:
        host = f"{one_line(event.host)}: " if event.host else ""
        inside = self._headed is not None
        word = pad("warning", LABEL_WIDTH, right=True) if inside else "warning:"
        self._say(f"{self._style.paint(word, 'yellow')}{' ' * (1 + inside)}{host}{one_line(event.msg)}")
        if event.hint:
            self._say(f"{INDENT if inside else '  '}hint: {one_line(event.hint)}")
        self._begun = True

    def _operator_asked(self, _: OperatorAsked) -> None:
        # The question itself is written by whoever reads the answer.
        self._asking = True
        self._say("")

    def _operator_answered(self, _: OperatorAnswered) -> None:
        self._asking = False

    def _play_finished(self, event: PlayFinished) -> None:
        self._end_tasks()
        self._headed = None
        self._progress.start_play(0)
        if event.stopped:
            self._say(self._style.paint(f"The play ended early: {one_line(event.stopped)}", "bold red"))

    def _run_finished(self, event: RunFinished) -> None:
        self._end_tasks()
        self._progress.start_play(0)
        self._gap()
        timings = self._timings.lines() if self._timings is not None else []
        self._say(*timings, *self._recap(), *summary_lines(event, self._style, spoken=self._spoken))

    def _recap(self) -> list[str]:
        """Name what failed once more, as a long run has scrolled away by now."""
        alike: dict[str, list[str]] = {}
        for host, what in self._failures:
            alike.setdefault(what, []).append(host)
        for hosts in alike.values():
            hosts.sort(key=lambda host: self._order.get(host, len(self._order)))
        lines = [f"  {join_names(hosts)}: {what}" for what, hosts in alike.items()]
        if len(lines) > _RECAP:
            lines[_RECAP:] = [f"  and {len(lines) - _RECAP} more"]
        return [self._style.paint("FAILED", "bold red"), *lines, ""] if lines else []
