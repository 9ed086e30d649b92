# SPDX-License-Identifier: GPL-3.0-or-later
"""The view for programs: one JSON object a line, as `docs/reference/events.md` says."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Final

from jetpack_core.contracts.view import View
from jetpack_core.events import Event
from jetpack_core.views.text import plain

if TYPE_CHECKING:
    from typing import TextIO

_ALWAYS: Final = ("run", "time", "elapsed")


def event_data(event: Event) -> dict[str, object]:
    """Return an event as plain data, `event` and the common fields first, then its own in their order.

    Optional fields that are null, empty or a line number of 0 are left out; numbers and booleans stay.
    """
    data: dict[str, object] = {"event": event.event}
    data.update((name, plain(getattr(event, name))) for name in _ALWAYS)
    for field in dataclasses.fields(event):
        value = getattr(event, field.name)
        if field.name not in data and (_is_required(field) or _applies(event, field.name, value)):
            data[field.name] = plain(_records(value))
    return data


def _is_required(field: dataclasses.Field[object]) -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def _applies(event: Event, name: str, value: object) -> bool:
    if name == "item":
        return getattr(event, "item_index", None) is not None
    if name == "line":
        return bool(value)
    return isinstance(value, bool | int | float) or bool(value)


def _records(value: object) -> object:
    """Turn the records of a tuple, which are changes and differences, into mappings."""
    if isinstance(value, tuple):
        return [_record(one) for one in value]
    return value


def _record(value: object) -> object:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    return value


class JsonLinesView(View):
    """Writes each event as one line of JSON in ASCII, flushed at once."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def handle(self, event: Event) -> None:
        """Take one event and write its line."""
        self._stream.write(json.dumps(event_data(event), separators=(",", ":")) + "\n")
        self._stream.flush()
