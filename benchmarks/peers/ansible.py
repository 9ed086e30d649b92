# SPDX-License-Identifier: GPL-3.0-or-later
"""ansible-core as its documentation says to run it fast, and the same with mitogen."""

from __future__ import annotations

import json
import re
from pathlib import Path

from benchmarks.peers.installing import install_pinned, pinned_version
from benchmarks.peers.peer import Command, Job, Peer, PeerError
from benchmarks.workload import TASKS

_RECAP = re.compile(r"^(\S+)\s+: ok=(\d+)\s+changed=(\d+)\s+unreachable=(\d+)\s+failed=(\d+)", re.MULTILINE)


class Ansible(Peer):
    """ansible-core with pipelining, a fork for every host, and OpenSSH's shared connections."""

    name = "ansible"
    needs_python = True

    def __init__(self) -> None:
        self._environment = Path()

    def install(self, cache: Path) -> str:
        """Install the pinned ansible-core."""
        self._environment = install_pinned(self.name, cache)
        return f"ansible-core {pinned_version(self.name, 'ansible-core')}"

    def command(self, job: Job) -> Command:
        """Write an inventory and settings for these hosts."""
        inventory = job.folder / "ansible-hosts.json"
        variables = {
            target.name: {"ansible_host": target.address, "ansible_port": target.port} for target in job.targets
        }
        inventory.write_text(json.dumps({"all": {"hosts": variables}}))
        settings = job.folder / "ansible.cfg"
        settings.write_text(self._settings(job))
        extra = json.dumps({"converged": not job.first})
        argv = [str(self._environment / "bin" / "ansible-playbook"), "-i", str(inventory), "-e", extra, "ansible.yml"]
        return Command(argv, {"ANSIBLE_CONFIG": str(settings), "ANSIBLE_NOCOLOR": "1"})

    def _settings(self, job: Job) -> str:
        # The first line of ssh_args is Ansible's own default.
        sections = {
            "defaults": {
                "forks": str(len(job.targets)),
                "remote_user": "root",
                "private_key_file": str(job.key),
                "interpreter_python": "/usr/bin/python3",
                "local_tmp": str(job.folder / "ansible-tmp"),
                **self._strategy(),
            },
            "connection": {"pipelining": "True"},
            "ssh_connection": {
                "ssh_args": "-C -o ControlMaster=auto -o ControlPersist=60s"
                f" -o UserKnownHostsFile={job.known_hosts} -o IdentitiesOnly=yes -o IdentityAgent=none -F none",
                "control_path_dir": str(job.home / "cp"),
            },
        }
        return "\n".join(
            f"[{section}]\n" + "".join(f"{name} = {value}\n" for name, value in values.items())
            for section, values in sections.items()
        )

    def _strategy(self) -> dict[str, str]:
        return {}

    def check(self, job: Job, said: str) -> None:
        """Read the recap: every task ran on every host, and a second run changed nothing."""
        recap = {name: tuple(map(int, counts)) for name, *counts in _RECAP.findall(said)}
        for target in job.targets:
            if target.name not in recap:
                raise PeerError(f"{self.name} said nothing of {target.name}")
            ok, changed, unreachable, failed = recap[target.name]
            if ok != TASKS or unreachable or failed or (changed and not job.first):
                raise PeerError(f"{self.name} on {target.name}: {ok=} {changed=} {unreachable=} {failed=}")


class Mitogen(Ansible):
    """ansible-core with mitogen's linear strategy."""

    name = "mitogen"

    def install(self, cache: Path) -> str:
        """Install the pinned ansible-core and mitogen."""
        return f"{super().install(cache)} with mitogen {pinned_version(self.name, 'mitogen')}"

    def _strategy(self) -> dict[str, str]:
        (packages,) = (self._environment / "lib").glob("python3*/site-packages")
        return {"strategy": "mitogen_linear", "strategy_plugins": str(packages / "ansible_mitogen/plugins/strategy")}
