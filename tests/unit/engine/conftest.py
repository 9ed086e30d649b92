# SPDX-License-Identifier: GPL-3.0-or-later
"""A way to run a playbook on hosts in memory and to look at everything that came of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import pytest

from jetpack_core.content.load import load_playbook
from jetpack_core.contracts.view import View
from jetpack_core.engine.run import run_playbooks
from jetpack_core.engine.settings import RunSettings
from jetpack_core.events import Event, HostResult, HostUnreachable
from jetpack_core.inventory.load import load_inventory
from jetpack_core.registry import Registry
from tests.unit.engine.memory import MemoryHost, MemoryPlugin, MemoryWorld


class Recorder(View):
    """Keeps every event."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def handle(self, event: Event) -> None:
        """Keep it."""
        self.events.append(event)


E = TypeVar("E", bound=Event)


@dataclass
class Ran:
    """What came of a run."""

    code: int
    events: list[Event] = field(default_factory=list)

    def of(self, kind: type[E]) -> list[E]:
        """Return the events of one kind."""
        return [event for event in self.events if isinstance(event, kind)]

    def statuses(self, host: str) -> list[tuple[str, str]]:
        """Return (task, status) of a host, in order."""
        found = []
        for event in self.events:
            if isinstance(event, HostResult) and event.host == host:
                found.append((event.task, event.status.value))
            elif isinstance(event, HostUnreachable) and event.host == host:
                found.append((event.task, "unreachable"))
        return found

    def results(self, host: str) -> list[HostResult]:
        """Return the results of a host."""
        return [event for event in self.events if isinstance(event, HostResult) and event.host == host]


Play = Callable[..., Ran]


def write_inventory(folder: Path, hosts: Sequence[str], group: str = "web") -> Path:
    """Write an inventory whose hosts are in memory."""
    (folder / "groups").mkdir(parents=True, exist_ok=True)
    (folder / "groups" / group).write_text(json.dumps({"hosts": list(hosts)}))
    (folder / "group_vars").mkdir(exist_ok=True)
    (folder / "group_vars" / "all").write_text("jet_connection: memory\n")
    return folder


@pytest.fixture(autouse=True)
def world() -> Iterator[Callable[[str], MemoryHost]]:
    """Give an empty world."""
    MemoryWorld.hosts.clear()
    yield MemoryWorld.host
    MemoryWorld.hosts.clear()


@pytest.fixture
def play(tmp_path: Path) -> Play:
    """Return a function that runs a playbook's text on hosts in memory."""

    def run(text: str, hosts: Sequence[str] = ("a",), **settings: Any) -> Ran:
        registry = Registry()
        registry.register(MemoryPlugin(), "tests")
        path = tmp_path / "playbook.yml"
        path.write_text(text)
        inventory = load_inventory([write_inventory(tmp_path / "inventory", hosts)])
        extra: Mapping[str, object] = settings.get("extra_vars", {})
        playbook = load_playbook(path, registry=registry, roles_paths=[], modules_paths=[], extra_vars=extra)
        recorder = Recorder()
        code = run_playbooks([playbook], inventory, registry, RunSettings(**settings), [recorder])
        return Ran(code, recorder.events)

    return run
