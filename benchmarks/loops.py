# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs a loop through the engine on one host, and counts the frames that it is sent."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from jetpack_core.content.load import load_playbook
from jetpack_core.contracts.connection import Connection, Endpoint
from jetpack_core.contracts.operations import Reply, Request
from jetpack_core.contracts.view import View
from jetpack_core.engine.run import run_playbooks
from jetpack_core.engine.settings import RunSettings
from jetpack_core.events import Event, HostResult, RunFinished
from jetpack_core.hookspecs import Reference, hookimpl
from jetpack_core.inventory.load import load_inventory
from jetpack_core.records import Status
from jetpack_core.registry import Registry


class CountedConnection(Connection):
    """Another connection, whose frames are counted."""

    make: ClassVar[Callable[[], Connection]]
    """Makes the other connection; the run sets it."""
    frames: ClassVar[int] = 0

    def __init__(self, endpoint: Endpoint) -> None:
        super().__init__(endpoint)
        self._inner = CountedConnection.make()

    async def connect(self) -> None:
        """Reach the host."""
        await self._inner.connect()

    async def execute(self, frame: Sequence[Request]) -> Sequence[Reply]:
        """Count the frame and pass it on."""
        CountedConnection.frames += 1
        return await self._inner.execute(frame)

    async def close(self) -> None:
        """Hang up."""
        await self._inner.close()


class CountedPlugin:
    """Registers the connection."""

    @hookimpl
    def jetpack_register_connections(self) -> list[Reference]:
        """Name the connection."""
        return [Reference("counted", f"{__name__}:CountedConnection", "counts")]


class Results(View):
    """Keeps how the items ended."""

    def __init__(self) -> None:
        self.statuses: list[Status] = []
        self.failure = ""

    def handle(self, event: Event) -> None:
        """Keep a status, and the first failure."""
        if isinstance(event, HostResult):
            self.statuses.append(event.status)
            self.failure = self.failure or (event.msg if event.status is Status.FAILED else "")
        elif isinstance(event, RunFinished):
            self.failure = self.failure or event.error


def run_loop(
    module: str, parameters: Mapping[str, object], items: int, folder: Path, connect: Callable[[], Connection]
) -> tuple[int, list[Status]]:
    """Run a task with items 0 and up on one host; return its frames, and how the items ended.

    :param folder: Of the playbook; it has the files and templates that the task names.
    """
    for part in ("files", "templates"):
        if not (folder / part).is_symlink():
            (folder / part).symlink_to(".")
    inventory = folder / "inventory"
    for part in ("groups", "group_vars"):
        (inventory / part).mkdir(parents=True, exist_ok=True)
    (inventory / "groups/counted").write_text(json.dumps({"hosts": ["one"]}))
    (inventory / "group_vars/all").write_text("jet_connection: counted\n")
    task = {**parameters, "with": {"items": list(range(items))}}
    text = f"- name: loop\n  groups: [counted]\n  tasks:\n    - !{module} {json.dumps(task)}\n"
    (folder / "loop.yml").write_text(text)
    registry = Registry()
    registry.register(CountedPlugin(), "benchmarks")
    CountedConnection.make, CountedConnection.frames = connect, 0
    results = Results()
    playbook = load_playbook(folder / "loop.yml", registry=registry)
    code = run_playbooks([playbook], load_inventory([inventory]), registry, RunSettings(), [results])
    if code != 0 or len(results.statuses) != items:
        raise RuntimeError(f"the loop of {module} ended with {code}: {results.failure}")
    return CountedConnection.frames, results.statuses
