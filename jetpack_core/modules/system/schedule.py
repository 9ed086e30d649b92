# SPDX-License-Identifier: GPL-3.0-or-later
"""When cron starts a job: the fields of crontab(5), checked as cron would."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, BeforeValidator, WithJsonSchema

_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_WEEKDAYS: Final = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")

SpecialTime = Literal["reboot", "yearly", "annually", "monthly", "weekly", "daily", "midnight", "hourly"]
"""The names that crontab(5) has for usual times."""

SPECIAL_TIMES: Final = frozenset(
    {"@reboot", "@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly"}
)


@dataclass(frozen=True, slots=True)
class TimeField:
    """One of the five columns that say when."""

    name: str
    lowest: int
    highest: int
    words: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))

    def check(self, text: str) -> str:
        """Return the text of a column. Raises ValueError for what cron would not take."""
        for part in text.split(","):
            self._check_part(part, text)
        return text

    def takes(self, text: str) -> bool:
        """Tell whether cron would take a text for this column."""
        try:
            self.check(text)
        except ValueError:
            return False
        return True

    def _check_part(self, part: str, text: str) -> None:
        span, slash, step = part.partition("/")
        if slash and (not _is_number(step) or not 0 < int(step) <= self.highest):
            self._refuse(text, f"the step {step!r} is not a number from 1 to {self.highest}")
        if span == "*":
            return
        first, dash, last = span.partition("-")
        if slash and not dash:
            self._refuse(text, f"a step needs a range, such as */{step} or {first}-{self.highest}/{step}")
        start = self._number(first, text)
        if dash and self._number(last, text) < start:
            self._refuse(text, f"the range {span} runs backwards")

    def _number(self, word: str, text: str) -> int:
        number = int(word) if _is_number(word) else self.words.get(word.lower(), -1)
        if not self.lowest <= number <= self.highest:
            named = f" or a name such as {next(iter(self.words))}" if self.words else ""
            self._refuse(text, f"{word!r} is not a number from {self.lowest} to {self.highest}{named}")
        return number

    def _refuse(self, text: str, why: str) -> None:
        message = f"{text!r} is not a {self.name} of cron: {why}"
        raise ValueError(message)


MINUTE: Final = TimeField("minute", 0, 59)
HOUR: Final = TimeField("hour", 0, 23)
DAY: Final = TimeField("day of the month", 1, 31)
MONTH: Final = TimeField("month", 1, 12, {name: number for number, name in enumerate(_MONTHS, 1)})
WEEKDAY: Final = TimeField("day of the week", 0, 7, {name: number for number, name in enumerate(_WEEKDAYS)})

COLUMNS: Final = (MINUTE, HOUR, DAY, MONTH, WEEKDAY)
"""The columns in the order of crontab(5)."""


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal()


def _text(value: object) -> object:
    """Take a number for its text, as a template may render one."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


_TEXT: Final = BeforeValidator(_text)
_SCHEMA: Final = WithJsonSchema({"type": "string"})

Minute = Annotated[str, _TEXT, AfterValidator(MINUTE.check), _SCHEMA]
Hour = Annotated[str, _TEXT, AfterValidator(HOUR.check), _SCHEMA]
Day = Annotated[str, _TEXT, AfterValidator(DAY.check), _SCHEMA]
Month = Annotated[str, _TEXT, AfterValidator(MONTH.check), _SCHEMA]
Weekday = Annotated[str, _TEXT, AfterValidator(WEEKDAY.check), _SCHEMA]
