# SPDX-License-Identifier: GPL-3.0-or-later
"""Virtual environments of the peers, made once from pinned versions."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

from benchmarks.peers.peer import PeerError

_REQUIREMENTS = Path(__file__).parent / "requirements"


def install_pinned(name: str, cache: Path) -> Path:
    """Return the environment of a peer, making it anew when its pins changed. Raises PeerError."""
    pins = _REQUIREMENTS / f"{name}.txt"
    wanted = hashlib.sha256(pins.read_bytes() + sys.version.encode()).hexdigest()
    folder = cache / "peers" / name
    stamp = folder / "pins"
    if stamp.exists() and stamp.read_text() == wanted:
        return folder
    shutil.rmtree(folder, ignore_errors=True)
    print(f"installing {name} into {folder}", file=sys.stderr)
    _run(sys.executable, "-m", "venv", str(folder))
    pip = (str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
    _run(*pip, "--no-deps", "--requirement", str(pins))
    stamp.write_text(wanted)
    return folder


def pinned_version(name: str, package: str) -> str:
    """Return the version of a package in a peer's pins."""
    for line in (_REQUIREMENTS / f"{name}.txt").read_text().splitlines():
        found, _, version = line.partition("==")
        if found == package:
            return version
    raise PeerError(f"{name}.txt does not pin {package}")


def _run(*argv: str) -> None:
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        tail = "\n".join((done.stdout + done.stderr).splitlines()[-10:])
        raise PeerError(f"{' '.join(argv)}: exit {done.returncode}:\n{tail}")
