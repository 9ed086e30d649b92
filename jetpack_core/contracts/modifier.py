# SPDX-License-Identifier: GPL-3.0-or-later
"""The contract of a modifier: an entry of a task's `with:` or `and:` that changes how the task runs.

The engine goes through fixed phases, and a modifier overrides those it acts in:

1. `select`   once per task: does the task take part in this run at all?
2. `choose`   once per task and batch: which of the hosts act?
3. `expand`   per host: which items does it loop over?
4. `route`    per item: which host is acted on, as which user?
5. `guard`    per item, or once before the items: may it be skipped? Its reads travel with the plan's.
6. (the module's plan)
7. `question` per item that would change something: what is the operator asked first?
8. (the module's apply)
9. `attempt`  per item: how often is a failure tried again?
10. `after`   per item: what follows from the result?
"""

from __future__ import annotations

from abc import ABC
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from pydantic import BaseModel, ConfigDict

from jetpack_core.records import Status

if TYPE_CHECKING:
    from jetpack_core.contracts.host import Host, Scope


@dataclass(frozen=True, slots=True)
class Selection:
    """What a run selects by, and where the task stands."""

    wanted_tags: frozenset[str]
    """From `--tags`; empty when everything runs."""
    inherited_tags: frozenset[str]
    """The tags of the role the task belongs to."""
    handler: bool


@dataclass(frozen=True, slots=True)
class Route:
    """Where a task acts."""

    host: str
    user: str | None
    """The user to become; None acts as the one who logged in."""


@dataclass(frozen=True, slots=True)
class AttemptPolicy:
    """How a failure is tried again."""

    retries: int = 0
    delay: float = 1.0
    """Seconds between attempts."""


@dataclass(frozen=True, slots=True)
class Consequence:
    """What follows from a task's result on a host."""

    status: Status
    notify: tuple[str, ...] = ()
    """Names whose subscribed handlers are to run."""


class Modifier(BaseModel, ABC):
    """One modifier with its validated value; the class docstring is its documentation.

    Set `section` to `with` or `and` and annotate `value`; text values are rendered by the modifier itself, by
    `scope.render`. Modifiers of one phase act in the order of `rank`, then of their names.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)

    section: ClassVar[str]
    rank: ClassVar[int] = 50
    value: object

    def select(self, selection: Selection) -> bool | None:
        """Tell whether the task takes part in the run; None leaves it to the others.

        Any False keeps it out. Where nobody has a say it takes part, unless tags are wanted that its role has not.
        """
        return None

    def choose(self, hosts: Sequence[str]) -> Sequence[str] | None:
        """Return which hosts act for all, of those whose turn it is, or None where each acts for itself.

        The others of the play have what it saves. A task that acted in one batch does not act in the next, and the run
        ends where it fails.
        """
        return None

    def expand(self, scope: Scope) -> Sequence[object] | None:
        """Return the items to loop over, or None for no loop."""
        return None

    def route(self, scope: Scope, route: Route) -> Route:
        """Return where the task acts, given where it would act without this modifier."""
        return route

    def guards_items(self) -> bool:
        """Tell whether `guard` depends on the item; if not it is asked once, before the loop."""
        return False

    async def guard(self, host: Host) -> str | None:
        """Return why the task is skipped, or None to go on. MUST only read, as `Module.plan`."""
        return None

    def question(self, scope: Scope) -> str | None:
        """Return what the operator is asked before a change, or None; the same question is asked once per batch."""
        return None

    def attempt(self, policy: AttemptPolicy) -> AttemptPolicy:
        """Return how failures are tried again, given what earlier modifiers said."""
        return policy

    def after(self, scope: Scope, consequence: Consequence) -> Consequence:
        """Return what follows from the result, given what earlier modifiers said."""
        return consequence
