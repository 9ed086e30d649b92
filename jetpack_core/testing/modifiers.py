# SPDX-License-Identifier: GPL-3.0-or-later
# ruff: noqa: S101 - a suite for pytest is made of asserts
"""The conformance suite of modifiers: subclass it, name the modifier, give cases, and pytest does the rest."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Final

import pytest
import yaml
from pydantic import ValidationError

from jetpack_core.contracts.modifier import AttemptPolicy, Consequence, Modifier, Route, Selection
from jetpack_core.records import Status
from jetpack_core.testing.examples import TaskLoader
from jetpack_core.testing.host import TestHost
from jetpack_core.testing.sandbox import HOSTILE_NAME, PLAIN_NAME, Sandbox

HOSTS: Final = ("a", "b", "c")


def _nothing(box: Sandbox) -> None:
    """Leave the sandbox as it is."""


@dataclass(frozen=True, slots=True)
class ModifierCase:
    """A value of a modifier, the situation it is used in, and what it is to make of it."""

    name: str
    value: Callable[[Sandbox], object]
    """The value as it would come from YAML, given the sandbox."""
    prepare: Callable[[Sandbox], object] = _nothing
    """Bring the sandbox into the situation."""
    variables: Mapping[str, object] = field(default_factory=dict)
    """The host's variables."""
    skips: bool = False
    """Whether the task must be skipped."""


@dataclass(frozen=True, slots=True)
class Phases:
    """What a modifier answered in every phase."""

    select: bool | None
    choose: Sequence[str] | None
    expand: Sequence[object] | None
    route: Route
    guard: str | None
    question: str | None
    attempt: AttemptPolicy
    after: Consequence


class ModifierConformance:
    """What every modifier must do.

    Example::

        class TestUnlessDone(ModifierConformance):
            modifier = UnlessDone
            name = "unless_done"
            cases = (
                ModifierCase("not yet", lambda box: box.path("done")),
                ModifierCase("done", lambda box: box.path("done"), lambda box: box.write("done"), skips=True),
            )
            refused = (7, "")

    Every case runs twice, the second time in a directory with a hostile name.
    """

    modifier: ClassVar[type[Modifier]]
    name: ClassVar[str]
    """Its name in playbooks."""
    cases: ClassVar[Sequence[ModifierCase]] = ()
    refused: ClassVar[Sequence[object]] = ()
    """Values that it must not take, found before anything runs."""

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Run a test for each case, or for each wrong value."""
        if "case" in metafunc.fixturenames:
            metafunc.parametrize("case", self.cases, ids=[case.name for case in self.cases])
            metafunc.parametrize("directory", [PLAIN_NAME, HOSTILE_NAME], ids=["plain", "hostile"])
        if "wrong" in metafunc.fixturenames:
            metafunc.parametrize("wrong", self.refused, ids=repr)

    @pytest.fixture
    def host(self, case: ModifierCase) -> Iterator[TestHost]:
        """The host that the task is for."""
        with TestHost(variables=case.variables) as host:
            yield host

    @pytest.fixture
    def box(self, host: TestHost, directory: str) -> Iterator[Sandbox]:
        """A fresh sandbox on the host."""
        box = Sandbox(host, directory)
        yield box
        box.close()

    def made(self, case: ModifierCase, box: Sandbox) -> Modifier:
        """Prepare the sandbox and make the modifier."""
        case.prepare(box)
        made = self.modifier.model_validate({"value": case.value(box)})
        box.host.frames.clear()
        return made

    def test_phases_only_read(self, case: ModifierCase, box: Sandbox) -> None:
        """No phase asks for a change, and the host stays as it was."""
        modifier = self.made(case, box)
        before = box.snapshot()
        box.host.frames.clear()
        ask_all(modifier, box.host)
        assert box.host.changes == []
        assert len(box.host.frames) <= 1, "guard may cost one round trip"
        assert box.snapshot() == before

    def test_it_skips_when_it_should(self, case: ModifierCase, box: Sandbox) -> None:
        """The task is skipped in the cases that say so, with a reason, and in no others."""
        reason = ask_all(self.made(case, box), box.host).guard
        assert (reason is not None) == case.skips, reason
        assert reason is None or reason.strip()

    def test_phases_answer_the_same_twice(self, case: ModifierCase, box: Sandbox) -> None:
        """A modifier keeps nothing between tasks and hosts."""
        modifier = self.made(case, box)
        assert ask_all(modifier, box.host) == ask_all(modifier, box.host)

    def test_answers_make_sense(self, case: ModifierCase, box: Sandbox) -> None:
        """Items are a list, a route leads to a host, and retries and delays are not negative."""
        answers = ask_all(self.made(case, box), box.host)
        assert answers.select in {None, True, False}
        assert answers.expand is None or not isinstance(answers.expand, str | bytes | Mapping)
        assert answers.route.host
        assert set(answers.choose or ()) <= set(HOSTS)
        assert answers.question is None or answers.question.strip()
        assert answers.attempt.retries >= 0
        assert answers.attempt.delay >= 0
        assert isinstance(answers.after, Consequence)

    def test_wrong_values_are_refused(self, wrong: object) -> None:
        """What makes no sense is found while the playbook is read."""
        with pytest.raises(ValidationError):
            self.modifier.model_validate({"value": wrong})

    def test_it_is_documented(self) -> None:
        """The class says what it is for, and belongs under `with:` or `and:`."""
        summary = inspect.cleandoc(self.modifier.__doc__ or "").split("\n")[0]
        assert summary.endswith(".")
        assert self.modifier.section in {"with", "and"}

    def test_examples_are_valid(self) -> None:
        """The docstring's example uses the modifier, in the right place, with a value that it takes."""
        used = list(_uses(self.modifier, self.name))
        assert used, f"no task after 'Example::' has {self.name!r} under `{self.modifier.section}:`"
        for value in used:
            self.modifier.model_validate({"value": value})


def ask_all(modifier: Modifier, host: TestHost) -> Phases:
    """Go through the phases of a modifier as the engine does, for a task that changed something."""
    return Phases(
        modifier.select(Selection(frozenset(), frozenset(), handler=False)),
        modifier.choose(HOSTS),
        modifier.expand(host),
        modifier.route(host, Route(host.name, None)),
        host.drive(modifier.guard(host)),
        modifier.question(host),
        modifier.attempt(AttemptPolicy()),
        modifier.after(host, Consequence(Status.MODIFIED)),
    )


def _uses(modifier: type[Modifier], name: str) -> Iterator[object]:
    block = textwrap.dedent(inspect.cleandoc(modifier.__doc__ or "").partition("Example::")[2])
    for _, task in yaml.load(block, TaskLoader) or []:  # noqa: S506 - the loader makes text, lists and mappings only
        section = task.get(modifier.section, {})
        if name in section:
            yield section[name]
