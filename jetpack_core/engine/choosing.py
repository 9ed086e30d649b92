# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds which hosts act where a task is not for all of them, and gives the others their share of what it finds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jetpack_core.engine.failures import blamed_on

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jetpack_core.content.model import Task
    from jetpack_core.engine.context import HostRun, RunContext


class Choosing:
    """The choices of one play, across its batches.

    :param hosts: All hosts of the play.
    """

    def __init__(self, context: RunContext, hosts: Sequence[HostRun]) -> None:
        self._context = context
        self._hosts = hosts
        self._done: set[Task] = set()

    def acting(self, task: Task, index: int, hosts: Sequence[HostRun]) -> frozenset[str] | None:
        """Return which hosts act, of those whose turn it is; None for all of them."""
        modifiers = self._context.shape(task).choose
        if not modifiers:
            return None
        if task in self._done:
            # Whoever ran it did so for all, those of later batches among them.
            hosts = []
        elif not task.handler and self._context.progress.was_done(index):
            hosts = [host for host in hosts if index in host.again]
        names: Sequence[str] = [host.name for host in hosts]
        chosen: Sequence[str] | None = None
        for modifier in modifiers:
            with blamed_on(modifier):
                chosen = modifier.choose(names)
            names = names if chosen is None else chosen
        if chosen is None or len(names) == len(self._hosts):
            return None
        if names and not task.handler:
            self._done.add(task)
        return frozenset(names)

    def sharers(self, acting: frozenset[str] | None) -> tuple[HostRun, ...]:
        """Return the hosts that do not act and have what the task saves."""
        return () if acting is None else tuple(host for host in self._hosts if host.name not in acting)

    def failed(self, task: Task, acting: frozenset[str] | None) -> str:
        """Return why the run cannot go on after a task for which only some of the hosts acted; empty where it can."""
        if acting is None:
            return ""
        lost = ", ".join(host.name for host in self._hosts if host.lost and host.name in acting)
        return f"{task.name!r} failed on {lost}, which ran it for all hosts" if lost else ""
