# SPDX-License-Identifier: GPL-3.0-or-later
"""debug, echo, fail, set, pause and wait_for_others."""

from __future__ import annotations

import time

import pytest
from pydantic import SecretStr, ValidationError

from jetpack_core.contracts.unknown import Unknown
from jetpack_core.errors import TaskError, TemplateError, UnknownValueError
from jetpack_core.modules.control.debug import Debug
from jetpack_core.modules.control.echo import Echo
from jetpack_core.modules.control.fail import Fail
from jetpack_core.modules.control.pause import Pause
from jetpack_core.modules.control.set import Set
from jetpack_core.modules.control.wait_for_others import WaitForOthers
from jetpack_core.records import PlanKind
from jetpack_core.testing.host import Recorder
from tests.unit.modules.control.driving import Here


def test_debug_shows_variables_and_what_is_in_them() -> None:
    host = Here({"a": {"b": [1, "x"]}, "c": SecretStr("hidden")})
    outcome = host.apply(Debug.model_validate({"variables": ["a.b", "c", "a"]}))
    assert outcome.msg.splitlines() == ['a.b = [1, "x"]', 'c = "(secret)"', 'a = {"b": [1, "x"]}']
    assert host.frames == 0


def test_debug_without_names_shows_all_but_secrets() -> None:
    variables = {"b": 1, "a": {"deep": SecretStr("hidden")}, "c": SecretStr("hidden"), "d": Unknown("not yet")}
    outcome = Here(variables).apply(Debug())
    assert outcome.msg.splitlines() == ['a = {"deep": "(secret)"}', "b = 1", 'd = "(unknown: not yet)"']
    assert "hidden" not in repr(outcome)


def test_debug_of_a_missing_variable_fails_and_of_an_unknown_one_is_unknown() -> None:
    with pytest.raises(TemplateError, match="colour"):
        Here({"color": 1}).apply(Debug(vars=["colour"]))
    host = Here({"later": Unknown("not yet")}, planning=True)
    with pytest.raises(UnknownValueError, match="not yet"):
        host.apply(Debug(vars=["later.rc"]))


def test_debug_survives_any_depth() -> None:
    value: list[object] = []
    for _ in range(3000):
        value = [value]
    assert "..." in Here({"deep": value}).apply(Debug()).msg


@pytest.mark.parametrize(("msg", "text"), [("hi there", "hi there"), ({"a": [1, None]}, '{"a": [1, null]}'), (3, "3")])
def test_echo_says_it(msg: object, text: str) -> None:
    assert Here().apply(Echo.model_validate({"msg": msg})).msg == text


def test_fail_fails_with_its_message_in_plan_mode_too() -> None:
    with pytest.raises(TaskError, match=r"^stop here$"):
        Here(planning=True).plan(Fail(msg="stop here"))
    with pytest.raises(TaskError, match="says so"):
        Here().plan(Fail())


def test_set_returns_its_variables_as_they_are() -> None:
    values: dict[str, object] = {"a": {"b": [1, "{{ text }}"]}, "c": None}
    host = Here()
    assert Set.sets_variables
    assert host.apply(Set(vars=values)).result == values
    assert host.plan(Set(vars=values)).kind is PlanKind.PASSIVE
    assert host.frames == 0


@pytest.mark.parametrize("name", ["a-b", "1a", "a.b", "", "if", "a b"])
def test_set_refuses_names_that_no_template_could_use(name: str) -> None:
    with pytest.raises(ValidationError, match="cannot be used"):
        Set(vars={name: 1})


def test_pause_waits_and_is_no_change() -> None:
    began = time.monotonic()
    outcome = Here().apply(Pause(seconds=0.2, message="breathe"))
    assert time.monotonic() - began >= 0.2
    assert (outcome.changed, outcome.msg) == (False, "breathe")


def test_pause_in_plan_mode_does_not_wait() -> None:
    began = time.monotonic()
    assert Here(planning=True).apply(Pause(minutes=5, message="long")).msg == "long"
    assert time.monotonic() - began < 100
    with pytest.raises(ValidationError, match="how long"):
        Pause()


def test_wait_for_others_waits_at_the_barrier(monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []

    async def barrier(_: Recorder, timeout: float) -> tuple[str, ...]:
        waited.append(timeout)
        if timeout < 60:
            raise TimeoutError
        return ("gone",)

    monkeypatch.setattr(Recorder, "barrier", barrier)
    assert Here().apply(WaitForOthers(timeout=60)).changed is False
    with pytest.raises(TaskError, match="gone left the run"):
        Here().apply(WaitForOthers(timeout=60, mode="strict"))
    with pytest.raises(TaskError, match="within 5 seconds"):
        Here().apply(WaitForOthers(timeout=5))
    assert Here(planning=True).apply(WaitForOthers(timeout=1)).changed is False
    assert waited == [60, 60, 5]
