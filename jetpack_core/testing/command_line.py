# SPDX-License-Identifier: GPL-3.0-or-later
"""Run the command `jetpack` in a test, in the same process."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from click.testing import CliRunner

from jetpack_core.cli.main import main

_OWN_SETTINGS = ("JET_", "XDG_")


@dataclass(frozen=True, slots=True)
class Said:
    """How a command ended, and what it printed."""

    exit_code: int
    stdout: str
    stderr: str


class CommandLine:
    r"""Calls `jetpack` with a home of its own, so that neither settings nor logs of the user's are touched.

    Example::

        def test_my_verb(run_jetpack):
            assert run_jetpack("greet", "world").stdout == "Hello, world!\n"

    :param folder: Where it runs; written files stay there for the test to look at.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, *words: str, env: Mapping[str, str] | None = None) -> Said:
        """Call it with arguments and, perhaps, variables of the environment."""
        home = self.folder / ".home"
        home.mkdir(exist_ok=True)
        hidden = {name: None for name in os.environ if name.startswith(_OWN_SETTINGS)}
        kept: dict[str, str | None] = {**hidden, "HOME": str(home), "NO_COLOR": "1", **(env or {})}
        with contextlib.chdir(self.folder):
            result = CliRunner().invoke(main, words, env=kept, prog_name="jetpack")
        return Said(result.exit_code, result.stdout, result.stderr)
