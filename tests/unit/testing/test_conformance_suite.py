# SPDX-License-Identifier: GPL-3.0-or-later
"""The suite for modules notices modules that break the rules."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from jetpack_core.contracts.fields import FileMode, HostPath, Mode
from jetpack_core.contracts.host import Host
from jetpack_core.contracts.module import Module
from jetpack_core.records import Change, FileKind, FileStat, Outcome, PathEffect, Plan, PlanKind
from jetpack_core.testing.host import TestHost
from jetpack_core.testing.modules import Case, ModuleConformance
from jetpack_core.testing.sandbox import HOSTILE_NAME, Sandbox


class Motd(Module):
    """Keep one word in a file.

    Example::

        - !motd
          path: /etc/motd
          mode: 0o644
    """

    path: HostPath
    """The file."""
    mode: FileMode = Mode(0o644)
    """Its permissions."""

    async def plan(self, host: Host) -> Plan:
        now = await host.stat(self.path, checksum=True, content=100)
        if now.content == b"word":
            return Plan(PlanKind.NONE)
        state = FileStat(self.path, FileKind.FILE, mode=self.mode, content=b"word", size=4)
        return Plan(PlanKind.CREATE, (Change("mode", None, self.mode),), effects=(PathEffect(state),), data=now)

    async def apply(self, host: Host, plan: Plan) -> Outcome:
        expect = plan.data if isinstance(plan.data, FileStat) else None
        await host.write(self.path, b"word", mode=self.mode, expect=expect)
        return Outcome()


class WritesWhilePlanning(Motd):
    async def plan(self, host: Host) -> Plan:
        await host.write(self.path, b"")
        return Plan(PlanKind.CREATE, (Change("content"),))


class NeverConverges(Motd):
    async def apply(self, host: Host, plan: Plan) -> Outcome:
        await host.write(self.path, b"another word")
        return Outcome()


class ForetellsAnotherMode(Motd):
    async def apply(self, host: Host, plan: Plan) -> Outcome:
        await host.write(self.path, b"word", mode=0o600)
        return Outcome()


class ChangesMoreThanItSays(Motd):
    async def apply(self, host: Host, plan: Plan) -> Outcome:
        await host.gather([host.write(self.path, b"word", mode=self.mode), host.write(f"{self.path}.more", b"")])
        return Outcome()


class Overwrites(Motd):
    async def apply(self, host: Host, plan: Plan) -> Outcome:
        await host.write(self.path, b"word", mode=self.mode)
        return Outcome()


class QuotesCarelessly(Motd):
    async def apply(self, host: Host, plan: Plan) -> Outcome:
        await host.run(["sh", "-c", f"printf word >{self.path} && chmod 644 {self.path}"])
        return Outcome()


class AsksTooOften(Motd):
    async def plan(self, host: Host) -> Plan:
        await host.stat("/")
        return await super().plan(host)


class SaysMoreInPlanMode(Motd):
    async def plan(self, host: Host) -> Plan:
        return await super().plan(host) if host.planning else Plan(PlanKind.NONE)


class Undocumented(Motd):
    more: bool = False


class WrongExample(Motd):
    """Keep one word in a file.

    Example::

        - !motd
          path: not/absolute
    """


CASE = Case(
    "new",
    lambda box: {"path": box.path("f")},
    expected=PlanKind.CREATE,
    disturb=lambda box: box.write("f", "mine"),
)


@pytest.fixture
def box(request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    with TestHost() as host:
        yield Sandbox(host, getattr(request, "param", "plain"))


def suite(its_module: type[Module]) -> ModuleConformance:
    class Suite(ModuleConformance):
        module = its_module
        cases = (CASE,)

    return Suite()


CASE_TESTS = [name for name in vars(ModuleConformance) if name.startswith("test_") and "case" in
              getattr(ModuleConformance, name).__annotations__]  # fmt: skip


@pytest.mark.parametrize("box", ["plain", HOSTILE_NAME], ids=["plain", "hostile"], indirect=True)
@pytest.mark.parametrize("name", CASE_TESTS)
def test_a_good_module_passes(name: str, box: Sandbox, tmp_path: Path) -> None:
    getattr(suite(Motd), name)(CASE, box, tmp_path)


def test_a_good_module_is_documented(tmp_path: Path) -> None:
    suite(Motd).test_everything_is_documented()
    suite(Motd).test_examples_are_valid(tmp_path)


@pytest.mark.parametrize(
    ("module", "name"),
    [
        (WritesWhilePlanning, "test_plan_is_the_expected_one_and_only_reads"),
        (NeverConverges, "test_apply_converges"),
        (ForetellsAnotherMode, "test_the_host_becomes_what_the_plan_foretold"),
        (ChangesMoreThanItSays, "test_the_host_becomes_what_the_plan_foretold"),
        (AsksTooOften, "test_round_trips"),
        (SaysMoreInPlanMode, "test_plan_mode_says_the_same"),
    ],
)
def test_a_bad_module_is_noticed(module: type[Module], name: str, box: Sandbox, tmp_path: Path) -> None:
    with pytest.raises(AssertionError):
        getattr(suite(module), name)(CASE, box, tmp_path)


def test_a_module_that_overwrites_what_it_did_not_see_is_noticed(box: Sandbox, tmp_path: Path) -> None:
    with pytest.raises(pytest.fail.Exception, match="DID NOT RAISE"):
        suite(Overwrites).test_a_change_in_between_is_noticed(CASE, box, tmp_path)


@pytest.mark.parametrize("box", [HOSTILE_NAME], indirect=True)
def test_a_module_that_quotes_carelessly_is_noticed(box: Sandbox, tmp_path: Path) -> None:
    with pytest.raises(AssertionError):
        suite(QuotesCarelessly).test_apply_converges(CASE, box, tmp_path)


def test_missing_documentation_and_wrong_examples_are_noticed(tmp_path: Path) -> None:
    with pytest.raises(AssertionError):
        suite(Undocumented).test_everything_is_documented()
    with pytest.raises(ValueError, match="must be absolute"):
        suite(WrongExample).test_examples_are_valid(tmp_path)


def test_a_suite_leaves_out_what_none_of_its_cases_is_for() -> None:
    class Suite(ModuleConformance):
        module = Motd
        cases = (Case("new", lambda box: {"path": box.path("f")}, expected=PlanKind.CREATE),)

    kept = [name for name in dir(Suite) if name.startswith("test_") and callable(getattr(Suite, name))]
    assert "test_a_change_in_between_is_noticed" not in kept
    assert "test_apply_converges" in kept
