# SPDX-License-Identifier: GPL-3.0-or-later
"""A small project, and its check through the command line."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from jetpack_core.cli.main import main


@dataclass(frozen=True)
class Result:
    """What a check said."""

    code: int
    findings: list[dict[str, Any]]
    errors: str

    def short(self) -> list[str]:
        """Return severity, code and place of each finding."""
        return [f"{one['severity']} {one['code']} {one['file']}:{one['line']}:{one['column']}" for one in self.findings]

    def messages(self) -> str:
        """Return all messages and hints."""
        return "\n".join(f"{one['message']} | {one['hint']}" for one in self.findings)


Check = Callable[..., Result]


@pytest.fixture
def check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Check:
    """Write files and check `site.yml` against `inventory`, in this process."""
    for name in [name for name in os.environ if name.startswith(("JET_", "JETPACK_", "XDG_"))]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)

    def run(files: Mapping[str, str], *flags: str) -> Result:
        for name, text in files.items():
            file = tmp_path / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        home = {"HOME": str(tmp_path / "home"), "NO_COLOR": "1"}
        words = ["check", "-p", "site.yml", "-i", "inventory", "--json", *flags]
        done = CliRunner().invoke(main, words, env=home, prog_name="jetpack")
        if not done.stdout:
            return Result(done.exit_code, [], done.stderr)
        return Result(done.exit_code, json.loads(done.stdout)["findings"], done.stderr)

    return run
