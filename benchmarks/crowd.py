# SPDX-License-Identifier: GPL-3.0-or-later
"""A whole run over many hosts, each a session to one of a few containers: what `jetpack apply` costs in all."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from benchmarks.hosts import BenchHosts, running
from benchmarks.meter import Reading, measure
from benchmarks.peers.jetpack import JETPACK
from benchmarks.peers.peer import PeerError
from benchmarks.report import table

_PER_CONTAINER: Final = 50
_MOST_CONTAINERS: Final = 20
_TASKS: Final = 5
_TASK: Final = "    - !directory {{name: number {}, path: /etc}}\n"


@dataclass(frozen=True, slots=True)
class Crowd:
    """One run over some number of hosts, beside the same over one."""

    hosts: int
    containers: int
    reading: Reading
    memory_per_host: float
    """Bytes of peak memory for each further host."""


def report(numbers: Sequence[int], cache: Path) -> list[dict[str, object]]:
    """Run a converged playbook over some numbers of hosts, print a table, and return the figures."""
    found = [_measure(number, cache / "crowd") for number in numbers]
    print(f"\n## A run of {_TASKS} tasks with nothing to do\n\nOver sessions to containers on this machine.\n")
    header = ("hosts", "wall s", "control CPU s", "peak MB", "KB a host")
    print(table(header, [_row(one) for one in found]))
    return [asdict(one) for one in found]


def _row(one: Crowd) -> tuple[str, ...]:
    reading = one.reading
    return (
        f"{one.hosts} to {one.containers}",
        f"{reading.wall:.2f}",
        f"{reading.cpu:.2f}",
        f"{reading.memory / 1e6:.0f}",
        f"{one.memory_per_host / 1000:.0f}",
    )


def _measure(number: int, folder: Path) -> Crowd:
    containers = max(1, min(_MOST_CONTAINERS, number // _PER_CONTAINER))
    with running(containers) as hosts:
        alone = _run(hosts, 1, folder)
        reading = _run(hosts, number, folder)
    return Crowd(number, containers, reading, (reading.memory - alone.memory) / max(1, number - 1))


def _run(hosts: BenchHosts, number: int, folder: Path) -> Reading:
    """Make a project of so many hosts and run it. Raises PeerError where any of them is not reached."""
    inventory = folder / "inventory"
    for part in ("groups", "group_vars", "host_vars"):
        (inventory / part).mkdir(parents=True, exist_ok=True)
        for old in (inventory / part).iterdir():
            old.unlink()
    targets = hosts.targets
    names = [f"host-{index:04}" for index in range(number)]
    (inventory / "groups" / "crowd").write_text(json.dumps({"hosts": names}))
    login = {"jet_ssh_user": "root", "jet_ssh_private_key_file": str(hosts.fleet.keys.plain)}
    (inventory / "group_vars" / "all").write_text(json.dumps(login))
    for index, name in enumerate(names):
        target = targets[index % len(targets)]
        there = {"jet_ssh_hostname": target.address, "jet_ssh_port": target.port}
        (inventory / "host_vars" / name).write_text(json.dumps(there))
    tasks = "".join(_TASK.format(index) for index in range(_TASKS))
    (folder / "site.yml").write_text(f"- name: crowd\n  groups: [crowd]\n  tasks:\n{tasks}")
    hosts.known_hosts(targets)
    env = {"HOME": str(hosts.home), "PATH": os.environ["PATH"], "LANG": "C.UTF-8", "JET_LOG": str(folder / "log")}
    argv = [str(JETPACK), "apply", "-i", str(inventory), "-p", "site.yml"]
    reading = measure(argv, env=env, cwd=folder, output=folder / "out")
    if reading.code != 0:
        raise PeerError(f"{number} hosts: exit {reading.code}:\n{(folder / 'out').read_text()[-2000:]}")
    return reading
