# SPDX-License-Identifier: GPL-3.0-or-later
"""Notes how far a run has come on each host, and lets a run go on where an earlier one ended."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from jetpack_core.engine.guests import shortened
from jetpack_core.engine.run_state import DAMAGED, RunSketch, RunState, check_resumable
from jetpack_core.engine.unheard import begin_anew
from jetpack_core.engine.withholding import withhold

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from jetpack_core.engine.context import HostRun
    from jetpack_core.engine.run_state import HostState
    from jetpack_core.engine.unheard import Subscribed
    from jetpack_core.records import Status
    from jetpack_core.secrets.redaction import Redactor

_NOWHERE: Final = -1


class Progress:
    """The steps of one run, written to a file as they end.

    Lines are written once the event loop comes round: before an answer of any host can be looked at. A run that is
    killed therefore loses no more than what is under way, and what was found to be in order just before.

    :param open_file: Opens the file for a run's name and returns its descriptor; None keeps nothing. Raises OSError.
    :param warn: Told once when the file cannot be written.
    :param resumed: The run to go on with.
    :param failed: A run with those of its hosts that failed; those that have no part in this run are kept as failed.
    :param killed: Opens the files of earlier runs that were killed, and so could not take out what this one knows to be
        secret.
    """

    def __init__(
        self,
        open_file: Callable[[str], int] | None = None,
        warn: Callable[[str], None] = lambda _message: None,
        resumed: RunState | None = None,
        failed: RunState | None = None,
        killed: Callable[[], Iterable[int]] = tuple,
    ) -> None:
        self.resumed = resumed
        self._failed = failed
        self._killed = killed
        self._states = resumed.hosts if resumed is not None else {}
        self._left = frozenset(resumed.unfinished()) if resumed is not None else frozenset()
        self._open_file = open_file
        self._warn = warn
        self._redactor: Redactor | None = None
        self._fd = _NOWHERE
        self._numbers: dict[str, int] = {}
        self._lines: list[str] = []
        self._play = 0
        self._told_lost: set[str] = set()

    @property
    def wanted(self) -> bool:
        """Whether the run is to be described."""
        return self._open_file is not None or self.resumed is not None

    # The run.

    def begin(self, sketch: RunSketch, redactor: Redactor, subscribed: Subscribed) -> list[str]:
        """Begin a run; return what is to be said of the one that is resumed, or whose failed hosts are tried again.

        Raises UsageError where it cannot be resumed.
        """
        self._redactor = redactor
        resumed, warnings = self.resumed, list[str]()
        if resumed is not None:
            # Hosts that are not wanted this time may be the next, and are known by this run's plays then.
            left = resumed.unfinished()
            warnings = check_resumable(resumed, sketch, left)
            if unwanted := [name for name in left if name not in sketch.hosts]:
                warnings.append(f"not wanted this time, and left to another --resume: {shortened(unwanted)}")
            sketch = replace(sketch, hosts=tuple(resumed.hosts))
            for name in resumed.hosts.keys() - self._left:
                resumed.hosts[name].finish(len(sketch.plays))
        untried = list[str]()
        if self._failed is not None:
            self._states, warnings = begin_anew(self._failed, sketch, subscribed)
            untried = [name for name in self._states if name not in sketch.hosts]
            sketch = replace(sketch, hosts=(*sketch.hosts, *untried))
        if self._open_file is not None:
            try:
                self._fd = self._open_file(sketch.run)
            except OSError as error:
                self._give_up(error)
            self._numbers = {name: number for number, name in enumerate(sketch.hosts)}
            self._lines = [sketch.line(), *(f"F {self._numbers[name]} failed\n" for name in untried)]
            if resumed is not None:
                kept = enumerate(resumed.hosts.values())
                self._lines += [f"S {number} {state.snapshot()}\n" for number, state in kept]
            else:
                self._lines += [line for name, state in self._states.items() for line in self._waiting(name, state)]
            self._flush()
        return warnings

    def _waiting(self, host: str, state: HostState) -> Iterator[str]:
        for play, names in {state.play: state.notified, **state.waiting}.items():
            yield from (f"W {self._numbers[host]} {play} {json.dumps(name)}\n" for name in names)

    def is_left(self, host: str) -> bool:
        """Tell whether anything is left to do on a host."""
        return self.resumed is None or host in self._left

    def takes_part(self, host: str, play: int) -> bool:
        """Tell whether anything is left to do on a host in a play."""
        if self.resumed is None:
            return True
        if host not in self._left:
            return False
        state = self.resumed.hosts[host]
        return state.play <= play or play in state.again

    def begin_play(self, number: int) -> None:
        """Begin a play, by its number within the run."""
        self._play = number
        self._add(f"P {number}\n")

    def enter(self, host: HostRun, tasks: int) -> None:
        """Let a host begin the play where it is to."""
        host.at, host.again = 0, frozenset()
        host.handled.clear()
        state = self._states.get(host.name)
        if state is None:
            return
        host.again = frozenset(state.again.get(self._play, ()))
        if state.play > self._play:
            host.at = tasks
        elif state.play == self._play:
            host.at = state.task
            host.notified.update(dict.fromkeys(state.notified, True))
            host.handled |= {handler for handler in state.handled if ~handler not in host.again}
        else:
            host.notified.update(dict.fromkeys(state.waiting.get(self._play, ()), True))

    def through(self, plays: int, hosts: Iterable[str]) -> None:
        """Note that hosts came to the end of all plays, whether or not they have a part in the last one."""
        if plays:
            self._add(f"P {plays - 1}\n")
        for name in hosts:
            if plays and name in self._numbers:
                self._add(f"E {self._numbers[name]}\n")

    def finish(self, code: int, hosts: Iterable[HostRun]) -> None:
        """End the run."""
        for host in hosts:
            if host.lost:
                self.lost(host, "failed")
        self._add(f"X {code}\n")
        self._flush()
        if self._fd != _NOWHERE and self._redactor:
            try:
                withhold(self._fd, self._redactor)
            except OSError as error:
                self._give_up(error)
            self._withhold_elsewhere(self._redactor)
        if self._fd != _NOWHERE:
            os.close(self._fd)
            self._fd = _NOWHERE

    def _withhold_elsewhere(self, redactor: Redactor) -> None:
        for descriptor in self._killed():
            # One that is damaged, or of another version, is told by whoever wants to resume it.
            with contextlib.suppress(OSError, *DAMAGED):
                withhold(descriptor, redactor)

    # Its hosts.

    def ended(self, host: HostRun, index: int, statuses: Sequence[Status], *, known: int, handler: int | None) -> None:
        """Note that a task ended on a host.

        :param known: How many notifications there were before it.
        :param handler: Its number, where it is one.
        """
        key = _key(index, handler)
        again = index < host.at if handler is None else key in host.again
        if len(host.notified) > known:
            self._note_notifications(host, list(host.notified)[known:], again=again)
        if host.lost:
            self.lost(host, str(statuses[-1]) if statuses else "failed")
            return
        if handler is None and not again:
            host.at = index + 1
        self._note_values(host, key)
        if handler is None:
            self._step("T", host, f" {index}")
        else:
            # The handler may be under way on other hosts for long.
            self._step("D", host, f" {handler}")

    def _note_notifications(self, host: HostRun, names: Sequence[str], *, again: bool) -> None:
        for name in names:
            if again:
                # It was handled, or is known to be waiting, since the task ran for the first time.
                del host.notified[name]
            else:
                self._step("N", host, f" {json.dumps(name)}")

    def _note_values(self, host: HostRun, key: int) -> None:
        fresh, state = host.variables.fresh, self._states.get(host.name)
        due: dict[str, object] = {}
        if state is not None and key in state.again.get(self._play, ()):
            due = state.due(self._play, key)
            if not state.newer(self._play, key).isdisjoint(fresh):
                # It stays among those that are run again, for others of them that come before the newer value.
                host.variables.take_fresh()
        elif state is not None:
            for name in fresh:
                state.made.pop(name, None)
        if self._fd != _NOWHERE and host.variables.fresh:
            self._keep(host, key)
        if due:
            host.variables.save(due)
            host.variables.take_fresh()

    def _keep(self, host: HostRun, key: int) -> None:
        values, secret = host.variables.take_fresh()
        number = self._numbers[host.name]
        if not secret and _is_plain(values) and not (self._redactor is not None and self._redactor.holds(values)):
            self._add(f"V {number} {key} {json.dumps(values)}\n")
        else:
            self._add(f"R {number} {key}\n")

    def shared(self, host: HostRun, index: int, *, handler: int | None) -> None:
        """Note what a task on another host saved for this one."""
        self._note_values(host, _key(index, handler))

    def was_done(self, index: int) -> bool:
        """Tell whether some host was past a task of the play when the run that is resumed ended."""
        states = self.resumed.hosts.values() if self.resumed is not None else ()
        return any((state.play, state.task) > (self._play, index) for state in states)

    def settled(self, host: HostRun, *, through: bool) -> None:
        """Note that the handlers of a batch have run on a host, and whether its tasks all have."""
        self._step("E" if through else "C", host)

    def lost(self, host: HostRun, status: str) -> None:
        """Note that a host left the run."""
        if host.name not in self._told_lost:
            self._told_lost.add(host.name)
            self._step("F", host, f" {status}")

    def _step(self, letter: str, host: HostRun, rest: str = "") -> None:
        if host.name in self._numbers:
            self._add(f"{letter} {self._numbers[host.name]}{rest}\n")

    # The file.

    def _add(self, line: str) -> None:
        if self._fd == _NOWHERE:
            return
        if not self._lines:
            asyncio.get_running_loop().call_soon(self._flush)
        self._lines.append(line)

    def _flush(self) -> None:
        if self._fd == _NOWHERE or not self._lines:
            return
        data = "".join(self._lines).encode("utf-8", "replace")
        self._lines.clear()
        try:
            while data:
                data = data[os.write(self._fd, data) :]
        except OSError as error:
            self._give_up(error)

    def _give_up(self, error: OSError) -> None:
        if self._fd != _NOWHERE:
            os.close(self._fd)
            self._fd = _NOWHERE
        self._lines.clear()
        self._warn(f"this run cannot be resumed: its state cannot be written: {error.strerror or error}")


def _key(index: int, handler: int | None) -> int:
    """Return what stands for a task of a play, or for a handler of it: the complement of its number."""
    return index if handler is None else ~handler


def _is_plain(value: object) -> bool:
    """Tell whether a value comes back from JSON as the same to every template."""
    if value is None or isinstance(value, str | int | float):
        return True
    if isinstance(value, list | tuple):
        return all(map(_is_plain, value))
    return type(value) is dict and all(isinstance(key, str) and _is_plain(item) for key, item in value.items())
