# SPDX-License-Identifier: GPL-3.0-or-later
"""What everything in one run shares."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from jetpack_core.contracts.operations import Become
from jetpack_core.engine.overlay import Overlay
from jetpack_core.engine.scope import TaskScope
from jetpack_core.engine.task_shape import TaskShape
from jetpack_core.errors import TaskError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from jetpack_core.content.model import Play, Task
    from jetpack_core.contracts.modifier import Route
    from jetpack_core.engine.approval import Approval, Draft
    from jetpack_core.engine.event_stream import EventStream
    from jetpack_core.engine.pool import LiveHost, Pool
    from jetpack_core.engine.progress import Progress
    from jetpack_core.engine.questions import Questions
    from jetpack_core.engine.scope import HostVariables, OtherHosts
    from jetpack_core.engine.settings import RunSettings
    from jetpack_core.engine.template_files import TemplateFiles
    from jetpack_core.engine.watch import Watch
    from jetpack_core.inventory.model import Inventory
    from jetpack_core.variables.templates import Templates

Stamp = tuple[int, int, int]
"""How many changes a host had seen, the version of its variables, and the changes of the batch."""

LOCALHOST = "localhost"
DEFAULT_SUDO_TEMPLATE = "sudo -H -u '{{ jet_sudo_user }}' {{ jet_command }}"


class World:
    """Counts changes, so that what was read before one can be told from what was read after."""

    __slots__ = ("changes", "settled")

    def __init__(self) -> None:
        self.changes = 0
        self.settled = 0
        """How many there were when the task under way began. Hosts that run the same task at once do so in no order."""

    def settle(self) -> None:
        """Begin a task: all changes so far came before it."""
        self.settled = self.changes


@dataclass(slots=True)
class HostRun:
    """One host's way through a run."""

    name: str
    variables: HostVariables
    own: World = field(default_factory=World)
    """The changes of this host alone."""
    batch: World | None = None
    """Those of all hosts that go from task to task together; None where nobody waits for anybody."""
    lost: bool = False
    """Failed or unreachable: out of the rest of the run."""
    at: int = 0
    """The task of the play that comes next."""
    again: frozenset[int] = frozenset()
    """Tasks before it that are run once more, for results that were not kept, and the complements of such handlers."""
    handled: set[int] = field(default_factory=set)
    """Handlers that ran in this batch."""
    notified: dict[str, bool] = field(default_factory=dict)
    """Names of notifications not yet handled; False where plan mode cannot know whether they are sent."""

    def changed(self, *, only_planned: bool = False) -> None:
        """Note that the host changes; what is only planned is nothing to the others."""
        self.own.changes += 1
        if not only_planned:
            self.told()

    def stamp(self) -> Stamp:
        """Return the state of the world that a plan made now is true of."""
        return self.own.changes, self.variables.version, self.batch.changes if self.batch is not None else 0

    def holds(self, stamp: Stamp) -> bool:
        """Tell whether a plan with a stamp is true in its task's turn.

        What other hosts change in the same turn comes neither before nor after it.
        """
        own, version, batch = stamp
        return (
            own == self.own.changes
            and version == self.variables.version
            and (self.batch is None or batch >= self.batch.settled)
        )

    def told(self) -> None:
        """Note that there is something new that the other hosts may look at, such as a variable."""
        if self.batch is not None:
            self.batch.changes += 1


@dataclass(slots=True)
class RunContext:
    """The parts of a run that outlive a play."""

    settings: RunSettings
    inventory: Inventory
    templates: Templates
    files: TemplateFiles
    pool: Pool
    events: EventStream
    groups: Mapping[str, Sequence[str]]
    hostvars: OtherHosts
    progress: Progress
    questions: Questions
    watch: Watch
    approval: Draft | Approval | None
    """Takes down what is planned, or allows what was reviewed; None where anything may be done."""
    task_ids: Mapping[Task, str]
    """What events call each task."""
    hosts: dict[str, HostRun] = field(default_factory=dict)
    overlays: dict[str, Overlay] = field(default_factory=dict)
    _shapes: dict[Task, TaskShape] = field(default_factory=dict)

    def scope(self, variables: Mapping[str, object]) -> TaskScope:
        """Return a scope over merged variables."""
        return TaskScope(self.templates, variables)

    def shape(self, task: Task) -> TaskShape:
        """Return what holds of a task on every host."""
        found = self._shapes.get(task)
        if found is None:
            found = self._shapes[task] = TaskShape(task)
        return found

    def live(self, route: Route, origin: str) -> LiveHost:
        """Return the live host a route leads to. Raises TaskError where it may not go."""
        if route.host == origin:
            return self.pool.host(origin)
        self._check_delegate(route.host)
        by_lanes = route.host == LOCALHOST and self._connection(LOCALHOST) in {None, "local"}
        return self.pool.here(route.host, origin) if by_lanes else self.pool.host(route.host)

    def is_here(self, name: str) -> bool:
        """Tell whether a host is this machine, so that what changes it may change what plans are made from."""
        return self.settings.local or name == LOCALHOST or self._connection(name) == "local"

    def _connection(self, name: str) -> object:
        return self.inventory.variables(name).get("jet_connection") if name in self.inventory.hosts else None

    def _check_delegate(self, name: str) -> None:
        if name == LOCALHOST:
            if not self.settings.allow_localhost_delegation:
                message = "delegating to localhost is not allowed"
                raise TaskError(message, hint="allow it with --allow-localhost-delegation")
        elif name not in self.inventory.hosts:
            near = difflib.get_close_matches(name, self.inventory.hosts, n=1)
            message = f"delegate_to: there is no host {name!r} in the inventory"
            raise TaskError(message, hint=f"did you mean {near[0]!r}?" if near else "")

    def overlay(self, name: str) -> Overlay:
        """Return what plan mode would have made of a host so far."""
        found = self.overlays.get(name)
        if found is None:
            found = self.overlays[name] = Overlay()
        return found

    def become(self, play: Play, user: str | None) -> Become | None:
        """Return how to become a user, None for nobody else."""
        if user is None:
            return None
        return Become(user, play.sudo_template or DEFAULT_SUDO_TEMPLATE, self.settings.sudo_password)
