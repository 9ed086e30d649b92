# SPDX-License-Identifier: GPL-3.0-or-later
"""Plans following tasks in the round trips of earlier ones, and forgets what is no longer true.

A plan carries the stamp of the world it was made in. Every change of a host (in the linear strategy: of any host of
the batch) and every saved variable moves the stamp on, so that a plan is used only where planning in its turn would
find the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from jetpack_core.engine.planning import plan_task

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator

    from jetpack_core.engine.asking import Asks, Replies
    from jetpack_core.engine.planning import PlannedTask, TaskOnHost

_FEWEST: Final = 8
_MOST: Final = 64


class ReadAhead:
    """What is already known of the tasks that come next on one host."""

    def __init__(self, unit: Callable[[int], TaskOnHost], count: int, *, behind_changes: bool) -> None:
        self.behind_changes = behind_changes
        """Whether plans may ride behind a change: not where other hosts' changes would void them anyway."""
        self._unit = unit
        self._count = count
        self._plans: dict[int, PlannedTask] = {}
        self._window = _MOST

    def known(self, index: int) -> PlannedTask | None:
        """Return the plan of a task if it is known and still true."""
        planned = self._plans.get(index)
        if planned is None:
            return None
        if planned.stamp == self._unit(index).stamp():
            return planned
        self._plans.clear()
        self._window = _FEWEST
        return None

    def following(self, index: int) -> Iterator[Coroutine[Asks, Replies, None]]:
        """Yield coroutines that plan the tasks after one, up to the first that would make later plans untrue."""
        self._plans.clear()
        last = min(index + 1 + self._window, self._count)
        for number in range(index + 1, last):
            yield self._plan(number)
            planned = self._plans.get(number)
            if planned is not None and not planned.only_reads:
                return
        self._window = min(self._window * 4, _MOST)

    async def _plan(self, index: int) -> None:
        self._plans[index] = await plan_task(self._unit(index))

    def stamp_anew(self, stamp: tuple[int, int]) -> None:
        """Mark the plans that rode behind a change as made after it."""
        for planned in self._plans.values():
            planned.stamp_anew(stamp)
