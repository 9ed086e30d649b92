# SPDX-License-Identifier: GPL-3.0-or-later
"""The blocks of commands on pages, and a shell to type them into."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.reading import agrees, blocks_of, calls, plain
from tests.unit.docs.pages import PAGES, TOP

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
        """Return its first command, without a comment behind it."""
        return re.sub(r"\s+#.*", "", self.text.splitlines()[0].removeprefix("$ "))


def shown() -> Iterator[Shown]:
    """Yield the blocks of commands of all pages, by the second level's headings."""
    for page, path in PAGES.items():
        for part in re.split(r"^## ", f"\n{path.read_text()}", flags=re.MULTILINE):
            section, _, _ = part.partition("\n")
            for block in blocks_of(part):
                if block.language in SHELLS:
                    yield Shown(page, section.strip(), block.language, block.text)
            for text in plain_blocks(part):
                if re.search(r"^(jetpack|pip) ", text, re.MULTILINE):
                    yield Shown(page, section.strip(), "", text)


def plain_blocks(text: str) -> Iterator[str]:
    """Yield the blocks that name no language, between fences or by their indent."""
    fenced = re.compile(r"^```(?P<language>[^\n]*)\n(?P<text>.*?)^```[ ]*$\n?", re.MULTILINE | re.DOTALL)
    yield from (one["text"] for one in fenced.finditer(text) if not one["language"].strip())
    for found in re.finditer(r"(?<=\n\n)(?: {4}.*\n)+", fenced.sub("", text)):
        yield textwrap.dedent(found[0])


def block(page: str, first: str) -> Shown:
    """Return the block of a page that begins with a command."""
    return next(one for one in shown() if (one.page, one.first) == (page, first))


class Reader:
    """Types what pages show, with a home of its own and the command line of this checkout."""

    def __init__(self, home: Path) -> None:
        tools = home / "tools"
        tools.mkdir()
        (tools / "jetpack").write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m jetpack_core.cli "$@"\n')
        (tools / "jetpack").chmod(0o755)
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("JET_", "XDG_", "SSH_"))}
        settings = {"HOME": str(home), "NO_COLOR": "1", "COLUMNS": "100", "PYTHONPATH": str(TOP)}
        # Runs of several tests act on this machine at once.
        settings |= {"PATH": f"{tools}:{os.environ['PATH']}", "JET_LOCK_TIMEOUT": "off"}
        self._environment = kept | settings

    def type_in(self, command: str, folder: Path) -> subprocess.CompletedProcess[str]:
        """Type a command, or several lines of which none may fail."""
        return subprocess.run(
            ["sh", "-ec", command], cwd=folder, env=self._environment, capture_output=True, text=True, check=False,
            timeout=120, start_new_session=True,
        )  # fmt: skip

    def works(self, command: str, folder: Path) -> str:
        """Type what must not fail, and return what it printed."""
        done = self.type_in(command, folder)
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        return done.stdout

    def follow(self, shown: Shown, folder: Path) -> Path:
        """Type the commands of a block, compare what they print, and return the folder that they end in."""
        for command, printed in calls(shown.text):
            if command.startswith("cd "):
                folder /= command.removeprefix("cd ")
                continue
            done = self.type_in(command, folder)
            said = done.stdout + done.stderr
            assert agrees(printed, said), f"$ {command}\nsaid:\n{plain(said)}\nthe page says:\n{plain(printed)}"
        return folder
