# SPDX-License-Identifier: GPL-3.0-or-later
"""What somebody reads who runs the module by `jetpack local`: why an asset was chosen, or why none was."""

from __future__ import annotations

import json
import platform

from jetpack_core.testing.command_line import CommandLine
from plugins.github_release.tests.conftest import REPO, GitHub
from plugins.github_release.tests.programs import elf

HERE = {"arm64": "aarch64"}.get(platform.machine(), platform.machine())
PROGRAM = elf(HERE, b"one")


def playbook(run_jetpack: CommandLine, github: GitHub, **more: object) -> None:
    """Write a playbook that installs the tool; an Enterprise server's API is below a path."""
    task = {"repo": REPO, "api_url": github.site.url(""), "dest": str(run_jetpack.folder / "tool"), **more}
    text = f"- name: tools\n  groups: [all]\n  tasks:\n    - !github_release {json.dumps(task)}\n"
    (run_jetpack.folder / "tools.yml").write_text(text)


def test_the_choice_is_explained(github: GitHub, run_jetpack: CommandLine) -> None:
    musl = {f"tool-linux-musl-{HERE}": PROGRAM}
    github.release("v1.0.0", {**musl, f"tool-linux-{HERE}": PROGRAM, "tool-plan9-amd64": b"", "tool-linux-mips": b""})
    playbook(run_jetpack, github)
    said = run_jetpack("local", "-v", "-p", "tools.yml")
    assert said.exit_code == 0, said.stdout + said.stderr
    assert f"v1.0.0; tool-linux-{HERE}: of 4 assets it fits linux {HERE}" in said.stdout
    assert f"others that would do: tool-linux-musl-{HERE}" in said.stdout
    assert "plan9" not in said.stdout
    again = run_jetpack("local", "-v", "-p", "tools.yml")
    assert "nothing was changed" in again.stdout
    assert f"tool-linux-{HERE}: of 4 assets it fits linux" in again.stdout


def test_an_ambiguous_one_lists_what_there_is(github: GitHub, run_jetpack: CommandLine) -> None:
    github.release("v1.0.0", {f"tool-a-linux-{HERE}": PROGRAM, f"tool-b-linux-{HERE}": PROGRAM})
    playbook(run_jetpack, github)
    said = run_jetpack("local", "-p", "tools.yml")
    assert said.exit_code == 2
    assert f"tool-a-linux-{HERE}" in said.stdout + said.stderr
    assert f"tool-b-linux-{HERE}" in said.stdout + said.stderr
    assert not (run_jetpack.folder / "tool").exists()
