# SPDX-License-Identifier: GPL-3.0-or-later
"""`move` and `unpack` as users get them: wheels in an environment that holds nothing else."""

from __future__ import annotations

import subprocess
import tarfile
from pathlib import Path

import pytest

from tests.integration.plugins.wheels import install_wheels, run, uninstall

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("wheels")]

PLAYBOOK = """\
- name: release
  groups: [all]
  tasks:
    - !unpack
      src: {folder}/app.tgz
      dest: {folder}/new
      strip_components: auto
    - !move
      src: {folder}/new
      dest: {folder}/app
"""


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return install_wheels(tmp_path_factory.mktemp("wheels"), "move", "unpack", "download")


@pytest.mark.parametrize("name", ["move", "unpack"])
def test_an_installed_plugin_is_found_and_explained(programs: Path, name: str) -> None:
    jetpack = str(programs / "jetpack")
    assert run(jetpack, "doc", name).startswith(f"module {name}, of jetpack-plugin-{name}\n")
    assert f"jetpack-plugin-{name}" in run(jetpack, "plugins", "list")


def test_both_work_in_a_playbook(programs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    (tmp_path / "run").write_text("run\n")
    with tarfile.open(tmp_path / "app.tgz", "w:gz") as archive:
        archive.add(tmp_path / "run", "app-1.0/run")
    (tmp_path / "play.yml").write_text(PLAYBOOK.format(folder=tmp_path))
    run(str(programs / "jetpack"), "local", "-p", str(tmp_path / "play.yml"))
    assert (tmp_path / "app" / "run").read_text() == "run\n"


def test_without_a_plugin_the_error_names_the_package(tmp_path: Path) -> None:
    programs = install_wheels(tmp_path, "move")
    uninstall(programs, "jetpack-plugin-move")
    (tmp_path / "play.yml").write_text("- name: x\n  groups: [all]\n  tasks:\n    - !move {src: /a, dest: /b}\n")
    done = subprocess.run(
        [programs / "jetpack", "local", "-p", tmp_path / "play.yml"], capture_output=True, text=True, check=False
    )
    assert done.returncode != 0
    assert "pip install jetpack-plugin-move" in done.stdout + done.stderr
