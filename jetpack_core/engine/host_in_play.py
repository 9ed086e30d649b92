# SPDX-License-Identifier: GPL-3.0-or-later
"""What can be said of a host once, for all tasks of a play: where they act unless their modifiers say otherwise."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from jetpack_core.contracts.modifier import Route
from jetpack_core.engine.asking import Address
from jetpack_core.engine.host_view import EngineHost
from jetpack_core.engine.progress_report import ProgressReport

if TYPE_CHECKING:
    from jetpack_core.content.model import Play, Task
    from jetpack_core.engine.context import HostRun, RunContext
    from jetpack_core.engine.scope import TaskScope


class HostInPlay:
    """A host of a play. Raises UsageError for variables of the host that do not say how to reach it."""

    __slots__ = ("address", "context", "host", "live", "play", "report", "route")

    def __init__(self, context: RunContext, play: Play, host: HostRun) -> None:
        self.context = context
        self.play = play
        self.host = host
        # The command line beats the play.
        self.route = Route(host.name, context.settings.sudo or play.sudo)
        self.live = context.pool.host(host.name)
        self.address = self.leads_to(self.route)
        self.report = ProgressReport(context.events, host.name)

    def seen_by(self, task: Task, scope: TaskScope, route: Route) -> EngineHost:
        """Return the host as the module of a task sees it."""
        context = self.context
        return EngineHost(
            self.host.name,
            scope,
            user=route.user,
            planning=context.settings.planning,
            groups=context.groups,
            files=context.files,
            overlay=context.overlay(route.host) if context.settings.planning else None,
            on_progress=partial(self.report, task.name),
        )

    def leads_to(self, route: Route) -> Address:
        """Return where the steps of a task go by a route. Raises TaskError where it may not lead there."""
        context = self.context
        foresight = context.overlay(route.host) if context.settings.planning else None
        live = context.live(route, self.host.name)
        return Address(live, context.become(self.play, route.user), foresight=foresight)
