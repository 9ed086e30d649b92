# SPDX-License-Identifier: GPL-3.0-or-later
"""The disk of the test machines: made once on a machine from its recipe, and found again by the recipe's checksum."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.integration.fleet.images import SUITE, mirror

_RECIPE: Final = Path(__file__).with_name("image.sh")
_FILES: Final = ("disk.qcow2", "vmlinuz", "initrd")


class NoImageError(Exception):
    """The disk cannot be made on this machine; the text says why."""


@dataclass(frozen=True, slots=True)
class MachineImage:
    """A small Debian with cloud-init and an SSH server, and what boots it."""

    disk: Path
    kernel: Path
    initrd: Path


def ensure_image() -> MachineImage:
    """Return the image, making it first where it is missing; that takes minutes. Raises NoImageError."""
    checksum = hashlib.sha256(f"{SUITE} {_RECIPE.read_text()}".encode()).hexdigest()[:16]
    cache = Path(tempfile.gettempdir()) / f"jetpack-machines-{os.getuid()}"
    cache.mkdir(mode=0o755, exist_ok=True)
    if cache.stat().st_uid != os.getuid():
        raise NoImageError(f"{cache} belongs to somebody else")
    folder = cache / checksum
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.is_dir():
            _make(cache, folder)
    return MachineImage(*(folder / name for name in _FILES))


def _make(cache: Path, folder: Path) -> None:
    for old in cache.iterdir():
        if old.is_dir():
            shutil.rmtree(old)
    scratch = Path(tempfile.mkdtemp(prefix="being-made-", dir=cache))
    argv = ["sh", str(_RECIPE), str(scratch), mirror(), SUITE]
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        subprocess.run(["rm", "-rf", "--one-file-system", str(scratch)], check=False)
        tail = "\n".join((done.stdout + done.stderr).splitlines()[-20:])
        raise NoImageError(f"{_RECIPE.name}: exit {done.returncode}:\n{tail}")
    scratch.chmod(0o755)
    scratch.rename(folder)
