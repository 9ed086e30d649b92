# SPDX-License-Identifier: GPL-3.0-or-later
"""Every block of commands is followed by a test, or stands in the list of those that are not, which readers see."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from tests.reading import agrees, blocks_of, calls, plain
from tests.unit.docs.pages import PAGES, TOP

EXAMPLES: Final = TOP / "docs" / "explanation" / "examples.md"
HERE: Final = Path(__file__).relative_to(TOP).as_posix()
SHELLS: Final = ("console", "sh", "bash", "shell")


@dataclass(frozen=True)
class Shown:
    """A block of commands on a page."""

    page: str
    section: str
    language: str
    text: str

    @property
    def first(self) -> str:
        """Return its first command."""
        return self.text.splitlines()[0].removeprefix("$ ")


def shown() -> Iterator[Shown]:
    """Yield the blocks of commands of all pages, by the second level's headings."""
    for page, path in PAGES.items():
        for part in re.split(r"^## ", f"\n{path.read_text()}", flags=re.MULTILINE):
            section, _, _ = part.partition("\n")
            for block in blocks_of(part):
                if block.language in SHELLS:
                    yield Shown(page, section.strip(), block.language, block.text)


def table(section: str) -> list[list[str]]:
    """Return the rows of a table of the page of examples."""
    text = EXAMPLES.read_text().split(f"\n## {section}\n")[1].split("\n## ")[0]
    rows = [re.split(r"(?<!\\)\|", line)[1:-1] for line in text.splitlines() if line.startswith("| ")]
    return [[cell.strip().strip("`").replace("\\|", "|") for cell in row] for row in rows[1:]]


def test_every_block_of_commands_is_accounted_for() -> None:
    listed = {
        (page, first) for page, first, _ in (*table("Single blocks that are run"), *table("Not run as they stand"))
    }
    followed = {(page, section) for page, section, _ in table("Followed")}
    found = list(shown())
    alone = [one for one in found if not {(one.page, ""), (one.page, one.section)} & followed]
    lost = [f"{one.page}: {one.first}" for one in alone if (one.page, one.first) not in listed]
    assert lost == [], f"run them in a test, or say in {EXAMPLES.name} why not"
    assert listed - {(one.page, one.first) for one in found} == set(), "no such block is left"
    assert {page for page, _ in followed} <= {one.page for one in found}


def test_every_reason_and_test_is_named() -> None:
    for section in ("Followed", "Single blocks that are run", "Not run as they stand"):
        for row in table(section):
            assert row[2]
            for name in re.findall(r"tests/[\w/.]+\.py", row[2]):
                assert (TOP / name).exists(), name


@pytest.fixture
def follow(tmp_path: Path) -> Callable[..., Path]:
    """Type the commands of a block into a shell, and compare what they print."""
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "jetpack").write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m jetpack_core.cli "$@"\n')
    (tools / "jetpack").chmod(0o755)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("JET_", "XDG_"))}
    settings = {"HOME": str(tmp_path), "NO_COLOR": "1", "COLUMNS": "100", "PYTHONPATH": str(TOP)}
    settings["PATH"] = f"{tools}:{os.environ['PATH']}"

    def typed(block: Shown, folder: Path) -> Path:
        for command, printed in calls(block.text):
            if command.startswith("cd "):
                folder /= command.removeprefix("cd ")
                continue
            done = subprocess.run(
                ["sh", "-c", command], cwd=folder, env=kept | settings, capture_output=True, text=True, check=False,
                timeout=120, start_new_session=True,
            )  # fmt: skip
            said = done.stdout + done.stderr
            assert agrees(printed, said), f"$ {command}\nsaid:\n{plain(said)}\nthe page says:\n{plain(printed)}"
        return folder

    return typed


def block(page: str, first: str) -> Shown:
    """Return the block of a page that begins with a command."""
    return next(one for one in shown() if (one.page, one.first) == (page, first))


def test_the_readme_shows_an_inventory_and_explains_a_value(tmp_path: Path, follow: Callable[..., Path]) -> None:
    shutil.copytree(TOP / "examples", tmp_path / "examples")
    folder = follow(block("README.md", "cd examples/web"), tmp_path)
    follow(block("README.md", "jetpack vars stage1 banner_lines"), folder)


CHECKED = """\
- name: web
  groups: [all]
  tasks:
    - !echo
      name: the port
      msg: "{{ prot }}"
    - !command
      cmd: "true"
      and: {notify: nobody}
"""


def test_check_in_ci_shows_what_check_tells(tmp_path: Path, follow: Callable[..., Path]) -> None:
    (tmp_path / ".jetpack.yml").write_text("playbook: site.yml\ninventory: inventory\n")
    (tmp_path / "inventory" / "groups").mkdir(parents=True)
    (tmp_path / "inventory" / "groups" / "web").write_text("hosts: [web1, web2]\n")
    (tmp_path / "inventory" / "group_vars").mkdir()
    (tmp_path / "inventory" / "group_vars" / "web").write_text("port: 80\n")
    (tmp_path / "site.yml").write_text(CHECKED)
    follow(block("docs/how-to/check-in-ci.md", "jetpack check"), tmp_path)


def test_a_module_that_is_not_installed_is_told(tmp_path: Path, follow: Callable[..., Path]) -> None:
    (tmp_path / "site.yml").write_text("- name: p\n  groups: [all]\n  tasks:\n    - !frobnicate\n")
    follow(block("docs/how-to/require-a-plugin.md", "jetpack local -p site.yml"), tmp_path)


def test_the_editor_gets_its_schemas(tmp_path: Path, follow: Callable[..., Path]) -> None:
    follow(block("docs/how-to/set-up-your-editor.md", "mkdir -p .vscode"), tmp_path)
    assert (tmp_path / ".vscode" / "settings.json").read_text().startswith("{")
