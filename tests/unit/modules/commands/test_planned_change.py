# SPDX-License-Identifier: GPL-3.0-or-later
"""In plan mode a command says whether it would count as a change, or that only its result can tell."""

from __future__ import annotations

import pytest

from tests.unit.engine.conftest import Play, play, world  # noqa: F401 - fixtures


@pytest.mark.parametrize(
    ("expression", "status"),
    [
        ("false", "passive"),
        ("1 > 2", "passive"),
        ("true", "executed"),
        ("rc == 0", "unknown"),
        ("'new' in stdout", "unknown"),
        ("said.out != 'x'", "unknown"),
    ],
)
def test_changed_when_is_judged_as_far_as_it_can_be(
    play: Play,  # noqa: F811
    expression: str,
    status: str,
) -> None:
    task = f'!shell {{cmd: echo, save: said, changed_when: "{expression}"}}'
    planned = play(f"- {{name: p, groups: [web], tasks: [{task}]}}", planning=True)
    assert [found for _, found in planned.statuses("a")] == [status]
