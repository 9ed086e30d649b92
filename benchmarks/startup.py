# SPDX-License-Identifier: GPL-3.0-or-later
"""Starting up and loading: what a user waits for before anything is done."""

from __future__ import annotations

import json
import os
import shutil
import statistics
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.meter import MeterError, Reading, measure
from benchmarks.peers.jetpack import JETPACK
from benchmarks.report import table

_TIMES: Final = 7
_LOADS: Final = 3
_MANY: Final = 10_000
_GROUP: Final = 100


@dataclass(frozen=True, slots=True)
class Limit:
    """What a command may take: seconds of wall time and bytes, where something is asked of it."""

    wall: float | None = None
    memory: float | None = None


def report(cache: Path, *, quick: bool = False) -> list[dict[str, object]]:
    """Measure, print a table, and return the figures. Raises MeterError."""
    folder = cache / "startup"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    playbook, inventory = folder / "tasks.yml", folder / "hosts"
    _write_tasks(playbook)
    _write_hosts(inventory)
    bare = _write_one_play(folder / "one.yml")
    jetpack = str(JETPACK)
    commands: dict[str, tuple[list[str], int, Limit]] = {
        "python -c pass": ([sys.executable, "-c", "pass"], _TIMES, Limit()),
        "jetpack --version": ([jetpack, "--version"], _TIMES, Limit()),
        "jetpack --help": ([jetpack, "--help"], _TIMES, Limit()),
        "jetpack doc": ([jetpack, "doc"], _TIMES, Limit()),
        "jetpack check, one task": ([jetpack, "check", "-p", str(bare)], _TIMES, Limit()),
        f"jetpack check, {_MANY} tasks": ([jetpack, "check", "-p", str(playbook)], _LOADS, Limit(wall=2.0)),
        f"jetpack show-inventory, {_MANY} hosts": (
            [jetpack, "show-inventory", "-i", str(inventory)],
            _LOADS,
            Limit(wall=3.0, memory=300e6),
        ),
    }
    found = {name: _measure(argv, folder, 1 if quick else times) for name, (argv, times, _) in commands.items()}
    print("\n## Starting up and loading\n\nMedians; the limits include starting up.\n")
    print(_table(found, {name: limit for name, (_, _, limit) in commands.items()}))
    return [{"command": name, **_medians(readings)} for name, readings in found.items()]


def _measure(argv: Sequence[str], folder: Path, times: int) -> list[Reading]:
    output = folder / "output"
    env = {"PATH": os.environ["PATH"], "HOME": str(folder), "LANG": "C.UTF-8"}
    readings = []
    # One more, first, fills the caches of compiled files.
    for _ in range(times + 1):
        readings.append(measure(argv, env=env, cwd=folder, output=output))
        if readings[-1].code != 0:
            raise MeterError(f"{' '.join(argv)}: exit {readings[-1].code}: {output.read_text()[-1000:]}")
    return readings[1:]


def _medians(readings: Sequence[Reading]) -> dict[str, float]:
    return {
        name: statistics.median(float(getattr(one, name)) for one in readings) for name in ("wall", "cpu", "memory")
    }


def _table(found: Mapping[str, Sequence[Reading]], limits: Mapping[str, Limit]) -> str:
    rows = []
    for name, readings in found.items():
        median, limit = _medians(readings), limits[name]
        wall = f" (<= {limit.wall * 1000:.0f})" if limit.wall else ""
        memory = f" (<= {limit.memory / 1e6:.0f})" if limit.memory else ""
        cells = (f"{median['wall'] * 1000:.0f}{wall}", f"{median['cpu'] * 1000:.0f}", f"{median['memory'] / 1e6:.0f}")
        rows.append((name, *cells[:2], f"{cells[2]}{memory}"))
    return table(("command", "wall ms", "CPU ms", "MB"), rows)


def _write_one_play(path: Path) -> Path:
    path.write_text("- name: one\n  groups: [all]\n  tasks:\n    - !echo\n      msg: hello\n")
    return path


def _write_tasks(path: Path) -> None:
    """Write tasks as people do: a name, a few parameters, some with templates and modifiers."""
    lines = ["- name: many", "  groups: [all]", "  vars: {root: /srv}", "  tasks:"]
    for number in range(0, _MANY, 2):
        lines += [
            "    - !file",
            f"      name: file {number}",
            f'      path: "{{{{ root }}}}/file-{number}"',
            "      owner: root",
            "      mode: 0o644",
            "    - !shell",
            f"      name: command {number}",
            f"      cmd: echo {number}",
            "      with:",
            "        condition: jet_os_flavor is defined",
        ]
    path.write_text("\n".join(lines) + "\n")


def _write_hosts(folder: Path) -> None:
    """Write an inventory directory: groups of a hundred hosts, with variables of groups and of some hosts."""
    for part in ("groups", "group_vars", "host_vars"):
        (folder / part).mkdir(parents=True)
    names = [f"host-{number:05}.example.org" for number in range(_MANY)]
    for number in range(0, _MANY, _GROUP):
        group = f"rack{number // _GROUP:03}"
        (folder / "groups" / group).write_text(json.dumps({"hosts": names[number : number + _GROUP]}))
        (folder / "group_vars" / group).write_text(f"rack: {number}\nservers: [a, b, c]\n")
        (folder / "host_vars" / names[number]).write_text("leader: true\n")
