# SPDX-License-Identifier: GPL-3.0-or-later
"""Plan mode over several tasks that build on each other: what it says is what a run then does."""

from __future__ import annotations

from pathlib import Path

import pytest

from jetpack_core.contracts.fields import Mode
from jetpack_core.contracts.module import Module
from jetpack_core.errors import TaskError, UnknownValueError
from jetpack_core.modules.files.block import Block
from jetpack_core.modules.files.copy import Copy
from jetpack_core.modules.files.directory import Directory
from jetpack_core.modules.files.file import File
from jetpack_core.modules.files.line import Line
from jetpack_core.modules.files.link import Link
from jetpack_core.modules.files.stat import Stat
from jetpack_core.modules.files.template import Template
from jetpack_core.records import Plan
from jetpack_core.testing.host import TestHost
from jetpack_core.testing.sandbox import Sandbox


def story(box: Sandbox, folder: Path) -> list[Module]:
    (folder / "site" / "sub").mkdir(parents=True)
    (folder / "site" / "sub" / "page").write_text("page\n")
    (folder / "t.j2").write_text("a={{ 1 }}\n")
    return [
        Directory(path=box.path("app/etc"), mode=Mode(0o750)),
        Template(src=folder / "t.j2", dest=box.path("app/etc/f"), mode=Mode(0o600)),
        Line(path=box.path("app/etc/f"), regexp="^a=", line="a=2", backup=True),
        Block(path=box.path("app/etc/f"), block="b"),
        File(path=box.path("app/etc/f"), mode=Mode(0o640)),
        Line(path=box.path("app/etc/f"), line="a=2"),
        Copy(src=folder / "site", dest=box.path("app/site")),
        Line(path=box.path("app/site/sub/page"), line="more"),
        Copy(content="page\nmore\n", dest=box.path("app/site/sub/page")),
        Link(path=box.path("app/current"), target="site"),
        Link(path=box.path("app/current"), target="site/sub"),
        Link(path=box.path("app/hard"), target=box.path("app/etc/f"), hard=True),
        Directory(path=box.path("app/site"), mode=Mode(0o700)),
        File(path=box.path("app/etc/f"), remove=True),
        File(path=box.path("app/etc/f"), remove=True),
        Directory(path=box.path("app/site"), remove=True),
        File(path=box.path("app/site"), mode=Mode(0o644)),
    ]


def shown(plan: Plan) -> tuple[object, ...]:
    """Return what of a plan a user sees; only plan mode names the directories above a new one."""
    changes = [str(change) for change in plan.changes if not change.field.startswith("/")]
    return plan.kind, changes


def test_a_plan_of_many_tasks_is_what_a_run_does(host: TestHost, box: Sandbox, tmp_path: Path) -> None:
    modules = story(box, tmp_path)
    before = box.snapshot()
    planned = host.plan_all(modules)
    assert box.snapshot() == before
    done = [host.converge(module)[0] for module in modules]
    assert [shown(plan) for plan in planned] == [shown(plan) for plan in done]


def test_a_stat_sees_what_would_be_there(host: TestHost, box: Sandbox) -> None:
    path = box.path("f")
    plans = host.plan_all([Copy(content="x", dest=path, mode=Mode(0o600)), Stat(path=path)])
    assert plans[-1].outcome.result == {
        "exists": True,
        "is_dir": False,
        "is_file": True,
        "is_link": False,
        "mode": "0o600",
        "size": 1,
    }


def test_what_cannot_be_known_is_not_guessed(host: TestHost, box: Sandbox) -> None:
    path = box.path("f")
    with pytest.raises(UnknownValueError, match="owner"):
        host.plan_all([Copy(content="x", dest=path), File(path=path, owner="root")])
    with pytest.raises(UnknownValueError):
        host.plan_all([Link(path=path, target="elsewhere"), Line(path=path, line="x", create=True)])


def test_an_error_that_a_run_would_meet_is_met_in_plan_mode(host: TestHost, box: Sandbox) -> None:
    with pytest.raises(TaskError, match="no directory"):
        host.plan_all(
            [
                Directory(path=box.make_directory("d"), remove=True),
                Copy(content="x", dest=box.path("d/f")),
            ]
        )
