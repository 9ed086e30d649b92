# SPDX-License-Identifier: GPL-3.0-or-later
"""The public conformance suite on modifiers that choose among hosts and ask the operator."""

from __future__ import annotations

from typing import ClassVar

import pytest

from jetpack_core.errors import TaskError
from jetpack_core.modifiers.confirm import Confirm
from jetpack_core.modifiers.run_once import RunOnce
from jetpack_core.testing.host import TestHost
from jetpack_core.testing.modifiers import ModifierCase, ModifierConformance


class TestRunOnce(ModifierConformance):
    modifier = RunOnce
    name = "run_once"
    cases = (ModifierCase("once", lambda _: True), ModifierCase("everywhere", lambda _: False))
    refused: ClassVar[tuple[object, ...]] = ("often", None, [])


class TestConfirm(ModifierConformance):
    modifier = Confirm
    name = "confirm"
    cases = (
        ModifierCase("text", lambda _: "Go on?"),
        ModifierCase("template", lambda _: "Restart {{ name }}?", variables={"name": "db"}),
    )
    refused: ClassVar[tuple[object, ...]] = ("", None, [])


@pytest.mark.parametrize("value", ["", " ", 7])
def test_a_question_must_be_text(value: object) -> None:
    with TestHost(variables={"asked": value}) as host, pytest.raises(TaskError, match="needs a question"):
        Confirm(value="{{ asked }}").question(host)
