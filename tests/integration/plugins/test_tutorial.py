# SPDX-License-Identifier: GPL-3.0-or-later
"""The tutorial works as it is written: every block of it is written or run, in order, and prints what it says."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.plugins.conftest import Workshop

TUTORIAL = Path(__file__).parents[3] / "docs" / "tutorial" / "first-module.md"
BLOCK = re.compile(r"^```(?P<info>[^\n]+)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
MEASURED = re.compile(r"\b\d+(\.\d+)? ?m?s\b|\b\d+(?= passed)")
ANYTHING = "..."
"""A line of printed text that stands for any number of lines."""

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("cookiecutter")]


class Reader:
    """Does what the tutorial says, in a folder of its own."""

    def __init__(self, workshop: Workshop, folder: Path) -> None:
        self.workshop = workshop
        self.top = self.folder = folder

    def follow(self, info: str, text: str) -> None:
        """Write a block to the file it names, or run its commands."""
        language, _, note = info.partition(" ")
        text = text.replace("/tmp/", f"{self.top}/")
        if language == "console":
            for command, printed in calls(text):
                self.run(command, printed, fails=note == "fails")
        else:
            (self.folder / note).write_text(text)

    def run(self, command: str, printed: str, *, fails: bool) -> None:
        """Run a command and compare what it prints."""
        if command.startswith("cd "):
            self.folder /= command.removeprefix("cd ")
            return
        done = self.workshop.run("sh", "-c", command, cwd=self.folder)
        said = plain(done.stdout + (done.stderr if fails else ""))
        assert (done.returncode != 0) == fails, f"$ {command}\n{done.stdout}{done.stderr}"
        lines = ["(.*\n)*" if line == ANYTHING else f"{re.escape(line)}\n" for line in plain(printed).splitlines()]
        assert re.fullmatch("".join(lines), said), f"$ {command}\nsaid:\n{said}\nthe tutorial says:\n{plain(printed)}"


def calls(text: str) -> Iterator[tuple[str, str]]:
    """Split a console block into commands and what they print."""
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        command, _, printed = part.partition("\n")
        yield command, printed


def plain(text: str) -> str:
    """Return printed text without what differs from run to run."""
    return re.sub(r"[ \t]+$", "", MEASURED.sub("SOME", text), flags=re.MULTILINE)


def test_the_tutorial_works(workshop: Workshop, tmp_path: Path) -> None:
    reader = Reader(workshop, tmp_path)
    blocks = list(BLOCK.finditer(TUTORIAL.read_text()))
    assert len(blocks) > 8
    for block in blocks:
        reader.follow(block["info"], block["text"])


def test_every_link_of_the_guides_leads_somewhere() -> None:
    docs = TUTORIAL.parents[1]
    pages = [page for folder in ("tutorial", "how-to", "explanation") for page in (docs / folder).glob("*.md")]
    assert len(pages) >= 4
    for page in pages:
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"
