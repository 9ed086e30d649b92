# SPDX-License-Identifier: GPL-3.0-or-later
"""Wheels of this project, built and installed by pip into an empty environment; nothing is fetched."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
import venv
from importlib.metadata import Distribution, distribution
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).parents[3]


def install_wheels(tmp: Path, *packages: str) -> Path:
    """Build the core's wheel and those of packages, install them by pip, and return the environment's `bin`.

    What they depend on is there beforehand, copied from the environment that the tests run in, so that pip finds it
    without an index; it still checks every requirement of the wheels.

    :param packages: Folders below `plugins/` or `provisioners/`, such as `move`.
    """
    wheels = tmp / "wheels"
    for folder in (ROOT, *map(_folder, packages)):
        run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(wheels), cwd=folder)
    environment = tmp / "env"
    venv.create(environment, with_pip=False)
    programs = environment / "bin"
    libraries = Path(
        run(str(programs / "python"), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip()
    )
    needed = set().union(*(_requirements(name) for name in ("jetpack-core", *map(_project, packages))))
    for name in sorted(one for one in needed if not one.startswith("jetpack-")):
        _copy(distribution(name), libraries)
    made = [str(path) for path in sorted(wheels.glob("*.whl"))]
    pip = [sys.executable, "-m", "pip", "--python", str(programs / "python"), "--disable-pip-version-check"]
    run(*pip, "install", "--quiet", "--no-index", *made)
    return programs


def uninstall(programs: Path, package: str) -> None:
    """Remove a package from an environment again."""
    pip = [sys.executable, "-m", "pip", "--python", str(programs / "python"), "--disable-pip-version-check"]
    run(*pip, "uninstall", "--quiet", "--yes", package)


def run(*argv: str, cwd: Path | None = None) -> str:
    """Run a program that must succeed, and return what it prints."""
    done = subprocess.run(argv, cwd=cwd, capture_output=True, text=True, check=False, timeout=200)
    assert done.returncode == 0, f"{' '.join(argv)}\n{done.stdout}{done.stderr}"
    return done.stdout


def _folder(package: str) -> Path:
    return next(path for group in ("plugins", "provisioners") if (path := ROOT / group / package).is_dir())


def _project(package: str) -> str:
    """Return the name that a package is installed by."""
    described = tomllib.loads((_folder(package) / "pyproject.toml").read_text())
    return str(described["project"]["name"])


def _requirements(name: str) -> set[str]:
    """Return the names of all that a package needs here, directly or not."""
    found: set[str] = set()
    pending = [name]
    while pending:
        for text in distribution(pending.pop()).requires or ():
            one = Requirement(text)
            if one.name not in found and (one.marker is None or one.marker.evaluate({"extra": ""})):
                found.add(one.name)
                pending.append(one.name)
    return found


def _copy(one: Distribution, libraries: Path) -> None:
    for file in one.files or ():
        source = Path(str(one.locate_file(file)))
        if ".." not in file.parts and source.is_file():
            (libraries / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, libraries / file)
