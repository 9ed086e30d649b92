# SPDX-License-Identifier: GPL-3.0-or-later
"""The tutorial works as it is written: every block of it is written or run, in order, and prints what it says."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.plugins.conftest import Workshop
from tests.reading import Block, agrees, blocks, calls, plain

TUTORIAL = Path(__file__).parents[3] / "docs" / "tutorial" / "first-module.md"
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("cookiecutter")]


class Reader:
    """Does what the tutorial says, in a folder of its own."""

    def __init__(self, workshop: Workshop, folder: Path) -> None:
        self.workshop = workshop
        self.top = self.folder = folder

    def follow(self, block: Block) -> None:
        """Write a block to the file it names, or run its commands."""
        text = block.text.replace("/tmp/", f"{self.top}/")
        if block.language == "console":
            for command, printed in calls(text):
                self.run(command, printed, fails=block.note == "fails")
        else:
            (self.folder / block.note).write_text(text)

    def run(self, command: str, printed: str, *, fails: bool) -> None:
        """Run a command and compare what it prints."""
        if command.startswith("cd "):
            self.folder /= command.removeprefix("cd ")
            return
        done = self.workshop.run("sh", "-c", command, cwd=self.folder)
        said = done.stdout + (done.stderr if fails else "")
        assert (done.returncode != 0) == fails, f"$ {command}\n{done.stdout}{done.stderr}"
        assert agrees(printed, said), f"$ {command}\nsaid:\n{plain(said)}\nthe tutorial says:\n{plain(printed)}"


def test_the_tutorial_works(workshop: Workshop, tmp_path: Path) -> None:
    reader = Reader(workshop, tmp_path)
    found = blocks(TUTORIAL)
    assert len(found) > 8
    for block in found:
        reader.follow(block)
