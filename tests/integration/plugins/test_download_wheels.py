# SPDX-License-Identifier: GPL-3.0-or-later
"""`download` and `github_release` as users get them: wheels in an environment that holds nothing else."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from plugins.download.tests.server import serving
from tests.integration.plugins.wheels import install_wheels, run

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("wheels")]

PLAYBOOK = """\
- name: fetch
  groups: [all]
  tasks:
    - !download
      url: {url}
      dest: {folder}/file
      save: got
    - !echo
      msg: "{{{{ got.size }}}} bytes by {{{{ got.via | default('nobody') }}}}"
"""


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return install_wheels(tmp_path_factory.mktemp("wheels"), "download", "github_release")


@pytest.mark.parametrize("name", ["download", "github_release"])
def test_an_installed_plugin_is_found_and_explained(programs: Path, name: str) -> None:
    jetpack, package = str(programs / "jetpack"), f"jetpack-plugin-{name.replace('_', '-')}"
    assert run(jetpack, "doc", name).startswith(f"module {name}, of {package}\n")
    assert package in run(jetpack, "plugins", "list")


def test_download_works_in_a_playbook_and_the_second_run_is_matched(programs: Path, tmp_path: Path) -> None:
    play = tmp_path / "play.yml"
    environment = {**os.environ, "XDG_STATE_HOME": str(tmp_path / "state"), "XDG_CACHE_HOME": str(tmp_path / "cache")}

    def local(verb: str = "local") -> str:
        argv = [str(programs / "jetpack"), verb, "-p", str(play)]
        done = subprocess.run(argv, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    with serving() as site:
        site.put("/file", b"12345", etag='"a"')
        play.write_text(PLAYBOOK.format(url=site.url("/file"), folder=tmp_path))
        assert "5 bytes by python" in local()
        assert (tmp_path / "file").read_bytes() == b"12345"
        moved = site.sent()
        assert "5 bytes by nobody" in local()
        assert "created" not in local("check-local").split("summary")[0]
        assert site.sent() == moved
