# SPDX-License-Identifier: GPL-3.0-or-later
"""The shape of the code base: floors, light start-up, and the licence on every file."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from importlinter.cli import lint_imports

ROOT = Path(__file__).parents[2]
LICENCE_LINE = "# SPDX-License-Identifier: GPL-3.0-or-later"
CODE_FOLDERS = ("jetpack_core", "tests", "benchmarks", "examples", "plugins", "provisioners")
HEAVY = ("click", "jinja2", "paramiko", "pydantic", "rich", "yaml")
LONGEST_FILE = 400


def source_files(*folders: str) -> list[Path]:
    """Return the Python code in some folders; one that does not exist has none."""
    return [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]


def test_imports_only_point_down(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(ROOT)
    status = lint_imports(config_filename="pyproject.toml", no_cache=True, no_logo=True)
    assert status == 0, capsys.readouterr().out


@pytest.mark.parametrize(
    "module", ["jetpack_core", "jetpack_core.errors", "jetpack_core.hookspecs", "jetpack_core.records"]
)
def test_importing_the_contract_page_loads_no_heavy_library(module: str) -> None:
    script = f"import sys, {module}; print(*[name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_every_source_file_begins_with_its_licence() -> None:
    unlicensed = [
        str(path.relative_to(ROOT))
        for path in source_files(*CODE_FOLDERS)
        if LICENCE_LINE not in path.read_text(encoding="utf-8").splitlines()[:2]
    ]
    assert unlicensed == []


def test_no_file_of_the_product_grows_into_a_god_file() -> None:
    long = {
        str(path.relative_to(ROOT)): count
        for path in source_files("jetpack_core")
        if (count := len(path.read_text(encoding="utf-8").splitlines())) > LONGEST_FILE * 1.25
    }
    assert long == {}


def test_version_is_the_same_in_the_package_and_in_its_metadata() -> None:
    from importlib.metadata import version

    from jetpack_core import __version__

    assert version("jetpack-core") == __version__
