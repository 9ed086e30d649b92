# SPDX-License-Identifier: GPL-3.0-or-later
"""What the modules that wait for something share: look, and look again until time is up."""

from __future__ import annotations

import time
from abc import abstractmethod
from typing import TYPE_CHECKING

from pydantic import Field

from jetpack_core.contracts.module import Module
from jetpack_core.errors import TaskError, UnknownValueError
from jetpack_core.records import Outcome, Plan, PlanKind

if TYPE_CHECKING:
    from jetpack_core.contracts.host import Host


class Waiting(Module):
    """Wait until something is so. Plan mode looks once and never waits."""

    timeout: float = Field(default=300, ge=0)
    """Seconds after which waiting fails."""

    delay: float = Field(default=5, gt=0)
    """Seconds between two looks."""

    @abstractmethod
    async def missing(self, host: Host) -> str | None:
        """Look once; return what is not so yet, or None. MUST only read."""

    async def plan(self, host: Host) -> Plan:
        """Look at nothing yet: plans are made ahead of earlier tasks, which may be what is waited for."""
        return Plan(PlanKind.EXECUTE, read_only=True)

    async def apply(self, host: Host, plan: Plan) -> Outcome:
        """Look until it is so.

        Raises TaskError with what was seen last when time is up; in plan mode UnknownValueError, at once.
        """
        clock = Stopwatch()
        while (missing := await self.missing(host)) is not None:
            if host.planning:
                raise UnknownValueError(f"{missing}, and plan mode does not wait for it")
            left = self.timeout - clock.elapsed
            if left <= 0:
                raise TaskError(f"{missing}, after {self.timeout:g} seconds")
            await clock.sleep(host, min(self.delay, left))
        return Outcome(result={"elapsed": round(clock.elapsed, 1)}, changed=False)


class Stopwatch:
    """Counts the time that passed, or that was slept if that is more (a test's clock may be quicker)."""

    def __init__(self) -> None:
        self._start = time.monotonic()
        self._slept = 0.0

    @property
    def elapsed(self) -> float:
        """Seconds since it was made."""
        return max(time.monotonic() - self._start, self._slept)

    async def sleep(self, host: Host, seconds: float) -> None:
        """Let time pass, and count it."""
        await host.sleep(seconds)
        self._slept += seconds
