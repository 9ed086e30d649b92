# SPDX-License-Identifier: GPL-3.0-or-later
"""Tasks: work that goes on after a call was answered, known by its UPID."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from provisioners.proxmox.tests.cluster.access import Identity
from provisioners.proxmox.tests.cluster.errors import ApiError, refuse_parameters
from provisioners.proxmox.tests.cluster.faults import Faults
from provisioners.proxmox.tests.cluster.settings import Settings

_FIRST_PID = 0x1000
# How often a task that is held looks whether it may go on.
_HELD_SECONDS = 0.02


@dataclass(slots=True)
class Task:
    """One task and what it has said so far."""

    upid: str
    node: str
    pid: int
    pstart: int
    starttime: int
    type: str
    id: str
    user: str
    exitstatus: str | None = None
    endtime: int | None = None
    log: list[str] = field(default_factory=list)
    aborted: threading.Event = field(default_factory=threading.Event)

    def status(self) -> dict[str, object]:
        """Return the task's state as the API reports it."""
        state: dict[str, object] = {
            "upid": self.upid,
            "node": self.node,
            "pid": self.pid,
            "pstart": self.pstart,
            "starttime": self.starttime,
            "type": self.type,
            "id": self.id,
            "user": self.user,
            "status": "running" if self.exitstatus is None else "stopped",
        }
        return state if self.exitstatus is None else {**state, "exitstatus": self.exitstatus}


Work = Callable[[Task], None]


class Tasks:
    """The tasks of a cluster; each runs in a thread of its own."""

    def __init__(self, settings: Settings, faults: Faults) -> None:
        self._settings = settings
        self._faults = faults
        self._pids = itertools.count(_FIRST_PID)
        self.known: dict[str, Task] = {}
        # While this is not set, no task goes on to its work.
        self.released = threading.Event()
        self.released.set()

    def begin(self, node: str, kind: str, about: str, who: Identity, work: Work, undo: Callable[[], None]) -> str:
        """Start a task and return its UPID at once; `undo` is called when it fails."""
        pid, stamp, ticks = next(self._pids), int(time.time()), int(time.monotonic() * 100) & 0xFFFFFFFF
        upid = f"UPID:{node}:{pid:08X}:{ticks:08X}:{stamp:08X}:{kind}:{about}:{who.name}:"
        task = Task(upid, node, pid, ticks, stamp, kind, about, who.name)
        self.known[upid] = task
        threading.Thread(target=self._run, args=(task, work, undo), name=upid, daemon=True).start()
        return upid

    def find(self, node: str, upid: str) -> Task:
        """Return a task of a node."""
        task = self.known.get(upid)
        if task is None or task.node != node:
            raise refuse_parameters({"upid": "no such task"})
        return task

    def running(self, kind: str, about: str) -> Task | None:
        """Return a task of a kind that is still under way for a guest."""
        return next((t for t in self.known.values() if (t.type, t.id, t.exitstatus) == (kind, about, None)), None)

    def _run(self, task: Task, work: Work, undo: Callable[[], None]) -> None:
        fault = self._faults.take_task(task.type, task.id)
        aborted = task.aborted.wait(self._settings.task_seconds if fault is None else fault.seconds(self._settings))
        while not aborted and not self.released.is_set():
            aborted = task.aborted.wait(_HELD_SECONDS)
        try:
            if aborted:
                raise ApiError("interrupted by signal")
            if fault is not None:
                task.log.extend(fault.log)
                fault.fail()
            work(task)
            self._end(task, "OK" if fault is None else fault.ending())
        except ApiError as problem:
            if fault is None or not fault.leave_remains:
                undo()
            self._end(task, problem.message.replace("\n", " "))
        except Exception as problem:  # noqa: BLE001  # a fault of the server itself must end the task visibly
            undo()
            self._end(task, f"the test cluster itself failed: {problem!r}")

    def _end(self, task: Task, exitstatus: str) -> None:
        accepted = exitstatus == "OK" or exitstatus.startswith("WARNINGS: ")
        task.log.append(f"TASK {exitstatus}" if accepted else f"TASK ERROR: {exitstatus}")
        task.endtime = int(time.time())
        task.exitstatus = exitstatus
