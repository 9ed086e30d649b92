# SPDX-License-Identifier: GPL-3.0-or-later
"""The module `echo`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import BeforeValidator

from jetpack_core.contracts.module import Module
from jetpack_core.modules.control.showing import as_text
from jetpack_core.records import Outcome, Plan, PlanKind

if TYPE_CHECKING:
    from jetpack_core.contracts.host import Host


def _message(value: object) -> str:
    return value if isinstance(value, str) else as_text(value)


class Echo(Module):
    """Show a message.

    Example::

        - !echo
          msg: "{{ release }} is on its way"
    """

    msg: Annotated[str, BeforeValidator(_message)]
    """The message; a list or mapping is shown as JSON."""

    async def plan(self, host: Host) -> Plan:
        """Return the message."""
        return Plan(PlanKind.PASSIVE, outcome=Outcome(msg=self.msg))
