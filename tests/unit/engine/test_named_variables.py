# SPDX-License-Identifier: GPL-3.0-or-later
"""Modules that set the variables which their parameters name, besides `save`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import ClassVar

import pytest

from jetpack_core.content.load import load_playbook
from jetpack_core.contracts.host import Host
from jetpack_core.contracts.module import Module
from jetpack_core.engine.run import run_playbooks
from jetpack_core.engine.settings import RunSettings
from jetpack_core.hookspecs import Reference, hookimpl
from jetpack_core.inventory.load import load_inventory
from jetpack_core.records import Outcome, Plan, PlanKind
from jetpack_core.registry import Registry
from tests.unit.engine.conftest import Ran, Recorder, write_inventory
from tests.unit.engine.memory import MemoryHost, MemoryPlugin

World = Callable[[str], MemoryHost]


class Find(Module):
    """Find a version: while planning, or only by a run."""

    names_variables: ClassVar[tuple[str, ...]] = ("into",)

    version: str = "1.2"
    into: str | None = None
    save: str | None = None
    by_running: bool = False

    async def plan(self, host: Host) -> Plan:
        """Find it here unless it takes a run."""
        if self.by_running:
            return Plan(PlanKind.EXECUTE)
        return Plan(PlanKind.PASSIVE, outcome=self._found())

    async def apply(self, host: Host, plan: Plan) -> Outcome:
        """Find it."""
        return self._found()

    def _found(self) -> Outcome:
        variables: Mapping[str, object] = {} if self.into is None else {self.into: self.version}
        return Outcome({"version": self.version, "source": "memory"}, variables=variables)


class FindPlugin:
    """Registers it."""

    @hookimpl
    def jetpack_register_modules(self) -> list[Reference]:
        """Name the module."""
        return [Reference("find", f"{__name__}:Find", "test")]


@pytest.fixture
def play(tmp_path: Path) -> Callable[..., Ran]:
    """Return a function that runs tasks on hosts in memory."""

    def run(tasks: str, **settings: bool) -> Ran:
        registry = Registry()
        registry.register(MemoryPlugin(), "tests")
        registry.register(FindPlugin(), "find")
        path = tmp_path / "playbook.yml"
        path.write_text(f"- name: p\n  groups: [web]\n  tasks:\n{tasks}")
        inventory = load_inventory([write_inventory(tmp_path / "inventory", ["a", "b"])])
        playbook = load_playbook(path, registry=registry, roles_paths=[], modules_paths=[], extra_vars={})
        recorder = Recorder()
        code = run_playbooks([playbook], inventory, registry, RunSettings(**settings), [recorder])  # type: ignore[arg-type]
        return Ran(code, recorder.events)

    return run


@pytest.mark.parametrize("by_running", ["false", "true"])
def test_the_named_variable_gets_its_value_and_save_the_whole_result(
    play: Callable[..., Ran], world: World, by_running: str
) -> None:
    ran = play(
        f"    - !find {{into: wanted, save: all_of_it, by_running: {by_running}}}\n"
        "    - !keep {path: /x, text: '{{ wanted }} from {{ all_of_it.source }}'}\n"
    )
    assert ran.code == 0
    assert [world(name).files["/x"] for name in ("a", "b")] == [b"1.2 from memory"] * 2


def test_a_name_may_be_a_template(play: Callable[..., Ran], world: World) -> None:
    ran = play(
        "    - !find {into: name_of_it, version: wanted}\n"
        "    - !find {into: '{{ name_of_it }}'}\n"
        "    - !keep {path: /x, text: '{{ wanted }}'}\n"
    )
    assert ran.code == 0
    assert world("a").files["/x"] == b"1.2"


def test_other_variables_of_the_host_stay(play: Callable[..., Ran], world: World) -> None:
    ran = play(
        "    - !find {into: one, version: '1'}\n"
        "    - !find {into: two, version: '2'}\n"
        "    - !keep {path: /x, text: '{{ one }}{{ two }}'}\n"
    )
    assert ran.code == 0
    assert world("a").files["/x"] == b"12"


def test_of_a_loop_the_last_item_counts(play: Callable[..., Ran], world: World) -> None:
    ran = play(
        "    - !find {into: one, version: '{{ item }}', with: {items: [3, 4]}}\n"
        "    - !keep {path: /x, text: '{{ one }}'}\n"
    )
    assert ran.code == 0
    assert world("a").files["/x"] == b"4"


def test_in_plan_mode_what_only_a_run_finds_is_unknown(play: Callable[..., Ran]) -> None:
    ran = play(
        "    - !find {into: one, by_running: true}\n    - !keep {path: /x, text: '{{ one }}'}\n",
        planning=True,
    )
    assert [status for _, status in ran.statuses("a")] == ["executed", "unknown"]
    assert "only the task" in ran.results("a")[1].msg


def test_in_plan_mode_what_is_found_by_looking_is_known(play: Callable[..., Ran]) -> None:
    ran = play("    - !find {into: one}\n    - !keep {path: /x, text: '{{ one }}'}\n", planning=True)
    assert ran.statuses("a")[1][1] == "created"


def test_a_task_that_is_skipped_sets_nothing(play: Callable[..., Ran], world: World) -> None:
    ran = play(
        "    - !find {into: one, version: '1'}\n"
        "    - !find {into: one, version: '2', with: {condition: 'false'}}\n"
        "    - !keep {path: /x, text: '{{ one }}'}\n"
    )
    assert ran.code == 0
    assert world("a").files["/x"] == b"1"
