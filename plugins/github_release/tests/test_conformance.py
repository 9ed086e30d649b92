# SPDX-License-Identifier: GPL-3.0-or-later
"""The public conformance suite on `github_release`, on this machine."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import ClassVar

import pytest
from jetpack_plugin_github_release.module import GithubRelease

from jetpack_core.records import PlanKind
from jetpack_core.testing.modules import Case, ModuleConformance
from jetpack_core.testing.sandbox import Sandbox
from plugins.github_release.tests.conftest import REPO, GitHub
from plugins.github_release.tests.programs import tar
from plugins.github_release.tests.test_github_release import HERE, PROGRAM

pytestmark = pytest.mark.slow

CREATE, PASSIVE = PlanKind.CREATE, PlanKind.PASSIVE


def given(**more: object) -> Callable[[Sandbox], Mapping[str, object]]:
    """Make the parameters, for the tests' own GitHub."""
    return lambda box: {"repo": REPO, "api_url": TestGithubRelease.base, "dest": box.path("tool"), **more}


def put(content: bytes | str, mode: int = 0o755) -> Callable[[Sandbox], object]:
    return lambda box: box.write("tool", content, mode=mode)


class TestGithubRelease(ModuleConformance):
    """With a release that has a program alone, and one in an archive."""

    module = GithubRelease
    without_python = True
    base: ClassVar[str] = ""
    cases = (
        Case("new program", given(), expected=CREATE, disturb=put("theirs")),
        Case("out of an archive", given(version="1.0.0", mode="0o700"), expected=CREATE, disturb=put("theirs")),
        Case("another program", given(), put("old", 0o700), disturb=put("theirs")),
        Case("replaces a link", given(), lambda box: box.link("tool", "x"), disturb=put("theirs")),
        Case("same program, not recorded", given(), put(PROGRAM), PlanKind.NONE),
        Case("looked up only", lambda box: {**given(save="x")(box), "dest": None}, expected=PASSIVE),
    )

    @pytest.fixture(autouse=True)
    def published(self, github: GitHub) -> None:
        """Publish the releases."""
        github.release("v1.0.0", {f"tool-linux-{HERE}.tar.gz": tar({"tool-1/bin/tool": PROGRAM, "README": b"x"})})
        github.release("v1.1.0", {f"tool-linux-{HERE}": PROGRAM})
        TestGithubRelease.base = github.site.url("")
