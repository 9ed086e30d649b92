# SPDX-License-Identifier: GPL-3.0-or-later
"""Signals that end a run: at once where it listens, and also where something keeps it from listening."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from jetpack_core.content.load import load_playbook
from jetpack_core.contracts.view import View
from jetpack_core.engine.interrupts import interruptible
from jetpack_core.engine.run import run_playbooks
from jetpack_core.engine.settings import RunSettings
from jetpack_core.events import Event, TaskStarted
from jetpack_core.inventory.load import load_inventory
from jetpack_core.registry import Registry
from tests.unit.engine.conftest import write_inventory
from tests.unit.engine.memory import MemoryHost, MemoryPlugin


@contextlib.contextmanager
def signals(number: int, every: float) -> Iterator[None]:
    """Send this process a signal again and again."""
    done = threading.Event()

    def send() -> None:
        while not done.wait(every):
            os.kill(os.getpid(), number)

    sender = threading.Thread(target=send)
    sender.start()
    try:
        yield
    finally:
        done.set()
        sender.join()


async def never_waits() -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        pass


async def waits() -> None:
    await asyncio.sleep(60)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("work", [never_waits, waits])
def test_a_run_ends_when_it_is_told_to_even_if_it_never_listens(number: int, work: Callable[[], object]) -> None:
    before = signal.getsignal(number)

    async def run() -> str:
        async def inner() -> None:
            async with asyncio.TaskGroup() as group:
                group.create_task(work())  # type: ignore[arg-type]

        walk = asyncio.ensure_future(inner())
        with interruptible(walk):
            with signals(number, 0.2):
                await asyncio.wait([walk])
            # What is left to do after a run is interrupted by nothing.
            await asyncio.sleep(0)
        assert walk.cancelled()
        return "tidied up"

    assert asyncio.run(run()) == "tidied up"
    assert signal.getsignal(number) == before


class Calls(View):
    """Asks the event loop to call back at every task's start, and notes how many calls are late by a task."""

    def __init__(self) -> None:
        self.tasks = 0
        self.called = 0
        self.late: list[int] = []

    def handle(self, event: Event) -> None:
        """Ask for another call."""
        if isinstance(event, TaskStarted):
            if self.called < self.tasks:
                self.late.append(self.tasks)
            self.tasks += 1
            asyncio.get_running_loop().call_soon(self._call)

    def _call(self) -> None:
        self.called += 1


def test_a_run_listens_between_tasks_that_wait_for_no_host(tmp_path: Path, world: Callable[[str], MemoryHost]) -> None:
    hosts = ("a", "b", "c")
    for name in hosts:
        world(name).files["/f"] = b"x"
    tasks = "    - !keep {path: /f, text: x}\n" * 20
    (tmp_path / "playbook.yml").write_text(f"- name: p\n  groups: [web]\n  tasks:\n{tasks}")
    registry = Registry()
    registry.register(MemoryPlugin(), "tests")
    inventory = load_inventory([write_inventory(tmp_path / "inventory", hosts)])
    playbook = load_playbook(tmp_path / "playbook.yml", registry=registry)
    calls = Calls()
    assert run_playbooks([playbook], inventory, registry, RunSettings(), [calls]) == 0
    assert [len(world(name).frames) for name in hosts] == [1, 1, 1]
    assert (calls.tasks, calls.late) == (20, [])
