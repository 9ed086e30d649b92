# SPDX-License-Identifier: GPL-3.0-or-later
"""The Docker Engine of this machine, spoken to through its command line client."""

from __future__ import annotations

import shutil
import subprocess

DOCKER_TIMEOUT = 300.0


class EngineError(Exception):
    """A docker command failed; the text holds the command and what it wrote."""


def run_docker(*args: str, stdin: bytes = b"", check: bool = True) -> subprocess.CompletedProcess[bytes]:
    """Run one docker command, raising EngineError when it fails and `check` is set."""
    done = subprocess.run(["docker", *args], input=stdin, capture_output=True, check=False, timeout=DOCKER_TIMEOUT)
    if check and done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip()
        raise EngineError(f"docker {' '.join(args)}: exit {done.returncode}: {said}")
    return done


def docker(*args: str, stdin: bytes = b"") -> str:
    """Return what a docker command printed, without the last newline."""
    return run_docker(*args, stdin=stdin).stdout.decode().strip()


def why_no_engine() -> str | None:
    """Say why no Docker Engine can be used here, or None when one answers."""
    if shutil.which("docker") is None:
        return "the docker command is not installed"
    done = run_docker("version", "--format", "{{.Server.Version}}", check=False)
    if done.returncode != 0:
        return f"no Docker Engine answers: {done.stderr.decode(errors='replace').strip()}"
    return None
