# SPDX-License-Identifier: GPL-3.0-or-later
"""The suite for modifiers passes the built-in ones, and notices modifiers that break the rules."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

import pytest

from jetpack_core.contracts.host import Host, Scope
from jetpack_core.contracts.modifier import AttemptPolicy, Modifier, Route
from jetpack_core.modifiers.delay import Delay
from jetpack_core.modifiers.items import Items
from jetpack_core.modifiers.notify import Notify
from jetpack_core.modifiers.retry import Retry
from jetpack_core.modifiers.skip_if_exists import SkipIfExists
from jetpack_core.testing.host import TestHost
from jetpack_core.testing.modifiers import ModifierCase, ModifierConformance
from jetpack_core.testing.sandbox import HOSTILE_NAME, Sandbox


class TestSkipIfExists(ModifierConformance):
    modifier = SkipIfExists
    name = "skip_if_exists"
    cases = (
        ModifierCase("missing", lambda box: box.template("f")),
        ModifierCase("there", lambda box: box.template("f"), lambda box: box.write("f"), skips=True),
        ModifierCase("dangling link", lambda box: box.template("f"), lambda box: box.link("f", "no"), skips=True),
    )
    refused = (7, None)


class TestItems(ModifierConformance):
    modifier = Items
    name = "items"
    cases = (
        ModifierCase("list", lambda box: ["a", box.template()]),
        ModifierCase("expression", lambda _: "names", variables={"names": ["a", "b"]}),
        ModifierCase("mapping", lambda box: {"a": box.template()}),
    )
    refused = (7,)


class TestNotify(ModifierConformance):
    modifier = Notify
    name = "notify"
    cases = (ModifierCase("one", lambda _: "reload"), ModifierCase("several", lambda _: ["reload", "test"]))
    refused = (7,)


class TestRetry(ModifierConformance):
    modifier = Retry
    name = "retry"
    cases = (ModifierCase("some", lambda _: "5"),)
    refused = ("-1", "often")


class TestDelay(ModifierConformance):
    modifier = Delay
    name = "delay"
    cases = (ModifierCase("some", lambda _: "2"),)
    refused = ("-1", "long")


class Good(Modifier):
    """Do nothing at all.

    Example::

        - !echo
          msg: hello
          with:
            good: anything
    """

    section: ClassVar[str] = "with"
    value: str


class Undocumented(Modifier):
    section: ClassVar[str] = "with"
    value: str


class WritesInGuard(Good):
    async def guard(self, host: Host) -> str | None:
        await host.write(self.value, b"")
        return None


class AsksTwice(Good):
    async def guard(self, host: Host) -> str | None:
        await host.stat(self.value)
        await host.stat(self.value)
        return None


class AlwaysSkips(Good):
    async def guard(self, host: Host) -> str | None:
        return "always"


class Remembers(Good):
    seen: ClassVar[list[str]] = []

    def expand(self, scope: Scope) -> list[str]:
        self.seen.append(self.value)
        return list(self.seen)


class LoopsOverText(Good):
    def expand(self, scope: Scope) -> str:
        return "text"


class LeadsNowhere(Good):
    def route(self, scope: Scope, route: Route) -> Route:
        return Route("", None)


class TriesLessThanOnce(Good):
    def attempt(self, policy: AttemptPolicy) -> AttemptPolicy:
        return AttemptPolicy(-1)


CASE = ModifierCase("any", lambda box: box.path("f"))


@pytest.fixture
def box() -> Iterator[Sandbox]:
    with TestHost() as host:
        box = Sandbox(host, HOSTILE_NAME)
        yield box
        box.close()


@pytest.mark.parametrize(
    ("broken", "test"),
    [
        (WritesInGuard, "test_phases_only_read"),
        (AsksTwice, "test_phases_only_read"),
        (AlwaysSkips, "test_it_skips_when_it_should"),
        (Remembers, "test_phases_answer_the_same_twice"),
        (LoopsOverText, "test_answers_make_sense"),
        (LeadsNowhere, "test_answers_make_sense"),
        (TriesLessThanOnce, "test_answers_make_sense"),
    ],
)
def test_a_broken_modifier_is_noticed(broken: type[Modifier], test: str, box: Sandbox) -> None:
    suite = ModifierConformance()
    suite.modifier = Good  # type: ignore[misc] # a class variable, set for one suite
    getattr(suite, test)(CASE, box)
    suite.modifier = broken  # type: ignore[misc]
    with pytest.raises(AssertionError):
        getattr(suite, test)(CASE, box)


def test_missing_documentation_and_examples_are_noticed() -> None:
    suite = ModifierConformance()
    suite.name = "good"  # type: ignore[misc]
    suite.modifier = Good  # type: ignore[misc]
    suite.test_it_is_documented()
    suite.test_examples_are_valid()
    suite.name = "other"  # type: ignore[misc]
    with pytest.raises(AssertionError, match="has 'other' under `with:`"):
        suite.test_examples_are_valid()
    suite.modifier = Undocumented  # type: ignore[misc]
    with pytest.raises(AssertionError):
        suite.test_it_is_documented()
