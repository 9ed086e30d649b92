# SPDX-License-Identifier: GPL-3.0-or-later
"""Images of the fleet: made once on a machine from recipes, and found again by the recipes' checksum."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.integration.fleet.engine import docker, run_docker

IMAGES = ("debian", "nopython", "busybox")
SUITE = "bookworm"
DEFAULT_MIRROR = "http://deb.debian.org/debian"
ROOT_PASSWORD = "root of the fleet"
OPS_PASSWORD = "ops' secret $1"

# systemd as process 1 needs a control group tree of its own and may mount; where --privileged is refused, this is not.
RUN_ARGS = {
    "systemd": (
        *("--cap-add", "SYS_ADMIN", "--security-opt", "seccomp=unconfined", "--cgroupns=private"),
        *("--tmpfs", "/run", "--tmpfs", "/run/lock"),
    ),
    "openrc": ("--tmpfs", "/run"),
}

_RECIPES = Path(__file__).parent / "recipes"
_ENTRY = '["/bin/sh", "/usr/local/sbin/fleet-init"]'


class ImageUnavailableError(Exception):
    """An image cannot be made on this machine; the text says what is missing."""


def ensure_image(name: str) -> str:
    """Return the tag of an image of the fleet, making it first where it is missing."""
    tag = f"jetpack-test-{name}:{_checksum('base.sh', 'users.sh', f'{name}.sh')}"
    if _has_image(tag):
        return tag
    with _machine_lock():
        if not _has_image(tag):
            _derive_image(name, _ensure_base(), tag)
    return tag


def _checksum(*recipes: str) -> str:
    digest = hashlib.sha256(f"{SUITE} {ROOT_PASSWORD} {OPS_PASSWORD} {_ENTRY}".encode())
    for recipe in recipes:
        digest.update((_RECIPES / recipe).read_bytes())
    return digest.hexdigest()[:16]


def _has_image(tag: str) -> bool:
    return run_docker("image", "inspect", tag, check=False).returncode == 0


@contextmanager
def _machine_lock() -> Iterator[None]:
    """Hold back every other test session and worker of this user while an image is made."""
    path = Path(tempfile.gettempdir()) / f"jetpack-fleet-{os.getuid()}.lock"
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _ensure_base() -> str:
    tag = f"jetpack-test-base:{_checksum('base.sh')}"
    if not _has_image(tag):
        _make_base(tag)
    return tag


def _make_base(tag: str) -> None:
    if os.getuid() != 0:
        raise ImageUnavailableError("making the base image needs root (debootstrap)")
    if shutil.which("debootstrap") is None:
        raise ImageUnavailableError("debootstrap is not installed")
    target = tempfile.mkdtemp(prefix="jetpack-fleet-")
    try:
        _run("sh", str(_RECIPES / "base.sh"), target, mirror(), SUITE)
        _import_tree(target, tag)
    finally:
        subprocess.run(["rm", "-rf", "--one-file-system", target], check=False)


def _run(*argv: str) -> str:
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        tail = "\n".join((done.stdout + done.stderr).splitlines()[-20:])
        raise ImageUnavailableError(f"{' '.join(argv)}: exit {done.returncode}:\n{tail}")
    return done.stdout


def mirror() -> str:
    """Return the mirror this machine's own apt uses for the suite, where it has one."""
    if shutil.which("apt-get") is None:
        return DEFAULT_MIRROR
    listed = _run("apt-get", "indextargets", "--format", "$(RELEASE) $(REPO_URI)", "Identifier: Packages")
    for line in listed.splitlines():
        release, _, address = line.partition(" ")
        if release == SUITE and "debian" in address and address.startswith("http"):
            return address
    return DEFAULT_MIRROR


def _import_tree(tree: str, tag: str) -> None:
    skipped = ("./proc/*", "./sys/*", "./dev/*", "./run/*", "./tmp/*")
    argv = ["tar", "--numeric-owner", *(f"--exclude={path}" for path in skipped), "-C", tree, "-c", "."]
    with subprocess.Popen(argv, stdout=subprocess.PIPE) as packer:
        subprocess.run(["docker", "import", "-", tag], stdin=packer.stdout, check=True, stdout=subprocess.DEVNULL)
    if packer.returncode != 0:
        raise ImageUnavailableError(f"tar of {tree}: exit {packer.returncode}")


def _derive_image(name: str, base: str, tag: str) -> None:
    script = b"\n".join((_RECIPES / part).read_bytes() for part in ("users.sh", f"{name}.sh"))
    container = f"jetpack-fleet-build-{uuid.uuid4().hex[:12]}"
    settings = ["--env", f"ROOT_PASSWORD={ROOT_PASSWORD}", "--env", f"OPS_PASSWORD={OPS_PASSWORD}"]
    try:
        docker("run", "--interactive", "--name", container, *settings, base, "sh", "-s", stdin=script)
        changes = ["--change", f"CMD {_ENTRY}", "--change", "ENV ROOT_PASSWORD= OPS_PASSWORD="]
        docker("commit", *changes, container, tag)
    finally:
        run_docker("rm", "--force", "--volumes", container, check=False)
