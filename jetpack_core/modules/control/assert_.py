# SPDX-License-Identifier: GPL-3.0-or-later
"""The module `assert`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from pydantic import Field, model_validator

from jetpack_core.contracts.fields import ExpressionText
from jetpack_core.contracts.module import Module
from jetpack_core.errors import TaskError, TemplateError
from jetpack_core.modules.conditions import holds
from jetpack_core.modules.control.showing import values_in
from jetpack_core.records import Plan, PlanKind

if TYPE_CHECKING:
    from jetpack_core.contracts.host import Host


class Assert(Module):
    """Fail unless conditions hold; the failure names each that does not, with the values in it.

    Example::

        - !assert
          name: the machine is big enough
          msg: the database needs a bigger machine
          true: jet_os_type == "Linux"
          all_true:
            - jet_memory_mb >= 2048
            - jet_cpus >= 2
          false: jet_virtualization == "docker"
          some_true:
            - jet_os_flavor == "Debian"
            - jet_os_flavor == "EL"
    """

    is_true: ExpressionText | None = Field(default=None, validation_alias="true")
    """A condition that must be true."""

    is_false: ExpressionText | None = Field(default=None, validation_alias="false")
    """A condition that must be false."""

    all_true: list[ExpressionText] = Field(default_factory=list)
    """Conditions that must all be true."""

    all_false: list[ExpressionText] = Field(default_factory=list)
    """Conditions that must all be false."""

    some_true: list[ExpressionText] = Field(default_factory=list)
    """Conditions of which at least one must be true."""

    msg: str | None = None
    """What to say when it fails."""

    @model_validator(mode="after")
    def _asks_something(self) -> Self:
        if not (self._wanted() or self.some_true):
            message = "there is nothing to check; give `true`, `false`, `all_true`, `all_false` or `some_true`"
            raise ValueError(message)
        return self

    def _wanted(self) -> list[tuple[str, bool]]:
        single = [(self.is_true, True), (self.is_false, False)]
        listed = [*((text, True) for text in self.all_true), *((text, False) for text in self.all_false)]
        return [*((text, wanted) for text, wanted in single if text is not None), *listed]

    async def plan(self, host: Host) -> Plan:
        """Evaluate the conditions. Raises TaskError with all that do not hold."""
        failures = [
            failure for text, wanted in self._wanted() if (failure := _failure(host, text, wanted=wanted)) is not None
        ]
        failures += _none_holds(host, self.some_true)
        if failures:
            raise TaskError("\n  ".join([self.msg or "not as it must be", *failures]))
        return Plan(PlanKind.PASSIVE)


def _failure(host: Host, text: str, *, wanted: bool) -> str | None:
    """Return why a condition is not as wanted, or None when it is."""
    try:
        if holds(host, text) == wanted:
            return None
    except (TemplateError, TaskError) as error:
        return f"{text}: {error.message}"
    values = ", ".join(f"{name} = {value}" for name, value in values_in(host, text))
    return f"{text} is {'false' if wanted else 'true'}{f' ({values})' if values else ''}"


def _none_holds(host: Host, texts: list[ExpressionText]) -> list[str]:
    """Return why each condition does not hold, or nothing when one of them does."""
    failures = [_failure(host, text, wanted=True) for text in texts]
    return [f"none of these: {failure}" for failure in failures if failure is not None] if all(failures) else []
