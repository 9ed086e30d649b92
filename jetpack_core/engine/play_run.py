# SPDX-License-Identifier: GPL-3.0-or-later
"""Walks one play: batches of hosts, their tasks by the play's strategy, then the handlers that were notified."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from jetpack_core.content.model import Strategy
from jetpack_core.contracts.modifier import Selection
from jetpack_core.engine.choosing import Choosing
from jetpack_core.engine.context import World
from jetpack_core.engine.doubts import doubt
from jetpack_core.engine.failures import blamed_on
from jetpack_core.engine.host_in_play import HostInPlay
from jetpack_core.engine.host_walk import HostWalk
from jetpack_core.engine.planning import TaskOnHost
from jetpack_core.engine.pool import Rendezvous
from jetpack_core.engine.questions import Answer
from jetpack_core.events import (
    BatchStarted,
    HostResult,
    PlayFinished,
    PlayStarted,
    TaskFinished,
    TaskStarted,
)
from jetpack_core.records import Status

if TYPE_CHECKING:
    from jetpack_core.content.model import Play, Task
    from jetpack_core.contracts.modifier import Modifier
    from jetpack_core.engine.context import HostRun, RunContext


Tally = list[Status]
"""How a task ended on the hosts so far."""


@dataclass(slots=True)
class Stop:
    """Why a run ends early; empty while it does not."""

    reason: str = ""


class PlayRun:
    """One play on its hosts."""

    def __init__(
        self, context: RunContext, play: Play, hosts: Sequence[HostRun], stop: Stop, names: tuple[str, ...]
    ) -> None:
        self._context = context
        self._play = play
        self._hosts = hosts
        self._names = names
        self._choosing = Choosing(context, hosts)
        self._stop = stop
        self._planning = context.settings.planning
        self._limit = play.max_failures.of(len(hosts)) if play.max_failures is not None else None

    async def run(self) -> None:
        """Run the play. Hosts that fail are marked lost; `stop` is set when the run is not to go on."""
        play, events = self._play, self._context.events
        self._context.pool.enter(play)
        names = tuple(host.name for host in self._hosts)
        wanted = self._context.settings.tags
        tasks = [task for task in play.tasks if takes_part(task, wanted)]
        for host in self._hosts:
            host.variables.enter(play, self._magic(host.name, self._names))
            self._context.progress.enter(host, len(tasks))
        events.send(PlayStarted(play=play.name, hosts=names, planned=self._planning, tasks=len(tasks)))
        batches = list(self._batches())
        for number, batch in enumerate(batches, 1):
            if self._stop.reason:
                break
            if len(batches) > 1:
                shown = tuple(host.name for host in batch)
                events.send(BatchStarted(play=play.name, number=number, batches=len(batches), hosts=shown))
            await self._run_batch(batch, tasks)
        events.send(PlayFinished(play=play.name, stopped=self._stop.reason))

    def _magic(self, host: str, play_hosts: tuple[str, ...]) -> dict[str, object]:
        """Return the variables every host has in a play."""
        return {
            "inventory_hostname": host,
            "inventory_hostname_short": host.partition(".")[0],
            "jet_play_hosts": list(play_hosts),
            "groups": self._context.groups,
            "hostvars": self._context.hostvars,
        }

    def _batches(self) -> Iterator[Sequence[HostRun]]:
        size = len(self._hosts)
        if self._play.batch_size is not None:
            size = self._play.batch_size.of(len(self._hosts))
        elif self._context.settings.batch_size is not None:
            size = self._context.settings.batch_size
        size = max(size, 1)
        for first in range(0, len(self._hosts), size):
            yield self._hosts[first : first + size]

    async def _run_batch(self, batch: Sequence[HostRun], tasks: Sequence[Task]) -> None:
        self._context.questions.begin()
        await self._walk(batch, tasks, self._play.strategy)
        await self._run_handlers(batch)
        for host in batch:
            if not host.lost:
                self._context.progress.settled(host, through=host.at >= len(tasks))

    async def _run_handlers(self, batch: Sequence[HostRun]) -> None:
        """Run notified handlers in the order they are defined; each at most once per host.

        They run also when the run is about to stop, so that no host is left with a change and without its restart.
        """
        handlers = [task for task in self._play.handlers if takes_part(task, self._context.settings.tags)]
        while True:
            some = False
            for number, handler in enumerate(handlers):
                name = handler.subscribe
                chosen = [
                    host
                    for host in batch
                    if not host.lost and number not in host.handled and (name in host.notified or ~number in host.again)
                ]
                await self._run_handler(handler, number, chosen)
                for host in chosen:
                    some = True
                    host.handled.add(number)
            if not some:
                break
        for host in batch:
            host.notified.clear()
            host.handled.clear()

    async def _run_handler(self, handler: Task, number: int, chosen: Sequence[HostRun]) -> None:
        name = handler.subscribe or ""
        for host in chosen:
            if name in host.notified:
                # It is its turn anyway, with all that comes of it.
                host.again -= {~number}
        sure = [host for host in chosen if host.notified.get(name, False) or ~number in host.again]
        maybe = [host for host in chosen if host not in sure]
        if sure:
            await self._walk(sure, [handler], Strategy.LINEAR, handler=number)
        if maybe:
            self._announce(handler, maybe)
        for host in maybe:
            doubt(TaskOnHost(HostInPlay(self._context, self._play, host), self._context.shape(handler)))
            self._context.events.send(self._maybe(handler, host))

    def _maybe(self, handler: Task, host: HostRun) -> HostResult:
        """Plan mode: a handler whose notification depends on a task whose change is unknown."""
        return HostResult(
            play=self._play.name,
            host=host.name,
            task=handler.name,
            module=handler.module,
            status=Status.UNKNOWN,
            planned=True,
            handler=True,
            role=handler.role.name if handler.role is not None else "",
            msg=f"runs only if a task that notifies {handler.subscribe!r} changes something",
            file=handler.position.file,
            line=handler.position.line,
            task_id=self._context.task_ids.get(handler, ""),
        )

    async def _walk(
        self, hosts: Sequence[HostRun], tasks: Sequence[Task], strategy: Strategy, *, handler: int | None = None
    ) -> None:
        """Run tasks on hosts by a strategy, or the handler of a number, also when the run is to stop."""
        active = [host for host in hosts if not host.lost]
        if not active or not tasks:
            return
        linear = strategy is Strategy.LINEAR or self._context.settings.step
        alone = len(active) == 1 or not linear
        # A stamp is only ever compared within one walk, so each may begin a new world.
        batch = None if alone else World()
        for host in active:
            host.batch = batch
        shapes = [self._context.shape(task) for task in tasks]
        places = [HostInPlay(self._context, self._play, host) for host in active]
        walks = [HostWalk(place, shapes, alone=alone, handler=handler) for place in places]
        if linear:
            await self._walk_linear(walks, tasks, handler=handler)
        else:
            await self._walk_free(walks, tasks)

    async def _walk_linear(self, everyone: Sequence[HostWalk], tasks: Sequence[Task], *, handler: int | None) -> None:
        for index, task in enumerate(tasks):
            everyone = [walk for walk in everyone if not walk.host.lost]
            if not everyone or (self._stop.reason and handler is None):
                return
            walks = everyone
            if self._context.progress.resumed is not None:
                walks = [walk for walk in everyone if walk.takes(index)]
            acting = self._choosing.acting(task, index, [walk.host for walk in walks])
            turn = [walk for walk in walks if walk.host.name in acting] if acting is not None else walks
            if turn and await self._may_run(task, turn):
                await self._run_task(task, index, turn, acting, handler)
            else:
                acting = frozenset()
            if acting is not None:
                for walk in walks:
                    if walk.host.name not in acting:
                        walk.pass_over(index)

    async def _may_run(self, task: Task, walks: Sequence[HostWalk]) -> bool:
        """Ask the operator whether a task is to run, where every step is asked about."""
        answer = await self._context.questions.step(task, [walk.host.name for walk in walks])
        if answer is Answer.QUIT:
            raise asyncio.CancelledError
        return answer is Answer.YES

    async def _run_task(
        self, task: Task, index: int, walks: Sequence[HostWalk], acting: frozenset[str] | None, handler: int | None
    ) -> None:
        """Run a task on hosts that go together; `acting` names them where the task is not for all hosts."""
        if walks[0].host.batch is not None:
            walks[0].host.batch.settle()
        sharers = self._choosing.sharers(acting)
        self._announce(task, [walk.host for walk in walks])
        rendezvous = self._meet(walks)
        tally = Tally()
        waiting = []
        for walk in walks:
            if walk.knows(index):
                tally += await walk.step(index, sharers)
                rendezvous.leave(walk.host.name)
            else:
                waiting.append(walk)
        if waiting:
            await _all(partial(_step_and_leave, walk, index, rendezvous, tally, sharers) for walk in waiting)
        else:
            # Signals and timers have their turn also where no host is waited for.
            await asyncio.sleep(0)
        for host in sharers:
            self._context.progress.shared(host, index, handler=handler)
        self._sum_up(task, tally)
        self._stop.reason = self._stop.reason or self._choosing.failed(task, acting)
        self._check()

    async def _walk_free(self, walks: Sequence[HostWalk], tasks: Sequence[Task]) -> None:
        tallies: dict[int, Tally] = {}
        hosts = [walk.host for walk in walks]
        rendezvous = self._meet(walks)

        async def walk_host(walk: HostWalk) -> None:
            for index, task in enumerate(tasks):
                if walk.host.lost or self._stop.reason:
                    break
                if not walk.takes(index):
                    continue
                if index not in tallies:
                    tallies[index] = Tally()
                    self._announce(task, hosts)
                tallies[index] += await walk.step(index)
                self._check()
            rendezvous.leave(walk.host.name)

        await _all(partial(walk_host, walk) for walk in walks)
        for index, tally in sorted(tallies.items()):
            self._sum_up(tasks[index], tally)

    def _sum_up(self, task: Task, tally: Tally) -> None:
        self._context.events.send(
            TaskFinished(
                play=self._play.name,
                task=task.name,
                module=task.module,
                role=task.role.name if task.role is not None else "",
                handler=task.handler,
                file=task.position.file,
                line=task.position.line,
                planned=self._planning,
                statuses={status.value: number for status, number in Counter(tally).items()},
                task_id=self._context.task_ids.get(task, ""),
            )
        )

    def _meet(self, walks: Sequence[HostWalk]) -> Rendezvous:
        """Give hosts a place to wait for each other."""
        rendezvous = Rendezvous((walk.host.name for walk in walks), self._lost)
        for walk in walks:
            walk.meets(rendezvous)
        return rendezvous

    def _lost(self) -> tuple[str, ...]:
        return tuple(host.name for host in self._hosts if host.lost)

    def _check(self) -> None:
        """Stop the run when too many hosts failed."""
        if self._limit is None:
            return
        lost = len(self._lost())
        if lost >= self._limit:
            self._stop.reason = f"{lost} of {len(self._hosts)} hosts failed, and max_failures is {self._limit}"

    def _announce(self, task: Task, hosts: Sequence[HostRun]) -> None:
        self._context.events.send(
            TaskStarted(
                play=self._play.name,
                task=task.name,
                module=task.module,
                role=task.role.name if task.role is not None else "",
                handler=task.handler,
                file=task.position.file,
                line=task.position.line,
                hosts=tuple(host.name for host in hosts),
                planned=self._planning,
                task_id=self._context.task_ids.get(task, ""),
            )
        )


def takes_part(task: Task, wanted: frozenset[str]) -> bool:
    """Tell whether a task runs when some tags, or none in particular, are wanted."""
    inherited = task.role.tags if task.role is not None else frozenset()
    selection = Selection(wanted, inherited, task.handler)
    opinions = {_opinion(use.modifier, selection) for use in task.modifiers}
    if False in opinions:
        return False
    return True in opinions or task.handler or not wanted or bool(wanted & inherited)


def _opinion(modifier: Modifier, selection: Selection) -> bool | None:
    with blamed_on(modifier):
        return modifier.select(selection)


async def _step_and_leave(
    walk: HostWalk, index: int, rendezvous: Rendezvous, tally: Tally, sharers: tuple[HostRun, ...]
) -> None:
    tally += await walk.step(index, sharers)
    rendezvous.leave(walk.host.name)


async def _all(steps: Iterable[Callable[[], Coroutine[object, object, None]]]) -> None:
    """Run coroutines side by side; when one of them raises, the others are cancelled and awaited."""
    async with asyncio.TaskGroup() as group:
        for step in steps:
            group.create_task(step())
