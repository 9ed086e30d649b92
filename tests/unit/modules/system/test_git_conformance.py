# SPDX-License-Identifier: GPL-3.0-or-later
"""`git` in the public kit: with the real git of this machine, with Python and by its shell alone."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from jetpack_core.modules.system.git import Git
from jetpack_core.records import PlanKind
from jetpack_core.testing.host import TestHost
from jetpack_core.testing.modules import Case, ModuleConformance
from jetpack_core.testing.no_python import ShellConnection
from jetpack_core.testing.sandbox import Sandbox

pytestmark = pytest.mark.slow

# $1: the directory above that of the test, as no address of a repository has a line break.
# Two commits, a tag on the first and a branch that stays there.
_ORIGIN = """
cd "$1" && git -c init.defaultBranch=main init -q origin && cd origin
export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b
echo one >f && git add f && git commit -qm one && git tag v1 && git branch next
echo two >f && git commit -qam two
"""


def prepared(script: str = "") -> Callable[[Sandbox], object]:
    """Make the origin, and run more below the directory of the test."""

    def prepare(box: Sandbox) -> None:
        for text in (_ORIGIN, f'cd "$2"\n{script}'):
            ended = box.host.ask(box.host.run(["sh", "-ec", text, "sh", posixpath.dirname(box.path()), box.path()]))
            assert ended.ok, ended.stderr

    return prepare


def wanted(**more: str) -> Callable[[Sandbox], dict[str, object]]:
    return lambda box: {"repo": f"{posixpath.dirname(box.path())}/origin", "path": box.path("site"), **more}


CLONED = 'git clone -q "$1/origin" site\n'


class TestConformance(ModuleConformance):
    module = Git
    without_python = True
    cases = (
        Case("none yet", wanted(), prepared(), PlanKind.CREATE),
        Case("a branch, none yet", wanted(branch="next"), prepared(), PlanKind.CREATE),
        Case("as it is", wanted(), prepared(CLONED), PlanKind.NONE),
        Case("behind", wanted(), prepared(f"{CLONED}git -C ./site reset -q --hard v1"), PlanKind.MODIFY),
        Case("another branch", wanted(branch="next"), prepared(CLONED), PlanKind.MODIFY),
        Case("a tag", wanted(tag="v1"), prepared(CLONED), PlanKind.MODIFY),
        Case("local changes, forced", wanted(force="true"), prepared(f"{CLONED}echo mine >site/f"), PlanKind.MODIFY),
    )

    @pytest.fixture
    def host(self, on_shell: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestHost]:
        """This machine, on which git reads no settings of anybody."""
        (tmp_path / "gitconfig").touch()
        monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "gitconfig"))
        monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
        with TestHost(ShellConnection() if on_shell else None) as host:
            yield host
