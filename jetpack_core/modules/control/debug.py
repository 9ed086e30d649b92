# SPDX-License-Identifier: GPL-3.0-or-later
"""The module `debug`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import AliasChoices, Field, SecretStr

from jetpack_core.contracts.fields import ExpressionText
from jetpack_core.contracts.module import Module
from jetpack_core.modules.control.showing import as_text, shown
from jetpack_core.records import Outcome, Plan, PlanKind

if TYPE_CHECKING:
    from jetpack_core.contracts.host import Host


class Debug(Module):
    """Show variables of the host; secrets stay covered.

    Example::

        - !debug
          vars: [jet_os_flavor, settings.port]
    """

    vars: list[ExpressionText] = Field(default_factory=list, validation_alias=AliasChoices("vars", "variables"))
    """The variables, or expressions of them; without it, all that are not secret, but `hostvars`. Also `variables`."""

    async def plan(self, host: Host) -> Plan:
        """Look the variables up. Raises TemplateError for one that does not exist."""
        values = {name: host.evaluate(name) for name in self.vars} if self.vars else _all(host)
        text = "\n".join(f"{name} = {as_text(value)}" for name, value in values.items())
        result = {name: shown(value) for name, value in values.items()}
        return Plan(PlanKind.PASSIVE, outcome=Outcome(result=result, msg=text))


def _all(host: Host) -> dict[str, object]:
    # The variables of all hosts have the variables of all hosts among them.
    values = {name: value for name, value in host.variables.items() if name != "hostvars"}
    return {name: value for name, value in sorted(values.items()) if not isinstance(value, SecretStr)}
