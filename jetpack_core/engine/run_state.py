# SPDX-License-Identifier: GPL-3.0-or-later
"""How far a run has come on each host, as it is kept in a file from which another run can go on.

The file's first line is a JSON map that describes the run; every line after it is one step, written once it is over:
a letter, and mostly the number of a host. A line that is not complete was being written when the run was killed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Final

from jetpack_core.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

VERSION: Final = 2
DAMAGED: Final = (KeyError, TypeError, ValueError, IndexError, AttributeError, RecursionError)
"""What comes of reading lines that are nonsense."""
_REDO: Final = "run the whole playbook instead; with --retry-failed only on the hosts that failed"


@dataclass(frozen=True, slots=True)
class PlaySketch:
    """The digests of a play's tasks and handlers, of those alone that take part."""

    name: str
    tasks: tuple[str, ...]
    handlers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RunSketch:
    """What a run was made of."""

    run: str
    command: str
    playbooks: tuple[str, ...]
    """Absolute paths."""
    hosts: tuple[str, ...]
    plays: tuple[PlaySketch, ...]
    tags: tuple[str, ...]
    variables: str
    """The digest of all variables known before the run."""
    version: int = VERSION

    def line(self) -> str:
        """Return the first line of a state file."""
        return json.dumps({"jetpack_state": self.version, **asdict(self)}) + "\n"


@dataclass(slots=True)
class HostState:
    """How far a run has come on one host."""

    play: int = 0
    """The play it is in, or comes to next."""
    task: int = 0
    """The task of that play that comes next."""
    notified: list[str] = field(default_factory=list)
    """Notifications whose handlers have not run yet."""
    handled: set[int] = field(default_factory=set)
    """Handlers that have, since the last time that all of them had."""
    waiting: dict[int, list[str]] = field(default_factory=dict)
    """Notifications of an earlier run, by the later play that they wait for."""
    again: dict[int, set[int]] = field(default_factory=dict)
    """Tasks by play, and complements of handlers, whose results were not kept, so that they are run again."""
    variables: dict[str, object] = field(default_factory=dict)
    """Facts and saved results."""
    made: dict[str, tuple[int, int]] = field(default_factory=dict)
    """The play of each, and the task or the complement of the handler that made it."""
    took: set[int] = field(default_factory=set)
    """Plays in which something was done."""
    lost: str = ""
    """`failed` or `unreachable`, where the host left the run."""

    def enter(self, play: int) -> bool:
        """Be in a play; return False where it lies behind."""
        if self.play < play:
            self.play, self.task = play, 0
            self.settle()
            self.notified += self.waiting.pop(play, [])
        return self.play == play

    def wait(self, play: int, notification: str) -> None:
        """Have a notification from the beginning of a play on, the present or a later one."""
        names = self.notified if play == self.play else self.waiting.setdefault(play, [])
        if notification not in names:
            names.append(notification)

    def finish(self, plays: int) -> None:
        """Be through with all plays, of which there are now so many; only what others look at is kept."""
        self.play, self.task = plays, 0
        self.settle()
        self.waiting.clear()
        self.again.clear()
        self.took.clear()
        self.made = {name: (0, task) for name, (_, task) in self.made.items()}

    def newer(self, play: int, task: int) -> set[str]:
        """Return the names of what was made later than by a task of a play, or the complement of a handler."""
        return {name for name, maker in self.made.items() if _turn(*maker) > _turn(play, task)}

    def due(self, play: int, task: int) -> dict[str, object]:
        """Return the values that hold once a task that was run again is over.

        What is newer than another task that is to be run again waits for that one, which did not see it either.
        """
        here, front = _turn(play, task), (self.play, False, self.task)
        again = (_turn(number, other) for number, tasks in self.again.items() for other in tasks)
        following = min((turn for turn in again if here < turn < front), default=None)
        return {
            name: self.variables[name]
            for name in self.newer(play, task) & self.variables.keys()
            if following is None or _turn(*self.made[name]) < following
        }

    def settle(self) -> None:
        """Forget notifications, which have been handled."""
        self.notified.clear()
        self.handled.clear()

    def snapshot(self) -> str:
        """Return this as JSON."""
        again = {str(play): sorted(tasks) for play, tasks in self.again.items()}
        where = {"play": self.play, "task": self.task, "notified": self.notified, "handled": sorted(self.handled)}
        values = {"variables": self.variables, "made": self.made, "waiting": self.waiting}
        return json.dumps({**where, **values, "again": again, "took": sorted(self.took), "lost": self.lost})

    def restore(self, kept: Mapping[str, Any]) -> None:
        """Become what a snapshot says. Raises KeyError, TypeError and ValueError for nonsense."""
        self.play, self.task, self.lost = int(kept["play"]), int(kept["task"]), str(kept["lost"])
        self.notified = [str(name) for name in kept["notified"]]
        self.handled = {int(number) for number in kept["handled"]}
        self.again = {int(play): {int(task) for task in tasks} for play, tasks in kept["again"].items()}
        self.variables = dict(kept["variables"])
        self.made = {str(name): (int(play), int(task)) for name, (play, task) in kept["made"].items()}
        self.took = {int(play) for play in kept.get("took", ())}
        self.waiting = {int(play): list(map(str, names)) for play, names in kept.get("waiting", {}).items()}


@dataclass(slots=True)
class RunState:
    """A run as its file tells it."""

    sketch: RunSketch
    hosts: dict[str, HostState]
    code: int | None = None
    """The exit code; None where the run was killed."""

    @property
    def failed(self) -> tuple[str, ...]:
        """Return the hosts that failed or were unreachable."""
        return tuple(name for name, host in self.hosts.items() if host.lost)

    def unfinished(self) -> tuple[str, ...]:
        """Return the hosts on which something is left to do."""
        plays = len(self.sketch.plays)
        return tuple(name for name, host in self.hosts.items() if host.lost or host.play < plays)


def read_sketch(path: Path) -> RunSketch:
    """Return the description in a state file. Raises UsageError where it is none, or one of another version."""
    with path.open(encoding="utf-8", errors="replace") as file:
        return _sketch(path, file.readline())


def read_state(path: Path) -> RunState:
    """Return the state that a file tells. Raises UsageError where it is damaged, and OSError."""
    first, *lines = path.read_bytes().decode("utf-8", "replace").split("\n")
    sketch = _sketch(path, first)
    reader = _Reader(sketch)
    # What follows the last newline is nothing, or a line that was never completed.
    for number, line in enumerate(lines[:-1], 2):
        try:
            reader.take(line)
        except DAMAGED:
            message = f"the state of run {sketch.run[:8]} is damaged: {path}:{number}"
            raise UsageError(message, hint=_REDO) from None
    return reader.state


def sketch_of(kept: Mapping[str, Any]) -> RunSketch:
    """Return the description that JSON holds. Raises KeyError, TypeError and ValueError for nonsense."""
    plays = (
        PlaySketch(str(play["name"]), tuple(map(str, play["tasks"])), tuple(map(str, play["handlers"])))
        for play in kept["plays"]
    )
    return RunSketch(
        run=str(kept["run"]),
        command=str(kept["command"]),
        playbooks=tuple(map(str, kept["playbooks"])),
        hosts=tuple(map(str, kept["hosts"])),
        plays=tuple(plays),
        tags=tuple(map(str, kept["tags"])),
        variables=str(kept["variables"]),
    )


def _sketch(path: Path, line: str) -> RunSketch:
    try:
        kept = json.loads(line)
        version = kept["jetpack_state"]
        if version == VERSION:
            return sketch_of(kept)
    except DAMAGED:
        raise UsageError(f"{path} is not the state of a run, or it is damaged", hint=_REDO) from None
    message = f"{path} was written by another version of Jetpack (its state has version {version!r})"
    raise UsageError(message, hint=_REDO)


class _Reader:
    """Follows a run line by line."""

    def __init__(self, sketch: RunSketch) -> None:
        self.state = RunState(sketch, {name: HostState() for name in sketch.hosts})
        self._numbered = list(self.state.hosts.values())
        self._play = -1
        self._steps: Mapping[str, Callable[[HostState, str], None]] = {
            "T": self._task,
            "N": self._notified,
            "D": self._handler,
            "C": self._settled,
            "E": self._through,
            "F": self._lost,
            "V": self._values,
            "R": self._withheld,
            "S": self._snapshot,
            "W": self._waits,
        }

    def take(self, line: str) -> None:
        """Take one line; raises ValueError and the like for nonsense."""
        letter, _, rest = line.partition(" ")
        if letter == "P":
            self._play = int(rest)
            if not 0 <= self._play < len(self.state.sketch.plays):
                raise ValueError(line)
        elif letter == "X":
            self.state.code = int(rest)
        else:
            number, _, rest = rest.partition(" ")
            if not number.isdecimal() or (letter not in {"S", "F", "W"} and self._play < 0):
                raise ValueError(line)
            self._steps[letter](self._numbered[int(number)], rest)

    def _snapshot(self, host: HostState, rest: str) -> None:
        host.restore(json.loads(rest))
        plays = len(self.state.sketch.plays)
        named = {*host.again, *host.took, *host.waiting, *(play for play, _ in host.made.values())}
        if not 0 <= host.play <= plays or host.task < 0 or any(not 0 <= play < plays for play in named):
            raise ValueError(rest)

    def _waits(self, host: HostState, rest: str) -> None:
        play, _, name = rest.partition(" ")
        notification = json.loads(name)
        if not isinstance(notification, str) or not host.play <= int(play) < len(self.state.sketch.plays):
            raise ValueError(rest)
        host.wait(int(play), notification)

    def _task(self, host: HostState, rest: str) -> None:
        host.lost = ""
        host.took.add(self._play)
        if host.enter(self._play):
            host.task = max(host.task, int(rest) + 1)

    def _notified(self, host: HostState, rest: str) -> None:
        name = json.loads(rest)
        if not isinstance(name, str):
            raise TypeError(rest)
        if host.enter(self._play) and name not in host.notified:
            host.notified.append(name)

    def _handler(self, host: HostState, rest: str) -> None:
        host.took.add(self._play)
        if host.enter(self._play):
            host.handled.add(int(rest))

    def _settled(self, host: HostState, _: str) -> None:
        if host.enter(self._play):
            host.settle()

    def _through(self, host: HostState, _: str) -> None:
        host.lost = ""
        if host.enter(self._play):
            host.enter(self._play + 1)

    def _lost(self, host: HostState, rest: str) -> None:
        host.lost = rest

    def _values(self, host: HostState, rest: str) -> None:
        task, _, values = rest.partition(" ")
        found = json.loads(values)
        host.variables.update(found)
        host.made.update(dict.fromkeys(found, (self._play, int(task))))
        again = host.again.get(self._play, set())
        again.discard(int(task))
        if not again:
            host.again.pop(self._play, None)

    def _withheld(self, host: HostState, rest: str) -> None:
        host.again.setdefault(self._play, set()).add(int(rest))


def _turn(play: int, task: int) -> tuple[int, bool, int]:
    """Return what orders tasks, and complements of handlers, which come after all tasks of their play."""
    return play, task < 0, task if task >= 0 else ~task


def check_resumable(state: RunState, now: RunSketch, hosts: Sequence[str]) -> list[str]:
    """Return what is to be said before a run is resumed on hosts.

    Raises UsageError where what it has done is no longer what the playbook says.
    """
    then = state.sketch
    if then.tags != now.tags:
        tags = ":".join(then.tags)
        hint = f"give --tags {tags}" if tags else "leave out --tags"
        raise UsageError(f"run {then.run[:8]} had other tags", hint=hint)
    for name in hosts:
        _check_host(name, state.hosts[name], then, now)
    warnings = []
    if then.plays != now.plays:
        warnings.append("the playbook has changed since; what was done before the change stands as it is")
    if then.variables != now.variables:
        warnings.append("variables have changed since; what was done before the change stands as it is")
    return warnings


def _check_host(name: str, host: HostState, then: RunSketch, now: RunSketch) -> None:
    for number in sorted({*host.again, *host.took, *host.waiting, host.play} & set(range(len(then.plays)))):
        before = then.plays[number]
        after = now.plays[number] if number < len(now.plays) else PlaySketch("", (), ())
        # What is added to a play that is over would never run, so it must be the same to its end.
        reach = None if number < host.play else host.task if number == host.play else 0
        same = before.name == after.name and before.tasks[:reach] == after.tasks[:reach]
        if (number == host.play and host.handled) or any(task < 0 for task in host.again.get(number, ())):
            same = same and before.handlers == after.handlers
        # Another play of the same name may have come before it.
        if not same or (before != after and before in now.plays):
            message = f"play {before.name!r} has changed in what run {then.run[:8]} has done of it on {name}"
            raise UsageError(message, hint=_REDO)
