# SPDX-License-Identifier: GPL-3.0-or-later
"""The contract of a view: it receives every event of a run and shows or stores it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jetpack_core.events import Event


class View(ABC):
    """An event sink. Events are redacted before they arrive; a view decides nothing about the run.

    A view that raises is dropped with one warning; the run goes on.
    """

    @abstractmethod
    def handle(self, event: Event) -> None:
        """Take one event; called in order, from one thread, and MUST return soon."""

    def close(self) -> None:
        """Flush and let go of everything; called once, also after an interruption."""
