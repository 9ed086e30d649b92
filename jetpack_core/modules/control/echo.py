# SPDX-License-Identifier: GPL-3.0-or-later
"""The module `echo`."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from jetpack_core.contracts.module import Module
from jetpack_core.modules.control.showing import as_text
from jetpack_core.records import Outcome, Plan, PlanKind

if TYPE_CHECKING:
    from jetpack_core.contracts.host import Host


class Echo(Module):
    """Show a message.

    Example::

        - !echo
          msg: "{{ release }} is on its way"
    """

    local_only: ClassVar[bool] = True

    msg: object
    """The message; a value that is not text is shown as JSON."""

    async def plan(self, host: Host) -> Plan:
        """Return the message."""
        text = self.msg if isinstance(self.msg, str) else as_text(self.msg)
        return Plan(PlanKind.PASSIVE, outcome=Outcome(msg=text))
