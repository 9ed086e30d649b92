# SPDX-License-Identifier: GPL-3.0-or-later
"""Handlers that nobody notifies, and notifications that nobody hears."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from jetpack_core.analysis.findings import Finding, Severity
from jetpack_core.modifiers.notify import Notify
from jetpack_core.variables.templates import is_template
from jetpack_core.variables.wording import near

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from jetpack_core.analysis.places import Places
    from jetpack_core.content.model import ModifierUse, Play, Task
    from jetpack_core.records import Position

UNUSED: Final = "unused-handler"
UNHEARD: Final = "unheard-notification"


class Notifications:
    """Takes note of who notifies whom in each play; a role's tasks and handlers count where any play fits them."""

    def __init__(self) -> None:
        self._heard: dict[Position, Task] = {}
        self._handlers: dict[Position, Task] = {}
        self._used: set[Position] = set()
        self._maybe: set[Position] = set()
        self._sent: dict[tuple[Position, str], tuple[ModifierUse, list[str]]] = {}
        self._fine: set[tuple[Position, str]] = set()

    def add(self, play: Play, rendered: Iterable[tuple[Task, set[str], bool]]) -> None:
        """Take note of a play.

        :param rendered: tasks with the names they notify on some host, and whether there may be more of them.
        """
        names = {handler.subscribe or "" for handler in play.handlers}
        sent: set[str] = set()
        unknown = False
        known: dict[int, set[str]] = {}
        for task, notified, more in rendered:
            known.setdefault(id(task), set()).update(notified)
            unknown = unknown or more
        for task in (*play.tasks, *play.handlers):
            for use in task.modifiers:
                if isinstance(use.modifier, Notify):
                    written = set(_written(use.modifier))
                    unknown = unknown or (id(task) not in known and any(map(is_template, _values(use.modifier))))
                    sent |= self._note(use, written | known.get(id(task), set()), names)
        self._hear(play, sent, unknown=unknown)

    def _note(self, use: ModifierUse, notified: set[str], heard: set[str]) -> set[str]:
        for name in notified:
            key = (use.position, name)
            self._sent.setdefault(key, (use, sorted(heard)))
            if name in heard:
                self._fine.add(key)
        return notified

    def _hear(self, play: Play, sent: set[str], *, unknown: bool) -> None:
        for handler in play.handlers:
            self._handlers[handler.position] = handler
            if handler.subscribe in sent:
                self._used.add(handler.position)
            elif unknown:
                self._maybe.add(handler.position)

    def findings(self, places: Places) -> Iterator[Finding]:
        """Yield what nobody notifies or hears."""
        for position, handler in self._handlers.items():
            if position not in self._used:
                yield self._unused(handler, places)
        for key, (use, heard) in self._sent.items():
            if key not in self._fine:
                yield _unheard(use, key[1], heard, places)

    def _unused(self, handler: Task, places: Places) -> Finding:
        use = next(use for use in handler.modifiers if use.name == "subscribe")
        message = f"no task notifies {handler.subscribe!r}, so this handler never runs"
        severity = Severity.WARNING
        if handler.position in self._maybe:
            message = f"no task notifies {handler.subscribe!r} by that name; a name that a template makes may be it"
            severity = Severity.MAYBE
        hint = near(handler.subscribe or "", {name for _, name in self._sent}) or "let a task say `and: {notify: NAME}`"
        return Finding(UNUSED, severity, use.position, message, hint, source_line=places.line(use.position))


def _unheard(use: ModifierUse, name: str, heard: list[str], places: Places) -> Finding:
    message = f"no handler of the play subscribes to {name!r}, so nothing follows from it"
    hint = near(name, heard) or "add a handler with `with: {subscribe: NAME}`"
    return Finding(UNHEARD, Severity.WARNING, use.position, message, hint, source_line=places.line(use.position))


def _values(modifier: Notify) -> list[str]:
    return [modifier.value] if isinstance(modifier.value, str) else modifier.value


def _written(modifier: Notify) -> Iterator[str]:
    return (name for name in _values(modifier) if not is_template(name))
