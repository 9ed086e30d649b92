# SPDX-License-Identifier: GPL-3.0-or-later
"""The single stream of a run's events: stamped, counted, handed to every view."""

from __future__ import annotations

import time
import uuid
from collections import Counter, defaultdict
from typing import TYPE_CHECKING

from jetpack_core.engine.redacting import EventRedactor
from jetpack_core.events import Event, HostResult, HostUnreachable, TaskRetrying, Warned
from jetpack_core.records import Status
from jetpack_core.secrets.redaction import Redactor

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from jetpack_core.contracts.view import View


class EventStream:
    """Stamps events and sends them on; a view that fails is dropped with a warning to the others.

    :param redactor: Knows the secrets that no view may see.
    """

    def __init__(self, views: Sequence[View], redactor: Redactor | None = None) -> None:
        self._secrets = EventRedactor(Redactor() if redactor is None else redactor)
        self.run = uuid.uuid4().hex
        self._views = list(views)
        self._began = time.monotonic()
        self._counts: defaultdict[str, Counter[str]] = defaultdict(Counter)

    @property
    def counts(self) -> Mapping[str, Mapping[str, int]]:
        """Return how often each status occurred, by host."""
        return {host: dict(counter) for host, counter in self._counts.items()}

    def knows(self, host: str) -> None:
        """Make sure a host is in the counts, even when nothing happens on it."""
        self._counts.setdefault(host, Counter())

    def send(self, event: Event) -> None:
        """Stamp an event, count it, and hand it to the views."""
        self._stamp(event)
        self._count(event)
        if self._secrets:
            self._send_redacted(event)
        else:
            self._show(event)

    def redacted(self, result: HostResult) -> HostResult:
        """Return a result as views would see it."""
        shown = self._secrets.redacted(result)
        return shown if isinstance(shown, HostResult) else result

    def _send_redacted(self, event: Event) -> None:
        """Show an event without secrets, after what is still to be shown of outputs that it ends."""
        if isinstance(event, HostResult | HostUnreachable | TaskRetrying):
            for rest in self._secrets.held_back(event.host):
                self._stamp(rest)
                self._show(rest)
        shown = self._secrets.redacted(event)
        if shown is not None:
            self._show(shown)

    @property
    def redactions(self) -> int:
        """Return how often a secret was replaced."""
        return self._secrets.count

    def _show(self, event: Event) -> None:
        for view in tuple(self._views):
            # A view may have been dropped meanwhile, by the warning about another one.
            if view in self._views:
                self._hand_over(event, view)

    def _stamp(self, event: Event) -> None:
        # Events are frozen for everybody else; here they are still in the making.
        object.__setattr__(event, "run", self.run)
        object.__setattr__(event, "time", time.time())
        object.__setattr__(event, "elapsed", time.monotonic() - self._began)

    def _hand_over(self, event: Event, view: View) -> None:
        try:
            view.handle(event)
        except Exception as error:  # noqa: BLE001 - a broken view must not stop the run
            self._views.remove(view)
            self.send(Warned(msg=f"the view {type(view).__name__} failed and is off: {error!r}"))

    def _count(self, event: Event) -> None:
        if isinstance(event, HostResult):
            self._counts[event.host][event.status.value] += 1
        elif isinstance(event, HostUnreachable):
            self._counts[event.host][Status.UNREACHABLE.value] += 1

    def close(self) -> None:
        """Close every view; one that fails is reported to those still open."""
        while self._views:
            view = self._views.pop()
            try:
                view.close()
            except Exception as error:  # noqa: BLE001 - the run is over, and its result stands
                self.send(Warned(msg=f"the view {type(view).__name__} could not be closed: {error!r}"))
