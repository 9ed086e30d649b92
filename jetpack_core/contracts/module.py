# SPDX-License-Identifier: GPL-3.0-or-later
"""The contract of a module: typed fields, `plan` and `apply`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar

from pydantic import BaseModel, ConfigDict

from jetpack_core.records import Outcome, Plan

if TYPE_CHECKING:
    from jetpack_core.contracts.host import Host


class Module(BaseModel, ABC):
    """One desired state, or one action. The class is its own schema: fields are parameters, docstrings the docs.

    Both coroutines MUST await nothing but what the methods of `host` return (blocking work goes through
    `host.in_thread`), and MUST keep no state on the instance, which is shared by all hosts.

    Example of a whole module::

        class Motd(Module):
            \"\"\"Set the message of the day.\"\"\"

            text: str
            \"\"\"The message.\"\"\"

            async def plan(self, host: Host) -> Plan:
                now = await host.stat("/etc/motd", content=65536)
                if now.content == self.text.encode():
                    return Plan(PlanKind.NONE)
                return Plan(PlanKind.MODIFY, (Change("text", now.content, self.text),), data=now)

            async def apply(self, host: Host, plan: Plan) -> Outcome:
                await host.write("/etc/motd", self.text.encode(), expect=plan.data)
                return Outcome()
    """

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True, populate_by_name=True)

    titled_by: ClassVar[str] = ""
    """The parameter whose beginning names a task that has no name; the module's name does where this is empty."""

    sets_variables: ClassVar[bool] = False
    """The keys of the outcome's result become variables of the host."""
    renews_facts: ClassVar[tuple[str, ...]] = ()
    """Facts of the host that `apply` may change. What they then are is in the outcome's `variables`; in plan mode they
    are not known behind a task that would change something."""
    names_variables: ClassVar[tuple[str, ...]] = ()
    """The parameters, besides `save`, that name a variable which the outcome's `variables` set."""
    writes_here: ClassVar[bool] = False
    """`apply` changes files of the control machine, which the tasks behind may read."""
    repeatable: ClassVar[bool] = True
    """An `apply` that failed among the items of a loop that travelled together may be carried out again by itself, from
    a new plan. To be false where it may have done part of its work, so that the failure has to be told."""

    def applies_at_once(self, plan: Plan) -> bool:
        """Tell whether `apply` of a plan awaits a single step of the host, with or without `in_thread` around it.

        A module that says so promises that each changing operation of the step carries what the plan saw (`expect`, or
        an operation that refuses what is already there; a command with `good`). The items of a loop then travel
        together, each carried out only if those before it did not fail.
        """
        return False

    @abstractmethod
    async def plan(self, host: Host) -> Plan:
        """Find out what is to be done. MUST only read: it runs in plan mode, and ahead of earlier tasks.

        Raises TaskError when the desired state cannot be reached.
        """

    async def apply(self, host: Host, plan: Plan) -> Outcome:
        """Do what `plan` found; called only if `plan.needed`. Afterwards `plan` MUST find nothing to do.

        MUST hand what the plan saw to the changing operations as `expect`. Raises TaskError when it fails.
        """
        message = f"{type(self).__name__}.plan found {plan.kind} and there is no apply"
        raise TypeError(message)
