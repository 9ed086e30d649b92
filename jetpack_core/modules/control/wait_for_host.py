# SPDX-License-Identifier: GPL-3.0-or-later
"""The module `wait_for_host`."""

from __future__ import annotations

from typing import TYPE_CHECKING

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
    timeout: float = Field(default=300, gt=0)
    """Seconds after which waiting fails."""

    delay: float = Field(default=5, gt=0)
    """Seconds between two attempts to log in."""

    async def plan(self, host: Host) -> Plan:
        """Try nothing yet: the host may be what an earlier task is restarting."""
        return Plan(PlanKind.EXECUTE, read_only=True)

    async def apply(self, host: Host, plan: Plan) -> Outcome:
        """Log in anew, until it works.

        Raises HostUnreachableError when time is up; in plan mode UnknownValueError, after one attempt.
        """
        if host.planning:
            await _try_once(host)
        else:
            await host.reconnect(self.timeout, self.delay)
        return Outcome(changed=False)


async def _try_once(host: Host) -> None:
    try:
        await host.query(["true"])
    except HostUnreachableError as error:
        raise UnknownValueError(f"{error.message}, and plan mode does not wait for it") from error
