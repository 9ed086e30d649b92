# SPDX-License-Identifier: GPL-3.0-or-later
"""How the result of a task on a host reads."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from jetpack_core.records import Change, Status
from jetpack_core.views.diff import diff_lines
from jetpack_core.views.text import clip, one_line, value_text, visible, width

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jetpack_core.events import HostResult
    from jetpack_core.views.paint import Paint

_WOULD: Final = {
    Status.CREATED: "would create",
    Status.MODIFIED: "would modify",
    Status.REMOVED: "would remove",
    Status.EXECUTED: "would run",
}
_BAD: Final = frozenset({Status.FAILED, Status.IGNORED, Status.UNREACHABLE})
_QUIET: Final = frozenset({Status.MATCHED, Status.PASSIVE, Status.SKIPPED})
_VALUE_WIDTH: Final = 60
COMMANDS: Final = 1
"""From this verbosity on every host has its line, and commands are shown."""
OUTPUT: Final = 2
"""From this verbosity on the output of commands is shown as it comes."""
EVERYTHING: Final = 3
_CHECKSUM: Final = re.compile(r"^(sha(?:1|256|512):[0-9a-f]{12})[0-9a-f]+$")
_SOON: Final = 0.95
_MINUTE: Final = 60
_HOUR: Final = 3600
_STEP: Final = "  "


@dataclass(frozen=True, slots=True)
class Style:
    """What a reader asked for."""

    verbosity: int
    diff: bool
    width: int
    paint: Paint


@dataclass(frozen=True, slots=True)
class Shown:
    """A result without its host: hosts with equal ones share the lines."""

    label: str
    status: Status
    detail: str
    """What stands on the host's line."""
    block: tuple[str, ...]
    """The lines below it."""


def label(status: Status, planned: bool) -> str:
    """Return the word for a status, `would create` and the like in plan mode."""
    return _WOULD.get(status, status.value) if planned else status.value


def is_quiet(event: HostResult, verbosity: int) -> bool:
    """Tell whether a result says nothing but that all is well, so that it is only counted."""
    if verbosity >= COMMANDS or event.status not in _QUIET or event.warnings or event.attempt > 1:
        return False
    return not (event.status is Status.PASSIVE and event.msg) and not event.changes


def show(event: HostResult, style: Style) -> Shown:
    """Return what a reader sees of a result."""
    changes = [change_text(change, style.verbosity) for change in event.changes]
    said = visible(event.msg).strip("\n")
    detail = [said] if said and "\n" not in said else []
    together = ", ".join(changes)
    fits = len(changes) == 1 or width(together) <= style.width // 2
    detail += [together] if changes and fits else []
    marks = _marks(event)
    line = f"{marks}: {'; '.join(detail)}" if detail else marks
    block = [] if fits else changes
    if "\n" in said:
        block = [*said.split("\n"), *block]
    return Shown(label(event.status, event.planned), event.status, line, (*block, *_more(event, style)))


def _marks(event: HostResult) -> str:
    """Return which item, attempt and delegate a result is of, in brackets."""
    marks = []
    if event.item_index is not None:
        marks.append(f"item {clip(value_text(event.item), _VALUE_WIDTH)}")
    if event.delegate:
        marks.append(f"on {one_line(event.delegate)}")
    if event.attempt > 1:
        marks.append(f"attempt {event.attempt}")
    return f" ({', '.join(marks)})" if marks else ""


def change_text(change: Change, verbosity: int = 0) -> str:
    """Return a changed field as `mode: 0o644 -> 0o600`."""
    short = verbosity < OUTPUT
    before, after = (_value(one, short=short) for one in (change.before, change.after))
    name = one_line(change.field)
    if change.before is None:
        return name if change.after is None else f"{name}: {after}"
    return f"{name}: {before} -> {after}"


def _value(value: object, *, short: bool) -> str:
    text = value_text(value)
    return clip(_CHECKSUM.sub(r"\1", text), _VALUE_WIDTH) if short else text


def _more(event: HostResult, style: Style) -> Iterator[str]:
    bad = event.status in _BAD
    everything = bad or style.verbosity >= EVERYTHING
    if event.command and (bad or style.verbosity >= COMMANDS):
        yield f"command: {one_line(shlex.join(event.command))}"
    if event.rc is not None and (everything or (event.rc and style.verbosity >= COMMANDS)):
        yield f"rc: {event.rc}"
    if everything:
        yield from _stream("stdout", event.stdout)
        yield from _stream("stderr", event.stderr)
    yield from (f"{one_line(name)}: {value_text(value)}" for name, value in event.result.items())
    if style.diff:
        for diff in event.diff:
            yield from diff_lines(diff, style.paint)
    for warning in event.warnings:
        yield style.paint(f"warning: {one_line(warning)}", "yellow")
    if event.hint and (bad or event.status is Status.UNKNOWN):
        yield f"hint: {one_line(event.hint)}"
    if bad and event.file:
        yield f"at: {one_line(event.file)}:{event.fault_line or event.line}"
    if style.verbosity >= EVERYTHING and event.duration:
        yield f"took: {seconds_text(event.duration)}"


def _stream(name: str, text: str) -> Iterator[str]:
    if text:
        yield f"{name}:"
        yield from (f"{_STEP}{line}" for line in visible(text).removesuffix("\n").split("\n"))


def seconds_text(seconds: float) -> str:
    """Return a duration as `20 ms`, `3.2 s`, `95 s`, `2 min 5 s` or `1 h 2 min`."""
    if seconds < _SOON:
        return f"{seconds * 1000:.0f} ms"
    tenths, whole = f"{seconds:.1f}", round(seconds)
    if len(tenths) == len("0.0") and not tenths.endswith(".0"):
        return f"{tenths} s"
    if whole < 2 * _MINUTE:
        return f"{whole} s"
    if whole < 2 * _HOUR:
        return f"{whole // _MINUTE} min {whole % _MINUTE} s"
    return f"{whole // _HOUR} h {whole % _HOUR // _MINUTE} min"
