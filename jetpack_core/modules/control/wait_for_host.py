# SPDX-License-Identifier: GPL-3.0-or-later
"""The module `wait_for_host`."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from jetpack_core.contracts.module import Module
from jetpack_core.errors import HostUnreachableError, UnknownValueError
from jetpack_core.records import Outcome, Plan, PlanKind

if TYPE_CHECKING:
    from jetpack_core.contracts.host import Host


class WaitForHost(Module):
    """Wait until the host can be logged in to, such as one that was just made or is restarting.

    Example::

        - !wait_for_host
          timeout: 600
          delay: 10
    """

    # The connection is opened here, by trying; opening it beforehand would fail the task.
    local_only: ClassVar[bool] = True

    timeout: float = Field(default=300, gt=0)
    """Seconds after which waiting fails."""

    delay: float = Field(default=5, gt=0)
    """Seconds between two attempts to log in."""

    async def plan(self, host: Host) -> Plan:
        """Try once in plan mode. Raises UnknownValueError when it would have to wait."""
        if not host.planning:
            return Plan(PlanKind.EXECUTE)
        try:
            await host.query(["true"])
        except HostUnreachableError as error:
            raise UnknownValueError(f"{error.message}, and plan mode does not wait for it") from error
        return Plan(PlanKind.PASSIVE)

    async def apply(self, host: Host, plan: Plan) -> Outcome:
        """Log in anew, until it works. Raises HostUnreachableError when time is up."""
        await host.reconnect(self.timeout, self.delay)
        return Outcome(changed=False)
