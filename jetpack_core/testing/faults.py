# SPDX-License-Identifier: GPL-3.0-or-later
"""Failures of a platform that come when a test wants them: at the n-th call, in one of several ways."""

from __future__ import annotations

import threading
from enum import StrEnum


class FaultKind(StrEnum):
    """How a call to a platform fails."""

    REFUSED = "refused"
    """The platform says no, and does nothing."""
    UNANSWERED = "unanswered"
    """The platform does what it is asked for, and its answer is lost on the way."""
    OUTAGE = "outage"
    """This call and all that follow get no answer, and nothing is done."""


class Faults:
    """Counts the calls to a platform, and tells which of them is to fail; safe among threads.

    What stands between a provisioner and its platform asks `strike` once for each call: a proxy, a server for tests,
    or a function that wraps the platform's client.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._number = 0
        self._kind = FaultKind.REFUSED
        self._calls = 0
        self._struck = False

    def arm(self, number: int, kind: FaultKind) -> None:
        """Let the call of this number fail, counted from 1 from now on."""
        with self._lock:
            self._number, self._kind = number, kind
            self._calls, self._struck = 0, False

    def disarm(self) -> None:
        """Let all calls succeed again."""
        with self._lock:
            self._number = 0

    @property
    def calls(self) -> int:
        """Return how many calls were made since the last `arm`."""
        return self._calls

    @property
    def struck(self) -> bool:
        """Tell whether a call failed since the last `arm`."""
        return self._struck

    def strike(self, *, reads: bool = False) -> FaultKind | None:
        """Count a call, and return how it is to fail; None where it is to succeed.

        :param reads: The call changes nothing. Such calls are refused in their turn as well; but a lost answer or an
            outage leaves the platform as the next changing call would, so these are not counted then.
        """
        with self._lock:
            if reads and self._kind is not FaultKind.REFUSED:
                return self._kind if self._struck and self._kind is FaultKind.OUTAGE and self._number else None
            self._calls += 1
            if not self._number or self._calls < self._number:
                return None
            if self._calls > self._number and self._kind is not FaultKind.OUTAGE:
                return None
            self._struck = True
            return self._kind
