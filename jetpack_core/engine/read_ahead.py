# SPDX-License-Identifier: GPL-3.0-or-later
"""Plans following tasks in the round trips of earlier ones, and forgets what is no longer true.

A plan carries the stamp of the world it was made in. Every change of a host (in the linear strategy: of any host of
the batch, once the task is over) and every saved variable moves the stamp on, so that a plan is used only where
planning in its turn would find the same.

How far it reads ahead follows what becomes of it: plans that were asked for in vain make the reach shorter, up to
nothing where every task changes something; tasks that change nothing make it longer again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from jetpack_core.engine.planning import plan_task

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator

    from jetpack_core.engine.asking import Asks, Replies
    from jetpack_core.engine.context import HostRun, Stamp
    from jetpack_core.engine.planning import PlannedTask, TaskOnHost

_FARTHEST: Final = 64
_SHRINK: Final = 8
_GROW: Final = 4


class ReadAhead:
    """What is already known of the tasks that come next on one host."""

    def __init__(self, host: HostRun, unit: Callable[[int], TaskOnHost], count: int, *, behind_changes: bool) -> None:
        self.behind_changes = behind_changes
        """Whether plans may ride behind a change: not where other hosts' changes would void them anyway."""
        self._host = host
        self._unit = unit
        self._count = count
        self._plans: dict[int, PlannedTask] = {}
        self._asked: set[int] = set()
        """Tasks for whose plans the host was asked, and that have not had their turn."""
        self._reach = _FARTHEST
        # Behind a change the next plan costs no round trip of its own, so it is always worth asking for.
        self._nearest = 1 if behind_changes else 0
        self._turn = -1
        self._then: Stamp | None = None
        self._quiet = False
        """Whether nothing changed during the turn before this one."""

    def known(self, index: int) -> PlannedTask | None:
        """Return the plan of a task if it is known and still true; to be asked when it is the task's turn."""
        if index != self._turn:
            now = self._host.stamp()
            self._turn, self._quiet, self._then = index, now == self._then, now
        planned = self._plans.get(index)
        return planned if planned is not None and self._host.holds(planned.stamp) else None

    def take(self, index: int) -> PlannedTask | None:
        """Return what `known` does, and forget it."""
        planned = self.known(index)
        if planned is not None:
            del self._plans[index]
            self._asked.discard(index)
        return planned

    def following(self, index: int, *, behind: bool = False) -> Iterator[Coroutine[Asks, Replies, None]]:
        """Return coroutines that plan the tasks after one, up to the first that would make later plans untrue.

        What is not true any more is forgotten at once, whether or not they are used.

        :param behind: They ride behind a change, so that nothing which was read before counts.
        """
        holds = self._host.holds
        kept = {number: one for number, one in self._plans.items() if not behind and holds(one.stamp)}
        self._adapt(self._asked & (self._plans.keys() - kept.keys()))
        self._plans = kept
        return self._missing(index)

    def _missing(self, index: int) -> Iterator[Coroutine[Asks, Replies, None]]:
        for number in range(index + 1, min(index + 1 + self._reach, self._count)):
            if number not in self._plans:
                yield self._plan(number)
            planned = self._plans.get(number)
            if planned is None:
                self._asked.add(number)
            elif not planned.only_reads:
                return

    def _adapt(self, vain: set[int]) -> None:
        """Let the reach follow what became of the plans that hosts were asked for."""
        self._asked -= vain
        if vain:
            self._reach = max(self._nearest, self._reach // _SHRINK)
        elif self._quiet:
            self._reach = min(max(self._reach, 1) * _GROW, _FARTHEST)

    async def _plan(self, index: int) -> None:
        self._plans[index] = await plan_task(self._unit(index))

    def stamp_anew(self, stamp: Stamp) -> None:
        """Mark the plans that rode behind a change as made after it."""
        for planned in self._plans.values():
            planned.stamp_anew(stamp)
