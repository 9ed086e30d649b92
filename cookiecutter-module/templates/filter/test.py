"""The filter `{{ cookiecutter.__name }}`."""

from __future__ import annotations

from pathlib import Path

import pytest
from jetpack_core.testing.documents import code_blocks
from jetpack_core.testing.playbooks import PlaybookRunner

from {{ cookiecutter.__package }}.filter import {{ cookiecutter.__words }}_filter

README = Path(__file__).parents[1] / "README.md"


@pytest.mark.parametrize(("value", "loud"), [("hello", "HELLO!"), ("", "!"), (7, "7!"), ("straße", "STRASSE!")])
def test_text_gets_loud(value: object, loud: str) -> None:
    assert {{ cookiecutter.__words }}_filter(value) == loud


def test_the_mark_can_be_chosen() -> None:
    assert {{ cookiecutter.__words }}_filter("hello", "?") == "HELLO?"


def test_the_example_works(run_playbook: PlaybookRunner) -> None:
    (playbook,) = code_blocks(README, "yaml")
    assert run_playbook(playbook).messages == ["HELLO!"]
