# SPDX-License-Identifier: GPL-3.0-or-later
"""A project in a folder, with a home of its own, and the command line to work on it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path


class Project:
    """An inventory, playbooks and plugins, none of which the user's settings reach."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.home = folder / "home"
        self.plugins = folder / "plugins"
        for path in (self.home, self.plugins):
            path.mkdir(parents=True)

    def write(self, name: str, text: str) -> Path:
        """Write a file of the project."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def add_plugin(self, name: str, code: str) -> None:
        """Install a module as a plugin, for this project only."""
        (self.plugins / f"{name}.py").write_text(code)
        about = self.plugins / f"jetpack_provisioner_{name}-1.0.dist-info"
        about.mkdir()
        (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: jetpack-provisioner-{name}\nVersion: 1.0\n")
        (about / "entry_points.txt").write_text(f"[jetpack]\n{name} = {name}\n")

    def start(self, *words: str) -> subprocess.Popen[str]:
        """Start a verb on the project."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("JET_", "XDG_"))}
        environment = {**kept, "HOME": str(self.home), "NO_COLOR": "1", "PYTHONPATH": str(self.plugins)}
        return subprocess.Popen(
            [sys.executable, "-m", "jetpack_core.cli", words[0], *self._inventory(words), *words[1:]],
            cwd=self.folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def _inventory(self, words: tuple[str, ...]) -> tuple[str, ...]:
        """Return the flag that names the inventory; a saved plan says it itself."""
        return () if words[0] == "apply" and "-p" not in words else ("-i", "inventory")

    def __call__(self, *words: str, code: int = 0) -> str:
        """Run a verb on the project and return what it printed. Fails the test on another exit code."""
        process = self.start(*words)
        said, _ = process.communicate(timeout=300)
        assert process.returncode == code, said
        return said
