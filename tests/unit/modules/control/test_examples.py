# SPDX-License-Identifier: GPL-3.0-or-later
"""The modules that run commands or steer a run say how to use them, and what they say is right."""

from __future__ import annotations

from pathlib import Path

import pytest

from jetpack_core.contracts.module import Module
from jetpack_core.registry import Registry
from jetpack_core.testing.examples import examples_of, make_module

WORDS = (
    "assert command debug echo external facts fail pause reboot script set shell "
    "wait_for wait_for_host wait_for_http wait_for_others"
)
NAMES = WORDS.split()


def module_class(name: str) -> type[Module]:
    found: type[Module] = Registry().module(name)
    return found


@pytest.mark.parametrize("name", NAMES)
def test_examples_can_be_made(name: str, tmp_path: Path) -> None:
    for source in ("register.py", "join_cluster"):
        (tmp_path / source).write_text("")
    examples = examples_of(module_class(name))
    assert examples
    for example in examples:
        assert example.module == name
        make_module(module_class(name), split(example.parameters), [tmp_path])


def split(parameters: object) -> dict[str, object]:
    """Split command lines, as the engine does before it makes a module."""
    assert isinstance(parameters, dict)
    listed = {"command", "test_command"}
    return {
        key: value.split() if isinstance(value, str) and (key in listed or value.startswith("createdb")) else value
        for key, value in parameters.items()
    }


@pytest.mark.parametrize("name", NAMES)
def test_every_parameter_is_explained(name: str) -> None:
    for parameter, field in module_class(name).model_fields.items():
        assert field.description, parameter
        assert not field.description.startswith(" ")
