# SPDX-License-Identifier: GPL-3.0-or-later
"""`github_release` on real hosts: the asset for each of them, one lookup and one transfer for all."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from jetpack_plugin_github_release.module import GithubRelease

from jetpack_core.records import PlanKind
from jetpack_core.testing.host import TestHost
from plugins.download.tests.server import serving
from plugins.github_release.tests.conftest import REPO, GitHub
from plugins.github_release.tests.programs import elf, tar
from plugins.github_release.tests.test_github_release import HERE
from tests.integration.fleet import Fleet, SshHost
from tests.integration.modules.test_files import machines, reached

__all__ = ["machines"]
pytestmark = [pytest.mark.docker, pytest.mark.ssh]
DEST = "/usr/local/bin/jetpack-test-tool"


@pytest.fixture
def github(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[GitHub]:
    for name in ("XDG_CACHE_HOME", "XDG_DATA_HOME"):
        monkeypatch.setenv(name, str(tmp_path / name))
    with serving() as site, serving() as storage:
        made = GitHub(site, storage)
        site.dynamic = made.answer
        yield made


def test_a_program_gets_to_hosts_of_all_kinds(github: GitHub, fleet: Fleet, machines: dict[str, SshHost]) -> None:
    program = elf(HERE, b"one")
    github.release("v1.0.0", {f"tool-linux-{HERE}.tar.gz": tar({"bin/tool": program}), "tool-darwin-arm64": b"x"})
    module = GithubRelease.model_validate({"repo": REPO, "api_url": github.site.url(""), "dest": DEST})

    def installed(host: TestHost, machine: SshHost) -> None:
        assert host.plan(module, planning=True).kind is PlanKind.CREATE
        host.converge(module)
        assert machine.read(DEST) == program
        assert machine.shell(f"stat -c %a {DEST}").strip() == "755"
        assert host.plan(module, planning=True).kind is PlanKind.NONE
        machine.shell(f"rm {DEST}; rm -r /var/lib/jetpack/github_release")

    for machine in machines.values():
        with reached(fleet, machine) as host:
            installed(host, machine)
    assert github.lookups == [200]
    assert len(github.storage.log) == 1
