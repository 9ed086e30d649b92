# SPDX-License-Identifier: GPL-3.0-or-later
"""The `window` modifier."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, ClassVar, Final
from zoneinfo import ZoneInfo

from pydantic import field_validator

from jetpack_core.contracts.modifier import Modifier
from jetpack_core.errors import TaskError

if TYPE_CHECKING:
    from jetpack_core.contracts.host import Host

_DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY: Final = 24 * 60
_WINDOW: Final = re.compile(r"(?:(?P<days>[A-Za-z,-]+) +)?(?P<start>\d\d:\d\d)-(?P<end>\d\d:\d\d)(?: +(?P<zone>\S+))?")
_SHAPE: Final = "such as `22:00-04:00`, `Sat,Sun 08:00-20:00` or `Mon-Fri 22:00-04:00 Europe/Berlin`"


@dataclass(frozen=True, slots=True)
class Hours:
    """Hours of some days of the week; those that pass midnight belong to the day they begin on."""

    days: frozenset[int]
    """0 is Monday."""
    start: int
    """Minutes since midnight."""
    end: int
    zone: ZoneInfo | None
    """None is this machine's time."""

    def hold(self, now: datetime) -> bool:
        """Tell whether a moment lies within."""
        local = now.astimezone(self.zone)
        minute, today = local.hour * 60 + local.minute, local.weekday()
        if self.start < self.end:
            return today in self.days and self.start <= minute < self.end
        return (today in self.days and minute >= self.start) or ((today - 1) % 7 in self.days and minute < self.end)


def read_hours(text: str) -> Hours:
    """Read a window of time. Raises ValueError, which says what is wrong."""
    match = _WINDOW.fullmatch(text.strip())
    if match is None:
        message = f"{text!r} is no window of time, {_SHAPE}"
        raise ValueError(message)
    start, end = _minutes(match["start"]), _minutes(match["end"])
    if start in {end, _DAY}:
        message = f"{text!r} begins where it ends"
        raise ValueError(message)
    return Hours(_days(match["days"] or "daily"), start, end, _zone(match["zone"]))


def _minutes(text: str) -> int:
    hours, minutes = map(int, text.split(":"))
    total = hours * 60 + minutes
    if minutes >= 60 or total > _DAY:  # noqa: PLR2004 - an hour has as many
        message = f"there is no time {text!r}"
        raise ValueError(message)
    return total


def _days(text: str) -> frozenset[int]:
    if text.lower() == "daily":
        return frozenset(range(7))
    found: set[int] = set()
    for part in text.lower().split(","):
        first, _, last = part.partition("-")
        begin, end = _day(first), _day(last or first)
        found.update(day % 7 for day in range(begin, end + 1 if begin <= end else end + 8))
    return frozenset(found)


def _day(name: str) -> int:
    if name not in _DAYS:
        message = f"there is no day {name!r}; days are Mon, Tue, Wed, Thu, Fri, Sat and Sun"
        raise ValueError(message)
    return _DAYS.index(name)


def _zone(name: str | None) -> ZoneInfo | None:
    if name is None:
        return None
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        message = f"this machine knows no time zone {name!r}; Debian has them in the package tzdata"
        raise ValueError(message) from None


class Window(Modifier):
    """Act only within a window of time, or one of several; outside of all of them the task is skipped.

    A window is `[DAYS] HH:MM-HH:MM [ZONE]`, in this machine's time where no zone is given; one that passes midnight
    belongs to the day it begins on. It may be a template, so that each host or group has its own. Plans show what
    would be done, and say when.

    Example::

        - !reboot
          with:
            window: Sat,Sun 02:00-05:00 Europe/Berlin
    """

    section: ClassVar[str] = "with"
    rank: ClassVar[int] = 15
    value: str | list[str]

    @field_validator("value")
    @classmethod
    def _check(cls, value: str | list[str]) -> str | list[str]:
        for text in [value] if isinstance(value, str) else value:
            if "{" not in text:
                read_hours(text)
        return value

    async def guard(self, host: Host) -> str | None:
        """Look at the clock. Raises TaskError for what is no window."""
        windows = list(self._windows(host))
        now = datetime.now(UTC)
        if any(hours.hold(now) for _, hours in windows):
            return None
        shown = " or ".join(text for text, _ in windows)
        if host.planning:
            host.warn(f"acts only within {shown}")
            return None
        return f"outside of its window, {shown}"

    def _windows(self, host: Host) -> list[tuple[str, Hours]]:
        found: list[tuple[str, Hours]] = []
        for template in [self.value] if isinstance(self.value, str) else self.value:
            rendered = host.render(template)
            for text in rendered if isinstance(rendered, list) else [rendered]:
                try:
                    found.append((str(text), read_hours(str(text))))
                except ValueError as error:
                    message = f"'window': {error}"
                    raise TaskError(message) from None
        if not found:
            message = "'window' names no window at all"
            raise TaskError(message)
        return found
