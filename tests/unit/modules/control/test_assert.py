# SPDX-License-Identifier: GPL-3.0-or-later
"""assert: all that does not hold is told at once, with the values it depends on."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr, ValidationError

from jetpack_core.contracts.unknown import Unknown
from jetpack_core.errors import TaskError, UnknownValueError
from jetpack_core.modules.control.assert_ import Assert
from jetpack_core.modules.control.showing import names_in
from jetpack_core.records import PlanKind
from tests.unit.modules.control.driving import Here

VARIABLES = {"os": "Debian", "size": 3, "db": {"port": 5432}, "token": SecretStr("hidden"), "on": True}


def check(**parameters: object) -> None:
    host = Here(VARIABLES)
    assert host.plan(Assert.model_validate(parameters)).kind is PlanKind.PASSIVE
    assert host.frames == 0


def failure(**parameters: object) -> str:
    with pytest.raises(TaskError) as raised:
        check(**parameters)
    return raised.value.message


def test_conditions_that_hold_pass() -> None:
    check(true="size > 2", false="os == 'Arch'", all_true=["on", "db.port == 5432"], all_false=["size == 1"])
    check(some_true=["size == 1", "(eq os 'Debian')"])


def test_failure_names_every_condition_with_its_values() -> None:
    message = failure(msg="not today", true="size > 5 and os == 'Debian'", all_true=["db.port == 1", "on"], false="on")
    assert message.splitlines() == [
        "not today",
        "  size > 5 and os == 'Debian' is false (size = 3, os = \"Debian\")",
        "  on is true (on = true)",
        "  db.port == 1 is false (db.port = 5432)",
    ]


def test_some_true_fails_only_when_none_holds() -> None:
    message = failure(some_true=["size == 1", "size == 2"])
    assert message.count("none of these: size == ") == 2


def test_condition_that_cannot_be_told_is_a_failure_of_its_own() -> None:
    message = failure(all_true=["nothing_like_it == 1", "size", "size == 4"])
    assert "nothing_like_it == 1: " in message
    assert "size: size is neither true nor false" in message
    assert "size == 4 is false (size = 3)" in message


def test_secrets_are_not_shown() -> None:
    message = failure(true="token == 'x'")
    assert "hidden" not in message
    assert "token = " in message


def test_unknown_values_are_not_taken_for_failures() -> None:
    with pytest.raises(UnknownValueError, match="told later"):
        Here({"later": Unknown("told later")}, planning=True).plan(Assert.model_validate({"true": "later == 1"}))


@pytest.mark.parametrize("parameters", [{}, {"msg": "x"}, {"all_true": []}, {"is": "x"}])
def test_asking_nothing_is_an_error(parameters: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Assert.model_validate(parameters)


@pytest.mark.parametrize(
    ("expression", "names"),
    [
        ("a.b == 'c.d' and e", {"a.b", "e", "and"}),
        ("x | length > 0", {"x", "length"}),
        ('"quoted \\" name" in y', {"y", "in"}),
        ("(eq z 42)", {"eq", "z"}),
    ],
)
def test_names_are_found_outside_of_text(expression: str, names: set[str]) -> None:
    assert set(names_in(expression)) == names


@given(st.text())
def test_any_text_can_be_searched_for_names(text: str) -> None:
    assert all(name.replace(".", "_").isidentifier() for name in names_in(text))
