# SPDX-License-Identifier: GPL-3.0-or-later
"""The guides about secrets: their YAML loads, and their commands work in the order they stand in."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from jetpack_core.content.problems import Problems
from jetpack_core.content.yaml import parse
from jetpack_core.secret_files.document import Document
from jetpack_core.secret_files.rules import load_rules
from tests.unit.cli.secrets.conftest import Project

ROOT = Path(__file__).parents[4]
HOW_TO = ROOT / "docs/how-to/keep-secrets.md"
GUIDES = [
    HOW_TO,
    ROOT / "docs/how-to/migrate-from-ansible-vault-and-sops.md",
    ROOT / "docs/explanation/secrets-threat-model.md",
]


def blocks(guide: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", guide.read_text(), re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("guide", GUIDES, ids=lambda guide: guide.name)
def test_every_yaml_example_loads(guide: Path, tmp_path: Path) -> None:
    for text in blocks(guide, "yaml"):
        problems = Problems()
        parse(text.encode(), guide.name, problems)
        problems.raise_if_any()
        if text.startswith("recipients:"):
            file = tmp_path / ".jetpack-secrets.yml"
            file.write_text(text)
            assert load_rules(file).rules


@pytest.mark.parametrize("guide", GUIDES, ids=lambda guide: guide.name)
def test_every_link_leads_somewhere(guide: Path) -> None:
    targets = re.findall(r"\]\((?!https?:)([^)#]+)\)", guide.read_text())
    assert [target for target in targets if not (guide.parent / target).exists()] == []


@pytest.mark.parametrize("guide", GUIDES, ids=lambda guide: guide.name)
def test_every_verb_that_is_named_exists(guide: Path) -> None:
    from jetpack_core.cli.secrets.group import VERBS

    named = set(re.findall(r"jetpack secrets ([a-z-]+)", guide.read_text()))
    assert named <= set(VERBS)


def test_the_commands_of_the_how_to_work_in_their_order(project: Project, tmp_path: Path) -> None:
    project.key.file.unlink()
    project.write("inventory/groups/web", "hosts: [localhost]\n")
    project.write("inventory/group_vars/all", "smtp:\n  user: me\n  password: hunter2\n")
    project.write("files/site.key", "clear\n")
    project.write(".jetpack.yml", "inventory: inventory\nplaybook: site.yml\n")
    project.write("site.yml", "- {name: p, groups: [web], tasks: [!debug {vars: [db]}]}\n")
    subprocess.run(["git", "init", "-q"], cwd=project.folder, check=True)
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "jetpack").write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m jetpack_core.cli "$@"\n')
    (tools / "jetpack").chmod(0o755)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("GIT_", "JET"))}
    environment = kept | {
        "HOME": str(tmp_path / "home"), "PATH": f"{tools}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT),
        "EDITOR": "true", "VISUAL": "",
    }  # fmt: skip
    commands = [line for block in blocks(HOW_TO, "sh") for line in block.splitlines()]
    # A plan and an apply would need a host to log in to; runs have tests of their own.
    for command in (one for one in commands if not one.startswith(("jetpack plan", "jetpack apply"))):
        done = subprocess.run(
            ["sh", "-c", command], cwd=project.folder, env=environment, input="geheim-1\n",
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        if command.endswith("keygen"):
            project.rules_for(done.stdout.strip(), "age1cfsgcwccwvp77xv0f4pl7gkuh53cwnr9kmmj8jgmqjhgnkjy2acq5r637q")
        if " view " in command:
            assert done.stdout == "geheim-1"
    assert len(commands) >= 10
    assert (
        sum(
            value.sealed
            for value in Document((project.folder / "inventory/group_vars/all").read_bytes(), "x").values.values()
        )
        == 2
    )
