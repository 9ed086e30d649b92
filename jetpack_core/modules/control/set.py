# SPDX-License-Identifier: GPL-3.0-or-later
"""The module `set`."""

from __future__ import annotations

import keyword
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import AfterValidator, Field

from jetpack_core.contracts.module import Module
from jetpack_core.records import Outcome, Plan, PlanKind

if TYPE_CHECKING:
    from jetpack_core.contracts.host import Host


def _usable(name: str) -> str:
    if not name.isidentifier() or keyword.iskeyword(name):
        message = f"{name!r} cannot be used in templates; a name has letters, digits and '_' only"
        raise ValueError(message)
    return name


class Set(Module):
    """Set variables of the host for the rest of the run.

    Maps are merged into what is there; lists and other values replace it.

    Example::

        - !set
          vars:
            release: "{{ version }}-{{ jet_arch }}"
            settings:
              workers: "{{ jet_cpus * 2 }}"
    """

    sets_variables: ClassVar[bool] = True

    vars: dict[Annotated[str, AfterValidator(_usable)], object] = Field(min_length=1)
    """The names and their values; templates anywhere in the values are rendered."""

    async def plan(self, host: Host) -> Plan:
        """Return the variables."""
        return Plan(PlanKind.PASSIVE, outcome=Outcome(result=self.vars))
