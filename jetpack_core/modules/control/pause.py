# SPDX-License-Identifier: GPL-3.0-or-later
"""The module `pause`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from pydantic import Field, model_validator

from jetpack_core.contracts.module import Module
from jetpack_core.records import Outcome, Plan, PlanKind

if TYPE_CHECKING:
    from jetpack_core.contracts.host import Host

_MINUTE = 60


class Pause(Module):
    """Let some time pass; plan mode does not wait.

    Example::

        - !pause
          minutes: 2
          message: the cache fills
    """

    seconds: float = Field(default=0, ge=0)
    """How long, in seconds."""

    minutes: float = Field(default=0, ge=0)
    """How long, in minutes; added to `seconds`."""

    message: str = ""
    """What to say about it."""

    @model_validator(mode="after")
    def _pauses(self) -> Self:
        if not self.seconds + self.minutes:
            message = "say for how long, in `seconds` or `minutes`"
            raise ValueError(message)
        return self

    async def plan(self, host: Host) -> Plan:
        """Say that time would pass."""
        return Plan(PlanKind.EXECUTE, read_only=True)

    async def apply(self, host: Host, plan: Plan) -> Outcome:
        """Wait, but in plan mode."""
        if not host.planning:
            await host.sleep(self.seconds + self.minutes * _MINUTE)
        return Outcome(msg=self.message, changed=False)
