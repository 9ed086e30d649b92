# SPDX-License-Identifier: GPL-3.0-or-later
"""Events without the secrets that are known."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from enum import Enum
from typing import TYPE_CHECKING, Any, Final, TypeVar

from jetpack_core.events import HostOutput
from jetpack_core.records import Change, TextDiff

if TYPE_CHECKING:
    from jetpack_core.events import Event
    from jetpack_core.records import Plan
    from jetpack_core.secrets.redaction import RedactedStream, Redactor

E = TypeVar("E", bound="Event")
_OURS: Final = frozenset({"run", "time", "elapsed"})


class EventRedactor:
    """Replaces secrets in events, and holds back the end of an output that may be the beginning of one."""

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._fields: dict[str, tuple[str, ...]] = {}
        self._streams: dict[tuple[str, str, str], RedactedStream] = {}

    def __bool__(self) -> bool:
        return bool(self._redactor)

    @property
    def count(self) -> int:
        """Return how many times something was replaced."""
        return self._redactor.count

    def redacted(self, event: Event) -> Event | None:
        """Return an event as it may be shown; None for output that is held back wholly."""
        if not isinstance(event, HostOutput):
            return self._clean_event(event)
        key = (event.host, event.task, event.stream)
        if key not in self._streams:
            self._streams[key] = self._redactor.stream()
        text = self._streams[key].feed(event.text)
        return self._clean_event(dataclasses.replace(event, text=text)) if text else None

    def held_back(self, host: str) -> list[HostOutput]:
        """Return what is held back of a host's outputs, which have ended."""
        ended = [key for key in self._streams if key[0] == host]
        rest = [(key, self._streams.pop(key).flush()) for key in ended]
        return [
            self._clean_event(HostOutput(host=name, task=task, stream=stream, text=text))
            for (name, task, stream), text in rest
            if text
        ]

    def _clean_event(self, event: E) -> E:
        changed: dict[str, Any] = {}
        for name in self._names(event):
            value = getattr(event, name)
            # Numbers at the top are ours: lines, seconds, exit codes.
            cleaned = value if not value or isinstance(value, int | float) else self._clean(value)
            if cleaned is not value:
                changed[name] = cleaned
        return dataclasses.replace(event, **changed) if changed else event

    def _names(self, event: Event) -> tuple[str, ...]:
        """Return the fields of an event that may hold anything."""
        found = self._fields.get(event.event)
        if found is None:
            names = (field.name for field in dataclasses.fields(event))
            found = self._fields[event.event] = tuple(name for name in names if name not in _OURS)
        return found

    def _clean(self, value: object) -> object:
        if value is None or isinstance(value, bool | Enum):
            return value
        if isinstance(value, str):
            redacted = self._redactor.redact(value)
            return value if redacted == value else redacted
        if isinstance(value, int | float):
            return self._redactor.redact(str(value)) if self._redactor.holds(value) else value
        return self._clean_parts(value)

    def _clean_parts(self, value: object) -> object:
        if isinstance(value, Mapping):
            pairs = {self._key(key): self._clean(one) for key, one in value.items()}
            same = all(key in value and value[key] is one for key, one in pairs.items())
            return value if same else pairs
        if isinstance(value, list | tuple):
            parts = [self._clean(one) for one in value]
            same = all(one is other for one, other in zip(parts, value, strict=True))
            return value if same else type(value)(parts)
        if isinstance(value, Change):
            before, after = self._clean(value.before), self._clean(value.after)
            return Change(self._redactor.redact(value.field), before, after)
        if isinstance(value, TextDiff):
            before, after = (None if one is None else self._redactor.redact(one) for one in (value.before, value.after))
            return TextDiff(self._redactor.redact(value.path), before, after)
        return value if not self._redactor.holds(str(value)) else self._redactor.redact(str(value))

    def _key(self, key: object) -> object:
        return self._redactor.redact(key) if isinstance(key, str) else key


_TELLING: Final = frozenset({"content", "size"})
"""Changes that tell of a secret: what its checksum and its length are."""
_HIDDEN: Final = "(hidden: a secret is in it)\n"


def shown_changes(plan: Plan | None, *, secretive: bool) -> tuple[Change, ...]:
    """Return what a plan changes; where a secret went into it, without what would tell of it."""
    changes = plan.changes if plan is not None else ()
    return tuple(Change(one.field) if secretive and one.field in _TELLING else one for one in changes)


def shown_diffs(plan: Plan | None, *, secretive: bool) -> tuple[TextDiff, ...]:
    """Return how files differ; where a secret went into them, without their text."""
    diffs = plan.diffs if plan is not None else ()
    if not secretive:
        return diffs
    return tuple(TextDiff(one.path, None if one.before is None else "", _HIDDEN) for one in diffs)
