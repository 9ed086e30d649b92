# SPDX-License-Identifier: GPL-3.0-or-later
"""One host on its way through a list of tasks."""

from __future__ import annotations

import codecs
from typing import TYPE_CHECKING

from jetpack_core.engine.planning import TaskOnHost
from jetpack_core.engine.read_ahead import ReadAhead
from jetpack_core.engine.task_run import TaskRun
from jetpack_core.events import HostOutput

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jetpack_core.engine.context import HostRun, RunContext
    from jetpack_core.engine.host_in_play import HostInPlay
    from jetpack_core.engine.pool import Rendezvous
    from jetpack_core.engine.task_shape import TaskShape
    from jetpack_core.records import Status


class HostWalk:
    """One host's way through a list of tasks."""

    def __init__(self, place: HostInPlay, shapes: Sequence[TaskShape], *, alone: bool, handler: int | None) -> None:
        self.host = place.host
        self._place = place
        self._shapes = shapes
        self._handler = handler
        self._context = place.context
        # Nothing is read before the operator, who may do something by hand first, has said that a task may run.
        settings = place.context.settings
        ahead = ReadAhead(place.host, self._unit, len(shapes), behind_changes=alone)
        self._ahead = ahead if settings.read_ahead and not settings.step else None

    def meets(self, rendezvous: Rendezvous) -> None:
        """Give the host a place to wait for the others."""
        self._place.live.rendezvous = rendezvous

    def knows(self, index: int) -> bool:
        """Tell whether a task can be done without asking the host anything."""
        planned = self._ahead.known(index) if self._ahead is not None else None
        return planned is not None and planned.only_reads

    def takes(self, index: int) -> bool:
        """Tell whether a task is still to be run on the host."""
        return self._handler is not None or index >= self.host.at or index in self.host.again

    def pass_over(self, index: int) -> None:
        """Leave out a task that is not for this host."""
        self._context.progress.ended(self.host, index, (), known=len(self.host.notified), handler=self._handler)

    async def step(self, index: int, sharers: tuple[HostRun, ...] = ()) -> list[Status]:
        """Run one task; returns how it, or each of its items, ended."""
        known = len(self.host.notified)
        unit = TaskOnHost(self._place, self._shapes[index], self._output(index), sharers)
        statuses = await TaskRun(unit, self._ahead, index).run()
        self._context.progress.ended(self.host, index, statuses, known=known, handler=self._handler)
        return statuses

    def _unit(self, index: int) -> TaskOnHost:
        return TaskOnHost(self._place, self._shapes[index])

    def _output(self, index: int) -> Output | None:
        if not self._context.settings.stream_output:
            return None
        return Output(self._context, self.host.name, self._shapes[index].task.name)


class Output:
    """Sends what a running command prints as events."""

    def __init__(self, context: RunContext, host: str, task: str) -> None:
        self._context = context
        self._host = host
        self._task = task
        self._decoders: dict[str, codecs.IncrementalDecoder] = {}

    def __call__(self, stream: str, data: bytes) -> None:
        """Send what was printed; a character that is cut in two waits for its other half."""
        if stream not in self._decoders:
            self._decoders[stream] = codecs.getincrementaldecoder("utf-8")("replace")
        text = self._decoders[stream].decode(data)
        self._context.events.send(HostOutput(host=self._host, task=self._task, stream=stream, text=text))
