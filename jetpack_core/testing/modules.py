# SPDX-License-Identifier: GPL-3.0-or-later
# ruff: noqa: S101 - a suite for pytest is made of asserts
"""The conformance suite of modules: subclass it, name the module, give cases, and pytest does the rest."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pytest

from jetpack_core.content.fields import fields_of
from jetpack_core.contracts.documentation import field_documentation
from jetpack_core.contracts.fields import Mode
from jetpack_core.contracts.module import Module
from jetpack_core.errors import StaleError, TaskError
from jetpack_core.records import FileKind, PathEffect, Plan, PlanKind
from jetpack_core.registry import Kind, Registry
from jetpack_core.testing.examples import examples_of, make_module
from jetpack_core.testing.host import TestHost
from jetpack_core.testing.no_python import ShellConnection
from jetpack_core.testing.sandbox import HOSTILE_NAME, PLAIN_NAME, Sandbox


def _nothing(box: Sandbox) -> None:
    """Leave the sandbox as it is."""


@dataclass(frozen=True, slots=True)
class Case:
    """One situation of a host, and what a module is to make of it."""

    name: str
    parameters: Callable[[Sandbox], Mapping[str, object]]
    """The module's parameters, given the sandbox; text as in YAML, or typed values."""
    prepare: Callable[[Sandbox], object] = _nothing
    """Bring the sandbox into the situation."""
    expected: PlanKind = PlanKind.MODIFY
    """What the plan must be."""
    disturb: Callable[[Sandbox], object] | None = None
    """Change, between plan and apply, what the module was about to change: it must notice and leave that alone."""
    round_trips: int = 2
    """How many frames plan and apply may take together; one that changes nothing may take one."""

    @property
    def converges(self) -> bool:
        """Tell whether the case ends in a state that can be looked at."""
        return self.expected not in {PlanKind.PASSIVE, PlanKind.EXECUTE}


class ModuleConformance:
    """What every module must do.

    Example::

        class TestMotd(ModuleConformance):
            module = Motd
            cases = (Case("none yet", lambda box: {"path": box.path("motd"), "text": "hi"}, expected=PlanKind.CREATE),)

    Every case runs twice, the second time in a directory with a hostile name; a module that acts elsewhere than in the
    sandbox says `directories = (PLAIN_NAME,)` to have it run once. By default it runs on this machine, and
    with `without_python = True` once more on this machine's shell alone; override the fixture `host` for others.
    """

    module: ClassVar[type[Module]]
    cases: ClassVar[Sequence[Case]] = ()
    sources: ClassVar[Mapping[str, str | None]] = {}
    """Files of the control machine by name, with their text, or None for a folder; cases and examples may name them."""
    directories: ClassVar[Sequence[str]] = (PLAIN_NAME, HOSTILE_NAME)
    """The names of the sandboxes, each of which is tried."""
    without_python: ClassVar[bool] = False
    """The module claims to work on hosts without Python, so every case runs on such a host as well."""

    def __init_subclass__(cls) -> None:
        """Leave out the tests that none of the cases is for."""
        super().__init_subclass__()
        for name in _OF_CASES:
            if not any(_WANTED.get(name, _every)(case) for case in cls.cases):
                setattr(cls, name, None)

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Run a test for each case it is about."""
        if "on_shell" in metafunc.fixturenames:
            shells, ids = ([False, True], ["python", "shell"]) if self.without_python else ([False], ["python"])
            metafunc.parametrize("on_shell", shells, ids=ids)
        if "case" not in metafunc.fixturenames:
            return
        wanted = _WANTED.get(str(metafunc.definition.originalname), _every)
        cases = [case for case in type(self).cases if wanted(case)]
        metafunc.parametrize("case", cases, ids=[case.name for case in cases])
        ids = ["hostile" if name == HOSTILE_NAME else name for name in self.directories]
        metafunc.parametrize("directory", self.directories, ids=ids)

    @pytest.fixture
    def host(self, on_shell: bool) -> Iterator[TestHost]:
        """The host to act on: this machine, as one without Python if `on_shell`."""
        with TestHost(ShellConnection() if on_shell else None) as host:
            yield host

    @pytest.fixture
    def box(self, host: TestHost, directory: str) -> Iterator[Sandbox]:
        """A fresh sandbox on the host."""
        box = Sandbox(host, directory)
        yield box
        box.close()

    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        """The folder that holds the sources."""
        for name, text in self.sources.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if text is None:
                path.mkdir(exist_ok=True)
            else:
                path.write_text(text)
        return tmp_path

    def made(self, case: Case, box: Sandbox, folder: Path) -> Module:
        """Prepare the sandbox and make the module."""
        case.prepare(box)
        module = make_module(self.module, case.parameters(box), [folder])
        box.host.frames.clear()
        return module

    def test_plan_is_the_expected_one_and_only_reads(self, case: Case, box: Sandbox, folder: Path) -> None:
        """The plan is of the right kind, asks nothing that changes, and leaves the host as it was."""
        module = self.made(case, box, folder)
        before = box.snapshot()
        box.host.frames.clear()
        for planning in (False, True):
            plan = box.host.plan(module, planning=planning)
            assert plan.kind is case.expected
            assert bool(plan.changes) == (plan.kind in _WITH_CHANGES)
        assert box.host.changes == []
        assert box.snapshot() == before

    def test_plan_mode_says_the_same(self, case: Case, box: Sandbox, folder: Path) -> None:
        """Plan mode may show more, but no other kind and no other changes of what both show."""
        module = self.made(case, box, folder)
        planned, real = box.host.plan(module, planning=True), box.host.plan(module, planning=False)
        assert planned.kind is real.kind
        assert set(map(repr, real.changes)) <= set(map(repr, planned.changes))

    def test_apply_converges(self, case: Case, box: Sandbox, folder: Path) -> None:
        """After apply there is nothing left to do, and a second run says so."""
        module = self.made(case, box, folder)
        box.host.converge(module)
        assert box.host.plan(module).kind is PlanKind.NONE
        assert box.host.plan(module, planning=True).kind is PlanKind.NONE

    def test_the_host_becomes_what_the_plan_foretold(self, case: Case, box: Sandbox, folder: Path) -> None:
        """Every effect comes true, and nothing changes that no effect told of."""
        module = self.made(case, box, folder)
        before = box.snapshot()
        plan = box.host.plan(module, planning=True)
        box.host.apply(module, box.host.plan(module))
        effects = [effect for effect in plan.effects if isinstance(effect, PathEffect)]
        for effect in effects:
            _check_effect(effect, box.host)
        _check_changes(plan, effects)
        after = box.snapshot()
        unforeseen = {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)}
        assert {path for path in unforeseen if not any(_covers(effect, path) for effect in effects)} == set()

    def test_a_change_in_between_is_noticed(self, case: Case, box: Sandbox, folder: Path) -> None:
        """What somebody changed in between is not lost: apply refuses, and a new plan works or says why not."""
        assert case.disturb is not None
        module = self.made(case, box, folder)
        plan = box.host.plan(module)
        before = box.snapshot()
        case.disturb(box)
        disturbed = {path: now for path, now in box.snapshot().items() if before.get(path) != now}
        with pytest.raises(StaleError):
            box.host.apply(module, plan)
        after = box.snapshot()
        assert {path: after.get(path) for path in disturbed} == disturbed
        module_again = make_module(self.module, case.parameters(box), [folder])
        with contextlib.suppress(TaskError):
            box.host.converge(module_again)
            assert box.host.plan(module_again).kind is PlanKind.NONE

    def test_round_trips(self, case: Case, box: Sandbox, folder: Path) -> None:
        """The module asks little: once if nothing is to be done."""
        module = self.made(case, box, folder)
        box.host.converge(module)
        assert len(box.host.frames) <= (case.round_trips if case.expected in _ACTING else 1)
        box.host.frames.clear()
        if case.converges:
            box.host.plan(module)
            assert len(box.host.frames) <= 1

    def test_everything_is_documented(self) -> None:
        """The class and every parameter say what they are for."""
        summary = (inspect.getdoc(self.module) or "").split("\n")[0]
        assert summary.endswith(".")
        documented = field_documentation(self.module)
        described = {name for name, field in self.module.model_fields.items() if field.description}
        assert set(self.module.model_fields) - described - set(documented) == set()

    def test_examples_are_valid(self, folder: Path) -> None:
        """Every task in the docstring's example is one that the module takes."""
        examples = examples_of(self.module)
        assert examples, "the docstring has no block after 'Example::'"
        for example in examples:
            module = _module_named(example.module, self.module)
            assert set(example.parameters) <= set(fields_of(module).by_name)
            if not example.templated:
                make_module(module, example.parameters, [folder])


_ACTING = frozenset({PlanKind.CREATE, PlanKind.MODIFY, PlanKind.REMOVE, PlanKind.EXECUTE})
_WITH_CHANGES = _ACTING - {PlanKind.EXECUTE}
_OF_CASES = (
    "test_plan_is_the_expected_one_and_only_reads",
    "test_plan_mode_says_the_same",
    "test_apply_converges",
    "test_the_host_becomes_what_the_plan_foretold",
    "test_a_change_in_between_is_noticed",
    "test_round_trips",
)
_WANTED: Mapping[str, Callable[[Case], bool]] = {
    "test_apply_converges": lambda case: case.converges,
    "test_the_host_becomes_what_the_plan_foretold": lambda case: case.expected in _WITH_CHANGES,
    "test_a_change_in_between_is_noticed": lambda case: case.disturb is not None,
}


def _every(case: Case) -> bool:  # noqa: ARG001 - one of several answers
    return True


def _module_named(name: str, own: type[Module]) -> type[Module]:
    """Return the class of a built-in module; any other name in an example can only be the module's own."""
    registry = Registry()
    return registry.module(name) if name in registry.entries(Kind.MODULE) else own


def _check_effect(effect: PathEffect, host: TestHost) -> None:
    """Compare a foretold state with what is there; what the plan left open does not count."""
    foretold = effect.state
    if not effect.known:
        return
    now = host.ask(host.stat(foretold.path, checksum=True, content=len(foretold.content or b"") + 1))
    assert now.kind is foretold.kind, foretold.path
    if not foretold.exists:
        return
    assert now.mode == foretold.mode or now.kind is FileKind.SYMLINK, foretold.path
    assert foretold.owner in {"", now.owner, str(now.uid)}
    assert foretold.group in {"", now.group, str(now.gid)}
    assert now.target == foretold.target
    if now.is_file:
        assert foretold.checksum in {None, now.checksum}
        assert foretold.content in {None, now.content}
        assert foretold.checksum is None or foretold.size == now.size


def _check_changes(plan: Plan, effects: Sequence[PathEffect]) -> None:
    """See that what the plan shows is what its effects say: modes and contents."""
    modes = {effect.state.mode for effect in effects}
    contents = {f"sha256:{effect.state.checksum}" for effect in effects}
    for change in plan.changes:
        if isinstance(change.after, Mode):
            assert change.after in modes
        if isinstance(change.after, str) and change.after.startswith("sha256:"):
            assert change.after in contents


def _covers(effect: PathEffect, path: str) -> bool:
    below = effect.tree or not effect.known
    return path == effect.state.path or (below and path.startswith(f"{effect.state.path}/"))
