# SPDX-License-Identifier: GPL-3.0-or-later
"""The module `wait_for_others`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from jetpack_core.contracts.module import Module
from jetpack_core.errors import TaskError
from jetpack_core.records import Outcome, Plan, PlanKind

if TYPE_CHECKING:
    from jetpack_core.contracts.host import Host


class WaitForOthers(Module):
    """Wait until every host of the batch that is still in the run has come this far.

    It matters with `strategy: free`, where each host goes at its own pace.

    Example::

        - !wait_for_others
          timeout: 600
    """

    timeout: float = Field(default=300, gt=0)
    """Seconds to wait for them."""
    mode: Literal["loose", "strict"] = "loose"
    """`strict` fails where a host of the play has left the run; `loose` goes on with those that are left."""

    async def plan(self, host: Host) -> Plan:
        """Say that it would wait."""
        return Plan(PlanKind.EXECUTE, read_only=True)

    async def apply(self, host: Host, plan: Plan) -> Outcome:
        """Wait for the others, but in plan mode. Raises TaskError when time is up."""
        try:
            lost = () if host.planning else await host.barrier(self.timeout)
        except TimeoutError as error:
            raise TaskError(f"the other hosts did not come this far within {self.timeout:g} seconds") from error
        if lost and self.mode == "strict":
            raise TaskError(f"not every host came this far: {', '.join(lost)} left the run")
        return Outcome(changed=False)
