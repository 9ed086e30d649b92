# SPDX-License-Identifier: GPL-3.0-or-later
"""The modules that run commands or steer a run say how to use them, and what they say can be loaded."""

from __future__ import annotations

import inspect
import textwrap
from pathlib import Path

import pytest

from jetpack_core.content.load import load_playbook
from jetpack_core.contracts.documentation import field_documentation
from jetpack_core.contracts.module import Module
from jetpack_core.registry import Registry

WORDS = (
    "assert command debug echo external facts fail pause reboot script set shell "
    "wait_for wait_for_host wait_for_http wait_for_others"
)
NAMES = WORDS.split()


def module_class(name: str) -> type[Module]:
    return Registry().module(name)


@pytest.mark.parametrize("name", NAMES)
def test_example_is_a_playbook_that_loads(name: str, tmp_path: Path) -> None:
    for source in ("files/register.py", "modules/join_cluster"):
        (tmp_path / source).parent.mkdir()
        (tmp_path / source).write_text("")
    example = inspect.cleandoc(module_class(name).__doc__ or "").partition("Example::")[2]
    tasks = textwrap.indent(textwrap.dedent(example), "    ")
    path = tmp_path / "playbook.yml"
    path.write_text(f"- name: try\n  groups: [all]\n  tasks:\n{tasks}\n")
    playbook = load_playbook(path, registry=Registry(), roles_paths=[], modules_paths=[], extra_vars={})
    loaded = playbook.plays[0].tasks
    assert {task.module for task in loaded} == {name}


@pytest.mark.parametrize("name", NAMES)
def test_every_parameter_is_explained(name: str) -> None:
    documented = field_documentation(module_class(name))
    assert set(module_class(name).model_fields) <= set(documented)
