# SPDX-License-Identifier: GPL-3.0-or-later
"""Playbooks as they are run: validated and immutable."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from jetpack_core.contracts.fields import ParameterContext
    from jetpack_core.contracts.modifier import Modifier
    from jetpack_core.contracts.module import Module
    from jetpack_core.records import Position
    from jetpack_core.variables.data import SourceMap


class Strategy(StrEnum):
    """At which pace the hosts of a batch go through its tasks."""

    LINEAR = "linear"
    """A task ends on every host before the next one begins."""
    FREE = "free"
    """Each host goes on as soon as it can."""


@dataclass(frozen=True, slots=True)
class Amount:
    """A number of hosts, absolute or as a share."""

    number: int
    percent: bool = False

    def of(self, total: int) -> int:
        """Return how many of a number of hosts it means: at least one, a share rounded up."""
        return max(1, math.ceil(total * self.number / 100)) if self.percent else self.number


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of a task."""

    value: object
    """As it is written, with text for scalars unless the field is of untyped data."""
    position: Position
    rendering: str
    """`template`, `raw`, `argv` or `shell`."""
    templated: bool
    """There is a template in it, so its value is known only for a host."""


@dataclass(frozen=True, slots=True)
class ModifierUse:
    """A modifier with its value, and where it is written."""

    name: str
    modifier: Modifier
    position: Position


@dataclass(frozen=True, slots=True, eq=False)
class RoleScope:
    """One invocation of a role: what its tasks have in common."""

    name: str
    path: Path
    defaults: SourceMap
    vars: SourceMap
    tags: frozenset[str]
    """Its own and those of the role that depends on it."""
    position: Position


@dataclass(frozen=True, slots=True, eq=False)
class Task:
    """A call of a module."""

    name: str
    """What it is called in the output; where no name is given, the beginning of its command, or the module's name."""
    module: str
    module_class: type[Module]
    parameters: Mapping[str, Parameter]
    """By the names of the class's fields."""
    constant: Module | None
    """The validated module where no parameter has a template."""
    modifiers: tuple[ModifierUse, ...]
    """Of `with:` and `and:`, by rank, then name."""
    position: Position
    role: RoleScope | None
    handler: bool
    context: ParameterContext
    subscribe: str | None = None
    """For a handler: what it runs after."""


@dataclass(frozen=True, slots=True, eq=False)
class Play:
    """What is done to some groups of hosts."""

    name: str
    groups: tuple[str, ...]
    tasks: tuple[Task, ...]
    """Tasks of roles first (each after those of the roles it depends on), then the play's own."""
    handlers: tuple[Task, ...]
    """In the same order."""
    roles: tuple[RoleScope, ...]
    defaults: SourceMap
    vars: SourceMap
    vars_files: tuple[Mapping[str, object], ...]
    sudo: str | None
    sudo_template: str | None
    ssh_user: str | None
    ssh_port: int | None
    batch_size: Amount | None
    max_failures: Amount | None
    strategy: Strategy
    position: Position


@dataclass(frozen=True, slots=True, eq=False)
class Playbook:
    """A file of plays."""

    path: Path
    plays: tuple[Play, ...]
