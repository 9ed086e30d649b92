# SPDX-License-Identifier: GPL-3.0-or-later
"""What an author wrote where a secret belongs is shown by no error, whatever else is wrong around it."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jetpack_core.content.fields import secret_fields
from jetpack_core.errors import ContentError
from jetpack_core.registry import Kind, Registry
from tests.unit.content.conftest import Load

SECRET = "hunter2-is-plain"
PLAYBOOK = "- name: p\n  groups: [all]\n  tasks:\n"


def error_of(load: Load, task: str) -> str:
    lines = "".join(f"    {line}\n" for line in task.splitlines())
    with pytest.raises(ContentError) as caught:
        load(PLAYBOOK + lines)
    return str(caught.value)


@pytest.mark.parametrize(
    "task",
    [
        f"- !user\n  user: bob\n  password: {SECRET}\n",
        f"- !user\n  user: bob\n  password: '{SECRET}'\n",
        f"- !user\n  user: bob\n  password: |\n    {SECRET}\n",
        f"- !user\n  user: bob\n  password: >-\n    one\n    {SECRET}\n",
        f'- !user\n  user: bob\n  password: "one\n    {SECRET}"\n',
        f"- !user\n  user: bob\n  password: [{SECRET}]\n",
        f"- !user\n  user: bob\n  password: {{a: {SECRET}}}\n",
        f"- !user {{user: bob, password: {SECRET}, uid: many}}\n",
        f"- !user {{user: bob, password: {SECRET}, colour: red}}\n",
        f"- !user {{password: {SECRET}}}\n",
        f"- !user\n  user: bob\n  passwort: {SECRET}\n",
        f"- !user\n  user: bob\n  password: {SECRET}\n  password: {SECRET}\n",
        f"- !user\n  user: bob\n  password: '{SECRET} {{{{ broken'\n",
        f"- !user\n  user: bob\n  password: \"{{{{ '{SECRET}' | no_such }}}}\"\n",
    ],
)
def test_a_secret_in_clear_is_shown_by_no_error(load: Load, task: str) -> None:
    assert SECRET not in error_of(load, task)


def test_other_lines_and_templates_are_shown_as_ever(load: Load) -> None:
    said = error_of(load, f"- !user\n  user: 'a b'\n  password: {SECRET}\n  uid: many\n")
    assert "user: 'a b'" in said
    assert "uid: many" in said
    assert "this is not the hash of a password" in said
    assert "password: '{{ hash | }}'" in error_of(load, "- !user\n  user: bob\n  password: '{{ hash | }}'\n")


def secret_parameters() -> list[tuple[str, str]]:
    registry = Registry()
    modules = {name: registry.module(name) for name in registry.entries(Kind.MODULE)}
    return sorted((name, field) for name, model in modules.items() for field in secret_fields(model))


def test_there_are_secret_parameters() -> None:
    assert ("user", "password") in secret_parameters()


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(where=st.sampled_from(secret_parameters()), quoted=st.booleans(), flow=st.booleans(), typo=st.booleans())
def test_no_secret_parameter_is_shown(load: Load, where: tuple[str, str], quoted: bool, flow: bool, typo: bool) -> None:
    module, field = where
    key = f"{field}x" if typo else field
    value = f"'{SECRET}'" if quoted else SECRET
    wrong = "no_such_parameter: 1"
    task = f"- !{module} {{{key}: {value}, {wrong}}}" if flow else f"- !{module}\n  {key}: {value}\n  {wrong}"
    assert SECRET not in error_of(load, task)
