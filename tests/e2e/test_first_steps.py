# SPDX-License-Identifier: GPL-3.0-or-later
"""The first tutorial works as it is written, with a real second machine: every block is written or typed, in order."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.integration.fleet.hosts import SshHost
from tests.integration.fleet.session import Fleet
from tests.reading import Block, agrees, blocks, calls, plain

pytestmark = [pytest.mark.docker, pytest.mark.ssh, pytest.mark.slow]

TUTORIAL = Path(__file__).parents[2] / "docs" / "tutorial" / "first-steps.md"
ADDRESS = "192.0.2.10"


class Newcomer:
    """Does what the tutorial says, with a home and a folder of its own, and a key that the second machine lets in."""

    def __init__(self, folder: Path, host: SshHost, fleet: Fleet) -> None:
        self.home, self.folder, self.scratch = folder / "home", folder / "work", folder / "scratch"
        self.address = host.address
        (self.home / ".ssh").mkdir(parents=True, mode=0o700)
        self.folder.mkdir()
        self.scratch.mkdir()
        key = self.home / ".ssh" / "id_ed25519"
        key.write_bytes(fleet.keys.plain.read_bytes())
        key.chmod(0o600)

    def follow(self, block: Block) -> None:
        """Write a block to the file it names, or type its commands."""
        text = block.text.replace(ADDRESS, self.address).replace("/tmp/", f"{self.scratch}/")
        if block.language == "console":
            for command, printed in calls(text):
                self.type_in(command, printed, fails=block.note == "fails")
        elif block.language == "yaml":
            (self.folder / block.note).parent.mkdir(exist_ok=True)
            (self.folder / block.note).write_text(text)

    def type_in(self, command: str, printed: str, *, fails: bool) -> None:
        """Type a command, and compare what it prints with what the tutorial shows."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("JET_", "XDG_", "SSH_"))}
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        done = subprocess.run(
            ["sh", "-c", command],
            cwd=self.folder,
            env={**kept, "HOME": str(self.home), "PATH": path, "NO_COLOR": "1", "COLUMNS": "100"},
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
            start_new_session=True,
        )
        said = done.stdout + (done.stderr if fails else "")
        assert (done.returncode != 0) == fails, f"$ {command}\n{done.stdout}{done.stderr}"
        assert agrees(printed, said), f"$ {command}\nsaid:\n{plain(said)}\nthe tutorial says:\n{plain(printed)}"
        _, _, folder = command.partition("&& cd ")
        self.folder /= folder


def test_the_first_steps_work_as_they_are_written(
    tmp_path: Path, new_host: Callable[[], SshHost], fleet: Fleet
) -> None:
    host = new_host()
    newcomer = Newcomer(tmp_path, host, fleet)
    # What is /tmp to a reader is a folder of this test's, here and there.
    host.exec(["mkdir", "-p", "-m", "777", str(newcomer.scratch)])
    for block in blocks(TUTORIAL):
        newcomer.follow(block)
    assert newcomer.folder.name == "fleet"
    assert host.read(f"{newcomer.scratch}/first-steps/hello.txt") == b"Welcome, this is a page from web1.\n"
