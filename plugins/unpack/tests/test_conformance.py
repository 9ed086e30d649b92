# SPDX-License-Identifier: GPL-3.0-or-later
"""The public conformance suite on `unpack`: with and without Python, from the host and from the control machine."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import pytest
from jetpack_plugin_unpack import sending, unpack

from jetpack_core.records import PlanKind
from jetpack_core.testing.host import TestHost
from jetpack_core.testing.modules import Case, ModuleConformance
from jetpack_core.testing.no_python import ShellConnection
from jetpack_core.testing.sandbox import Sandbox
from plugins.unpack.tests import making

pytestmark = pytest.mark.slow

CREATE, MODIFY, NONE = PlanKind.CREATE, PlanKind.MODIFY, PlanKind.NONE
Step = Callable[[Sandbox], object]
SITE = making.zipped(("index.html", "<p>hello</p>\n"), ("css/main.css", "p {}\n"))


def put(name: str, content: str | bytes = "old\n", mode: int = 0o644) -> Step:
    return lambda box: box.write(name, content, mode=mode)


def several(*steps: Step) -> Step:
    def run(box: Sandbox) -> None:
        for step in steps:
            step(box)

    return run


def unpacking(**more: object) -> Callable[[Sandbox], Mapping[str, object]]:
    return lambda box: {"src": box.path("a.tgz"), "dest": box.path("d/e"), **more}


def unpacked(box: Sandbox) -> None:
    """Have an older version there, and the archive of the new one."""
    box.write("a.tgz", gzip.compress(making.APP))
    box.host.converge(unpack.Unpack(src=box.path("a.tgz"), dest=box.path("d/e"), strip_components=1))


APP = put("a.tgz", gzip.compress(making.APP, mtime=0))
CASES = (
    Case("new", unpacking(), APP, CREATE, disturb=lambda box: box.make_directory("d/e")),
    Case("new, all given", unpacking(strip_components="1", mode="0o600", dir_mode="0o700"), APP, CREATE),
    Case("new, only mode", unpacking(mode="0o640", strip_components="auto"), APP, CREATE),
    Case("zip", unpacking(), put("a.tgz", SITE), CREATE),
    Case("single file", unpacking(), put("a.tgz", gzip.compress(b"text", mtime=0)), CREATE),
    Case("some", unpacking(include="*/bin", exclude=["*/same"]), APP, CREATE),
    Case(
        "some are there",
        unpacking(strip_components="1"),
        several(APP, lambda box: box.make_directory("d/e/conf"), put("d/e/conf/app.conf", "port: 81\n")),
        disturb=put("d/e/conf/app.conf", "port: 82\n"),
    ),
    Case(
        "drift",
        unpacking(strip_components="1"),
        several(unpacked, lambda box: box.remove("d/e/bin/run"), put("d/e/empty", "not any more")),
        disturb=put("d/e/bin/run", "mine\n"),
    ),
    Case("other mode", unpacking(strip_components="1", mode="0o600"), unpacked),
    Case("again", unpacking(strip_components="1"), unpacked, NONE),
    Case(
        "again, archive gone",
        unpacking(strip_components="1"),
        several(unpacked, lambda box: box.remove("a.tgz")),
        NONE,
    ),
    Case(
        "new version",
        unpacking(strip_components="1"),
        several(unpacked, put("a.tgz", gzip.compress(making.APP_2, mtime=0))),
        disturb=put("d/e/bin/run", "mine\n"),
    ),
    Case(
        "new version, pruned",
        unpacking(strip_components="1", prune="true"),
        several(unpacked, put("a.tgz", gzip.compress(making.APP_2, mtime=0)), put("d/e/mine", "kept")),
    ),
    Case("renamed", unpacking(strip_components="1", rename={"conf": "etc"}), APP, CREATE),
    Case("swapped in", unpacking(strip_components="1", swap="true"), APP, CREATE),
    Case(
        "new version, swapped in",
        unpacking(strip_components="1", swap="true", dir_mode="0o750"),
        several(unpacked, put("a.tgz", gzip.compress(making.APP_2, mtime=0)), put("d/e/mine", "goes")),
        disturb=put("d/e/bin/run", "mine\n"),
    ),
    Case(
        "newer ones kept",
        unpacking(strip_components="1", keep_newer="true"),
        several(APP, lambda box: box.make_directory("d/e/conf"), put("d/e/conf/app.conf", "port: 81\n")),
    ),
    Case("archive goes", unpacking(remove_src="true"), APP, CREATE, round_trips=6),
    Case("creates", lambda box: {**unpacking()(box), "creates": box.path("a.tgz")}, APP, NONE),
)


class TestWithPython(ModuleConformance):
    """The archive is on the host, which has Python."""

    module = unpack.Unpack
    sources: ClassVar = {"site.zip": ""}
    cases: ClassVar[Sequence[Case]] = CASES


class WithoutPython:
    """The host has a shell only."""

    @pytest.fixture
    def host(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestHost]:
        """This machine by its shell, and with no Python that could be found."""
        monkeypatch.setattr(sending, "_PICK", "\n".join(sending._PICK.splitlines()[3:]) + "\n")
        with TestHost(ShellConnection()) as host:
            yield host

    @pytest.fixture
    def on_shell(self) -> bool:
        return True


class TestWithoutPython(WithoutPython, ModuleConformance):
    """The archive is on the host."""

    module = unpack.Unpack
    sources: ClassVar = {"site.zip": ""}
    cases: ClassVar[Sequence[Case]] = tuple(replace(case, round_trips=20) for case in CASES)

    def test_round_trips(self, case: Case, box: Sandbox, folder: Path) -> None:
        """Without Python a plan takes up to three: to learn that, to look at the archive, and to list the files."""
        module = self.made(case, box, folder)
        box.host.converge(module)
        box.host.frames.clear()
        box.host.plan(module)
        assert len(box.host.frames) <= 3
