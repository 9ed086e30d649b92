# SPDX-License-Identifier: GPL-3.0-or-later
"""pyinfra, run from its command line."""

from __future__ import annotations

import re
from pathlib import Path

from benchmarks.peers.installing import install_pinned, pinned_version
from benchmarks.peers.peer import Command, Job, Peer, PeerError
from benchmarks.workload import TASKS

_TOTAL = re.compile(r"^\s*Grand total\s+(.*)$", re.MULTILINE)
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


class Pyinfra(Peer):
    """pyinfra with its defaults: every host of an operation at once."""

    name = "pyinfra"

    def __init__(self) -> None:
        self._environment = Path()

    def install(self, cache: Path) -> str:
        """Install the pinned pyinfra."""
        self._environment = install_pinned(self.name, cache)
        return f"pyinfra {pinned_version(self.name, 'pyinfra')}"

    def command(self, job: Job) -> Command:
        """Write an inventory of these hosts."""
        common = {
            "ssh_user": "root",
            "ssh_key": str(job.key),
            "ssh_allow_agent": False,
            "ssh_look_for_keys": False,
            "ssh_known_hosts_file": str(job.known_hosts),
            "ssh_strict_host_key_checking": "yes",
        }
        hosts = [
            (target.name, {**common, "ssh_hostname": target.address, "ssh_port": target.port}) for target in job.targets
        ]
        inventory = job.folder / "pyinfra_hosts.py"
        inventory.write_text(f"hosts = {hosts!r}\n")
        argv = [str(self._environment / "bin" / "pyinfra"), "-y", str(inventory), "pyinfra_w1.py"]
        return Command(argv)

    def check(self, job: Job, said: str) -> None:
        """Read the grand total; pyinfra has no way to mark a command unchanged, so changes are not judged."""
        total = _TOTAL.search(_COLOUR.sub("", said))
        if total is None:
            raise PeerError("pyinfra printed no grand total")
        ran, succeeded, failed, unchanged = (0 if word == "-" else int(word) for word in total.group(1).split())
        if (failed, ran, succeeded + unchanged) != (0, *[TASKS * len(job.targets)] * 2):
            raise PeerError(f"pyinfra: grand total {total.group(1).strip()!r} for {TASKS} tasks a host")
