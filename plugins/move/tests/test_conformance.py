# SPDX-License-Identifier: GPL-3.0-or-later
"""The public conformance suite on `move`, on this machine."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest
from jetpack_plugin_move import backups
from jetpack_plugin_move.move import Move

from jetpack_core.records import PlanKind
from jetpack_core.testing.modules import Case, ModuleConformance
from jetpack_core.testing.sandbox import Sandbox

NONE, MODIFY = PlanKind.NONE, PlanKind.MODIFY
NOON = "20250301T120000Z"
Step = Callable[[Sandbox], object]


def put(name: str, content: str = "old\n", mode: int = 0o644) -> Step:
    return lambda box: box.write(name, content, mode=mode)


def several(*steps: Step) -> Step:
    def run(box: Sandbox) -> None:
        for step in steps:
            step(box)

    return run


def tree(name: str, text: str = "x\n") -> Step:
    """Return the step that makes a directory with a file, a directory and a link below it."""
    return several(
        lambda box: box.make_directory(f"{name}/bin", mode=0o750),
        put(f"{name}/bin/run", text, 0o755),
        lambda box: box.link(f"{name}/latest", "bin/run"),
    )


def moving(**more: object) -> Callable[[Sandbox], Mapping[str, object]]:
    return lambda box: {"src": box.path("a"), "dest": box.path("b"), **more}


class TestMove(ModuleConformance):
    """Every row of the table in the README that converges."""

    module = Move
    cases = (
        Case("file", moving(), put("a"), disturb=put("a", "longer than before\n")),
        Case("file, dest comes", moving(), put("a"), disturb=put("b")),
        Case("file, src goes", moving(), put("a"), disturb=lambda box: box.remove("a")),
        Case("file with mode", moving(mode="0o600"), put("a"), disturb=put("a", "x\n", 0o640)),
        Case("directory", moving(), tree("a")),
        Case("directory with mode", moving(mode="0o700"), tree("a")),
        Case("link", moving(), lambda box: box.link("a", "/nowhere")),
        Case("moved before", moving(), put("b"), NONE),
        Case("moved before, as a directory", moving(), tree("b"), NONE),
        Case("moved before, other mode", moving(mode="0o600"), put("b"), disturb=put("b", "x", 0o640)),
        Case("neither, and that is fine", moving(missing_ok="true"), expected=NONE),
        Case("both", moving(), several(put("a", "new\n"), put("b")), NONE),
        Case("both, directories", moving(), several(tree("a"), tree("b")), NONE),
        Case("replaced", moving(force="true"), several(put("a", "new!\n"), put("b")), disturb=put("b", "mine mine\n")),
        Case("dest goes", moving(force="true"), several(put("a", "new!\n"), put("b")), disturb=lambda b: b.remove("b")),
        Case(
            "replaced, with backup",
            moving(force="true", backup="true", backup_keep="1"),
            several(put("a", "new!\n"), put("b"), put("b.backup.20200101T000000Z")),
            disturb=put("b", "mine mine\n"),
            round_trips=6,
        ),
        Case("same bytes", moving(force="true"), several(put("a"), put("b")), round_trips=3, disturb=put("b", "new\n")),
        Case("same bytes, mode", moving(force="true", mode="0o600"), several(put("a"), put("b")), round_trips=3),
        Case("link replaced by file", moving(force="true"), several(put("a"), lambda box: box.link("b", "c"))),
        Case(
            "link with backup",
            moving(collision="replace", backup="true"),
            several(lambda box: box.link("a", "new"), lambda box: box.link("b", "old")),
            round_trips=6,
        ),
        Case(
            "directory replaced by directory", moving(force="true"), several(tree("a", "y"), tree("b")), round_trips=6
        ),
        Case("directory replaced by file", moving(force="true"), several(put("a"), tree("b")), round_trips=6),
        Case("file replaced by directory", moving(force="true"), several(tree("a"), put("b")), round_trips=6),
        Case(
            "directory with backup elsewhere",
            lambda box: {**moving(force="true", backup="true")(box), "backup_dir": box.path("old")},
            several(tree("a", "y"), tree("b"), lambda box: box.make_directory("old")),
            round_trips=6,
        ),
        Case(
            "backup directory is made",
            lambda box: {**moving(force="true", backup="true", makedirs="true")(box), "backup_dir": box.path("x/old")},
            several(put("a", "new!\n"), put("b")),
            round_trips=6,
        ),
        Case(
            "directories above are made",
            lambda box: {"src": box.path("a"), "dest": box.path("x/y/b"), "makedirs": "true"},
            put("a"),
        ),
    )

    @pytest.fixture(autouse=True)
    def clock(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Stop the clock that names backups, so that two plans agree."""
        monkeypatch.setattr(backups, "timestamp", lambda: NOON)
