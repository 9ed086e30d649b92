# SPDX-License-Identifier: GPL-3.0-or-later
"""The one line at the bottom of a terminal that says what goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from jetpack_core.views.result import seconds_text
from jetpack_core.views.text import clip, join_names, one_line

if TYPE_CHECKING:
    from jetpack_core.events import HostProgress, HostResult, HostWaiting, TaskStarted
    from jetpack_core.views.paint import Paint

_ERASE: Final = "\r\x1b[2K"
_INTERVAL: Final = 0.1
"""Seconds between two drawings when nothing else is printed."""
_FEW: Final = 3
_LONG: Final = 5.0
"""Seconds of waiting that are worth telling."""
_NEXT_UNIT: Final = 1024


class Progress:
    """Counts how far a play is."""

    def __init__(self) -> None:
        self._tasks = self._number = 0
        self._name = ""
        self._waiting: dict[str, None] = {}
        self._hosts = 0
        self._long = ""
        self._looping = False
        self._began = 0.0
        self._changed: set[str] = set()
        self._failed: set[str] = set()
        self._transfers: dict[str, tuple[float, int]] = {}

    def start_play(self, tasks: int) -> None:
        """Begin a play, or a batch of it (with the number of tasks it has)."""
        self._tasks, self._number, self._name = tasks, 0, ""
        self._changed.clear()
        self._failed.clear()

    def start_batch(self) -> None:
        """Begin the tasks anew for the next hosts."""
        self._number = 0

    def start_task(self, event: TaskStarted) -> None:
        """Begin a task."""
        self._number += not event.handler
        self._name = one_line(event.task)
        self._waiting = dict.fromkeys(event.hosts)
        self._hosts = len(event.hosts)
        self._began = event.time
        self._transfers.clear()
        self._long = ""
        self._looping = False

    def end_host(self, event: HostResult) -> None:
        """Note that a host answered; in a loop it may not be done yet."""
        self._waiting.pop(event.host, None)
        self._looping = self._looping or event.item_index is not None
        if event.status.changed:
            self._changed.add(event.host)
        if event.status.ended_badly:
            self._failed.add(event.host)

    def lose(self, host: str) -> None:
        """Note that a host cannot be reached."""
        self._waiting.pop(host, None)
        self._failed.add(host)

    def wait(self, event: HostWaiting) -> None:
        """Note that a host takes long."""
        self._long = waiting_text(event)

    def move(self, event: HostProgress) -> None:
        """Note how far a transfer is."""
        since, at_first = self._transfers.setdefault(event.host, (event.time, event.done))
        moved, seconds = event.done - at_first, event.time - since
        left = ""
        if event.total is not None and moved > 0 and seconds > 0 and event.done < event.total:
            left = f", {seconds_text(round((event.total - event.done) * seconds / moved))} left"
        self._long = progress_text(event) + left

    def text(self, now: float) -> str:
        """Return the line, or nothing between tasks.

        :param now: Seconds since the epoch.
        """
        if not self._name:
            return ""
        number = f"[{self._number}/{self._tasks}] " if 0 < self._number <= self._tasks else ""
        parts = [f"{number}{self._name}"]
        if self._hosts > 1:
            parts.append(f"{self._hosts - len(self._waiting)} of {self._hosts} hosts")
            parts += [f"{len(names)} {word}" for names, word in self._counts() if names]
        if self._long and (self._waiting or self._looping):
            parts.append(self._long)
        elif not self._looping and 0 < len(self._waiting) <= min(_FEW, self._hosts - 1):
            parts.append(f"waiting for {join_names(list(self._waiting))}")
        if not self._long and now - self._began >= _LONG and (self._waiting or self._looping):
            parts.append(seconds_text(round(now - self._began)))
        return ", ".join(parts)

    def _counts(self) -> tuple[tuple[set[str], str], ...]:
        return (self._changed, "changed"), (self._failed, "failed")


def progress_text(event: HostProgress) -> str:
    """Say how much of a transfer is done."""
    total = "" if event.total is None else f" of {bytes_text(event.total)}"
    return f"{one_line(event.host)}: {bytes_text(event.done)}{total}"


def bytes_text(count: int) -> str:
    """Return a number of bytes as people read it, such as 12.5 MiB."""
    size, unit = float(count), "B"
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if size < _NEXT_UNIT or unit == "TiB":
            break
        size /= _NEXT_UNIT
    return f"{count} B" if unit == "B" else f"{size:.1f} {unit}"


def waiting_text(event: HostWaiting) -> str:
    """Say that a task runs long."""
    return f"still running on {one_line(event.host)}, {seconds_text(event.seconds)}"


class LiveLine:
    """Draws and erases the line; it gives text to write and never writes itself.

    :param width: Columns of the terminal.
    """

    def __init__(self, width: int, paint: Paint) -> None:
        self._width = width
        self._paint = paint
        self._shown = ""
        self._drawn_at = 0.0

    def erase(self) -> str:
        """Return what removes the line."""
        was, self._shown = self._shown, ""
        return _ERASE if was else ""

    def draw(self, text: str, now: float, *, soon: bool) -> str:
        """Return what puts a new text in place; not too often, unless it is wanted soon."""
        clipped = clip(text, self._width - 1)
        if clipped == self._shown or (self._shown and not soon and now - self._drawn_at < _INTERVAL):
            return ""
        self._drawn_at = now
        erase = self.erase()
        self._shown = clipped
        return erase + self._paint(clipped, "dim")
