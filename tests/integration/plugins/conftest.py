# SPDX-License-Identifier: GPL-3.0-or-later
"""An environment of its own for packages that tests install; nothing is fetched."""

from __future__ import annotations

import os
import shlex
import site
import subprocess
import sys
import sysconfig
import venv
from dataclasses import dataclass
from pathlib import Path

import pytest


@dataclass(frozen=True)
class Workshop:
    """A folder to work in, and an environment that sees the libraries of this one."""

    folder: Path

    @property
    def programs(self) -> Path:
        return self.folder / "env" / "bin"

    @property
    def python(self) -> str:
        return str(self.programs / "python")

    def run(self, *words: str | Path, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a program with a home of its own, and settings that keep pip off the network."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("JET_", "PYTEST_", "PYTHON"))}
        kept |= {
            "HOME": str(self.folder),
            "PATH": f"{self.programs}:{kept['PATH']}",
            "NO_COLOR": "1",
            "COLUMNS": "100",
            "PIP_NO_INDEX": "1",
            "PIP_NO_DEPS": "1",
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            # To pip's settings, "no" to "no isolation" is what the flag --no-build-isolation means.
            "PIP_NO_BUILD_ISOLATION": "0",
            **environment,
        }
        return subprocess.run(
            [str(word) for word in words], cwd=cwd, env=kept, capture_output=True, text=True, check=False, timeout=120
        )

    def works(self, *words: str | Path, cwd: Path, **environment: str) -> str:
        """Run a program that must succeed, and return what it prints."""
        done = self.run(*words, cwd=cwd, **environment)
        assert done.returncode == 0, f"{shlex.join(map(str, words))}\n{done.stdout}{done.stderr}"
        return done.stdout

    def jetpack(self, *words: str, cwd: Path, **environment: str) -> str:
        """Run `jetpack`, which must succeed."""
        return self.works(self.programs / "jetpack", *words, cwd=cwd, **environment)

    def pip_install(self, *packages: Path | str) -> None:
        """Install packages that are here."""
        self.works(self.programs / "pip", "install", "--quiet", *packages, cwd=self.folder)


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    """A fresh environment, with nothing installed but what this one has."""
    shop = Workshop(tmp_path_factory.mktemp("workshop"))
    venv.create(shop.folder / "env", with_pip=False)
    libraries = shop.folder / "env" / "lib" / f"python{sysconfig.get_python_version()}" / "site-packages"
    here = [path for path in (*site.getsitepackages(), site.getusersitepackages()) if Path(path).is_dir()]
    (libraries / "here.pth").write_text("".join(f"import site; site.addsitedir({path!r})\n" for path in here))
    # Linters look for their program beside the Python that runs them.
    (shop.programs / "ruff").symlink_to(Path(sys.executable).parent / "ruff")
    for name, module in (("jetpack", "jetpack_core.cli"), ("pip", "pip"), ("pytest", "pytest"), ("mypy", "mypy")):
        program = shop.programs / name
        program.write_text(f'#!/bin/sh\nexec {shlex.quote(shop.python)} -m {module} "$@"\n')
        program.chmod(0o755)
    return shop
