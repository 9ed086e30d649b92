# SPDX-License-Identifier: GPL-3.0-or-later
"""A run with plugins that break: one host, one task or one view is lost, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from jetpack_core.content.load import load_playbook
from jetpack_core.contracts.view import View
from jetpack_core.engine.run import run_playbooks
from jetpack_core.engine.settings import RunSettings
from jetpack_core.events import Event, RunFinished, Warned
from jetpack_core.inventory.load import load_inventory
from jetpack_core.registry import Registry
from tests.unit.engine.conftest import Play, Recorder, write_inventory
from tests.unit.engine.memory import MemoryConnection, MemoryPlugin


class Failing(View):
    """Raises at every event."""

    def handle(self, event: Event) -> None:
        """Raise what an output that nobody reads would."""
        raise BrokenPipeError(event.event)


class FailingToo(Failing):
    """Another one."""


class Unclosable(Recorder):
    """Raises in the end."""

    def close(self) -> None:
        """Raise."""
        message = "disk full"
        raise OSError(message)


def test_views_that_raise_are_dropped_with_one_warning_each(tmp_path: Path) -> None:
    registry = Registry()
    registry.register(MemoryPlugin(), "tests")
    path = tmp_path / "playbook.yml"
    path.write_text("- {name: p, groups: [web], tasks: [!do {cmd: [x]}]}")
    inventory = load_inventory([write_inventory(tmp_path / "inventory", ["a"])])
    playbook = load_playbook(path, registry=registry, roles_paths=[], modules_paths=[], extra_vars={})
    good = Recorder()
    code = run_playbooks([playbook], inventory, registry, RunSettings(), [Failing(), good, FailingToo(), Unclosable()])
    assert code == 0
    assert any(isinstance(event, RunFinished) for event in good.events)
    warnings = [event.msg for event in good.events if isinstance(event, Warned)]
    assert [text.split()[2] for text in warnings] == ["Failing", "FailingToo", "Unclosable"]
    assert "disk full" in warnings[-1]


@pytest.mark.parametrize("broken", ["connect", "execute"])
def test_a_connection_that_raises_loses_its_host_only(play: Play, monkeypatch: pytest.MonkeyPatch, broken: str) -> None:
    right = getattr(MemoryConnection, broken)

    async def wrong(self: MemoryConnection, *arguments: object) -> object:
        if self.endpoint.host == "a":
            raise KeyError("session")
        return await right(self, *arguments)

    monkeypatch.setattr(MemoryConnection, broken, wrong)
    ran = play("- {name: p, groups: [web], tasks: [!do {cmd: [x]}, !do {cmd: [y]}]}", ["a", "b"])
    assert ran.statuses("a") == [("do", "unreachable")]
    assert [status for _, status in ran.statuses("b")] == ["executed", "executed"]
    assert ran.code == 4


def test_a_connection_that_cannot_hang_up_does_not_hide_the_summary(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def wrong(self: MemoryConnection) -> None:
        raise OSError(self.endpoint.host)

    monkeypatch.setattr(MemoryConnection, "close", wrong)
    ran = play("- {name: p, groups: [web], tasks: [!do {cmd: [x]}]}")
    assert ran.code == 0
    assert len(ran.of(RunFinished)) == 1
