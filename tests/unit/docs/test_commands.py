# SPDX-License-Identifier: GPL-3.0-or-later
"""Every block of commands is followed by a test, or stands in the list of those that are not, which readers see."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Final

from tests.unit.docs.commands import Reader, block, shown
from tests.unit.docs.pages import TOP

EXAMPLES: Final = TOP / "docs" / "explanation" / "examples.md"


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


def test_the_readme_shows_an_inventory_and_explains_a_value(tmp_path: Path) -> None:
    shutil.copytree(TOP / "examples", tmp_path / "examples")
    reader = Reader(tmp_path)
    folder = reader.follow(block("README.md", "cd examples/web"), tmp_path)
    reader.follow(block("README.md", "jetpack vars stage1 banner_lines"), folder)


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


def test_check_in_ci_shows_what_check_tells(tmp_path: Path) -> None:
    (tmp_path / ".jetpack.yml").write_text("playbook: site.yml\ninventory: inventory\n")
    (tmp_path / "inventory" / "groups").mkdir(parents=True)
    (tmp_path / "inventory" / "groups" / "web").write_text("hosts: [web1, web2]\n")
    (tmp_path / "inventory" / "group_vars").mkdir()
    (tmp_path / "inventory" / "group_vars" / "web").write_text("port: 80\n")
    (tmp_path / "site.yml").write_text(CHECKED)
    Reader(tmp_path).follow(block("docs/how-to/check-in-ci.md", "jetpack check"), tmp_path)


def test_a_module_that_is_not_installed_is_told(tmp_path: Path) -> None:
    (tmp_path / "site.yml").write_text("- name: p\n  groups: [all]\n  tasks:\n    - !frobnicate\n")
    Reader(tmp_path).follow(block("docs/how-to/require-a-plugin.md", "jetpack local -p site.yml"), tmp_path)


def test_the_editor_gets_its_schemas(tmp_path: Path) -> None:
    Reader(tmp_path).follow(block("docs/how-to/set-up-your-editor.md", "mkdir -p .vscode"), tmp_path)
    assert (tmp_path / ".vscode" / "settings.json").read_text().startswith("{")
