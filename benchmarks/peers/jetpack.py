# SPDX-License-Identifier: GPL-3.0-or-later
"""Jetpack as it stands in this checkout."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

from benchmarks.peers.peer import Command, Job, Peer, PeerError
from benchmarks.workload import TASKS

JETPACK = Path(sys.executable).parent / "jetpack"


class Jetpack(Peer):
    """Jetpack with its defaults: linear strategy, console output, and a log of the run."""

    name = "jetpack"

    def install(self, cache: Path) -> str:
        """Find the command that belongs to the Python this runs in."""
        del cache
        if not JETPACK.exists():
            raise PeerError(f"{JETPACK} is missing: run `make venv`")
        return f"jetpack {version('jetpack-core')} ({commit()})"

    def command(self, job: Job) -> Command:
        """Write an inventory of these hosts."""
        inventory = job.folder / "jetpack-inventory"
        for part in ("groups", "group_vars", "host_vars"):
            (inventory / part).mkdir(parents=True, exist_ok=True)
            for old in (inventory / part).iterdir():
                old.unlink()
        (inventory / "groups" / "bench").write_text(json.dumps({"hosts": [target.name for target in job.targets]}))
        common = {"jet_ssh_user": "root", "jet_ssh_private_key_file": str(job.key)}
        (inventory / "group_vars" / "all").write_text(json.dumps(common))
        for target in job.targets:
            variables = {"jet_ssh_hostname": target.address, "jet_ssh_port": target.port}
            (inventory / "host_vars" / target.name).write_text(json.dumps(variables))
        log = self._log(job)
        log.unlink(missing_ok=True)
        extra = json.dumps({"converged": not job.first})
        argv = [str(JETPACK), "apply", "-i", str(inventory), "-p", "jetpack.yml", "-e", extra]
        return Command(argv, {"JET_LOG": str(log)})

    @staticmethod
    def _log(job: Job) -> Path:
        return job.folder / "jetpack.jsonl"

    def check(self, job: Job, said: str) -> None:
        """Read the run's log: every task ended on every host, and a second run changed nothing."""
        del said
        last = json.loads(self._log(job).read_text().splitlines()[-1])
        for target in job.targets:
            counts = {status: number for status, number in last["hosts"].get(target.name, {}).items() if number}
            allowed = {"matched", "passive", "executed", "created", "modified"} if job.first else {"matched", "passive"}
            if sum(counts.values()) != TASKS or counts.keys() - allowed:
                raise PeerError(f"jetpack on {target.name}: {counts}")


def commit() -> str:
    """Return the checkout's commit, with a plus where the product differs from it."""
    described = subprocess.run(
        ["git", "describe", "--always", "--exclude=*", "--dirty=+"], capture_output=True, text=True, check=False
    )
    return described.stdout.strip() or "no commit"
