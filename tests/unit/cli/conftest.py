# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of the command line share."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from jetpack_core.cli.main import main

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def jetpack(tmp_path: Path) -> Run:
    """Run the real command line in an empty folder, with a home and a state directory of its own."""
    home = tmp_path / "home"
    home.mkdir(exist_ok=True)

    def run(
        *arguments: str, cwd: Path | None = None, path: Path | None = None, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("JET_", "XDG_"))}
        kept |= {"HOME": str(home), "NO_COLOR": "1", "COLUMNS": "100", **environment}
        if path is not None:
            kept["PYTHONPATH"] = str(path)
        return subprocess.run(
            [sys.executable, "-m", "jetpack_core.cli", *arguments],
            cwd=cwd or tmp_path,
            env=kept,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
            # Without a terminal of its own there is nobody to ask.
            start_new_session=True,
        )

    return run


@pytest.fixture
def invoke(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run the command line as `jetpack` does, but in this process, which is quicker."""
    home = tmp_path / "home"
    home.mkdir(exist_ok=True)
    for name in [name for name in os.environ if name.startswith(("JET_", "XDG_"))]:
        monkeypatch.delenv(name)

    def run(*arguments: str, cwd: Path | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
        monkeypatch.chdir(cwd or tmp_path)
        kept = {"HOME": str(home), "NO_COLOR": "1", **environment}
        result = CliRunner().invoke(main, arguments, env=kept, prog_name="jetpack")
        return subprocess.CompletedProcess(arguments, result.exit_code, result.stdout, result.stderr)

    return run


def install(folder: Path, distribution: str, source: str, *, version: str = "1.0") -> None:
    """Lay a distribution into a folder as pip does, with an entry point for Jetpack."""
    module = distribution.replace("-", "_")
    (folder / f"{module}.py").write_text(source)
    info = folder / f"{module}-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n")
    (info / "entry_points.txt").write_text(f"[jetpack]\nplugin = {module}\n")
