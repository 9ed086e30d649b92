# SPDX-License-Identifier: GPL-3.0-or-later
"""The view for programs: one JSON object a line, as `docs/reference/events.md` says."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Final

from jetpack_core.contracts.view import View
from jetpack_core.views.text import plain

if TYPE_CHECKING:
    from typing import TextIO

    from jetpack_core.events import Event

_COMMON: Final = ("run", "time", "elapsed")
_SIMPLE: Final = frozenset({bool, int, type(None)})


def event_data(event: Event) -> dict[str, object]:
    """Return an event as plain data, `event` and the common fields first, then its own in their order.

    Optional fields that are null, empty or a line number of 0 are left out; numbers and booleans stay.
    """
    return _data(event, _fields_of(type(event)))


def _fields_of(kind: type[Event]) -> tuple[tuple[str, bool], ...]:
    """Return an event's own fields, and whether each is always there."""
    return tuple(
        (field.name, field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING)
        for field in dataclasses.fields(kind)
        if field.name not in _COMMON
    )


def _data(event: Event, fields: tuple[tuple[str, bool], ...]) -> dict[str, object]:
    data: dict[str, object] = {"event": event.event}
    for name in _COMMON:
        data[name] = getattr(event, name)
    for name, always in fields:
        value = getattr(event, name)
        if always or value or _applies(event, name, value):
            data[name] = value if type(value) in _SIMPLE else _plain(value)
    return data


def _applies(event: Event, name: str, value: object) -> bool:
    """Tell whether an optional field says something although it looks empty."""
    if name == "item":
        return getattr(event, "item_index", None) is not None
    return isinstance(value, int | float) and name not in {"line", "fault_line"}


def _plain(value: object) -> object:
    """Return a field as plain data; the records of a tuple, changes and differences, become mappings."""
    if type(value) is str and value.isascii():
        return value
    if isinstance(value, tuple):
        return [plain(_record(one)) for one in value]
    return plain(value)


def _record(value: object) -> object:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    return value


class JsonLinesView(View):
    """Writes each event as one line of JSON in ASCII, flushed at once."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._encode = json.JSONEncoder(separators=(",", ":")).encode
        self._fields: dict[type[Event], tuple[tuple[str, bool], ...]] = {}

    def handle(self, event: Event) -> None:
        """Take one event and write its line."""
        kind = type(event)
        if kind not in self._fields:
            self._fields[kind] = _fields_of(kind)
        self._stream.write(self._encode(_data(event, self._fields[kind])) + "\n")
        self._stream.flush()
