# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine alone: many hosts and tasks over a connection that answers at once and reaches nothing."""

from __future__ import annotations

import gc
import json
import multiprocessing
import resource
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from benchmarks.report import table

_TASKS: Final = 100
_HOSTS: Final = (100, 300, 1000)
_QUICK: Final = (30, 100)
_FEW: Final = 10
MOST_MICROSECONDS: Final = 60
MOST_MEMORY: Final = 0.15e6
_PAGE: Final = resource.getpagesize()

_KINDS: Final[Mapping[str, str]] = {
    "unchanged files": "- !file\n  path: /srv/file-{}\n  owner: root\n  mode: 0o644\n",
    "unchanged templates": "- !template\n  src: page.j2\n  dest: /srv/page-{}\n",
    "commands": "- !command\n  cmd: [echo, '{}']\n",
}


@dataclass(frozen=True, slots=True)
class Engine:
    """What one run of the engine cost."""

    kind: str
    hosts: int
    tasks: int
    cpu: float
    """Seconds."""
    memory: float
    """Bytes of resident memory at the end of the run, over those before the inventory was loaded."""
    frames: int

    @property
    def microseconds(self) -> float:
        """CPU for each task on each host."""
        return self.cpu * 1e6 / self.hosts / self.tasks

    @property
    def memory_per_host(self) -> float:
        """Bytes for each host."""
        return self.memory / self.hosts


def report(*, quick: bool = False) -> list[dict[str, object]]:
    """Measure every kind of task on every number of hosts, print a table, and return the figures."""
    sizes = _QUICK if quick else _HOSTS
    found = [_in_own_process(kind, hosts, _TASKS) for kind in _KINDS for hosts in sizes]
    print(
        f"\n## The engine alone\n\nA null connection, {_TASKS} tasks. At most {MOST_MICROSECONDS} microseconds of CPU"
    )
    print(f"for a task on a host, and {MOST_MEMORY / 1e6} MB for a further host.\n")
    print(_table(found))
    return [{**asdict(one), "microseconds": one.microseconds} for one in found]


def _table(found: Sequence[Engine]) -> str:
    header = ("tasks", "hosts", "CPU s", "us a host-task", "MB over start", "MB a further host", "frames a host")
    fewest: dict[str, Engine] = {}
    cells = []
    for one in found:
        base = fewest.setdefault(one.kind, one)
        further = (one.memory - base.memory) / (one.hosts - base.hosts) / 1e6 if one is not base else None
        cells.append(
            (
                one.kind,
                str(one.hosts),
                f"{one.cpu:.2f}",
                f"{one.microseconds:.0f}",
                f"{one.memory / 1e6:.1f}",
                "" if further is None else f"{further:.3f}",
                f"{one.frames / one.hosts:.1f}",
            )
        )
    return table(header, cells)


def _in_own_process(kind: str, hosts: int, tasks: int) -> Engine:
    """Measure in a fresh process: memory that an earlier run gave back is not given to the next."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(measure_engine, (kind, hosts, tasks))


def measure_engine(kind: str, hosts: int, tasks: int) -> Engine:
    """Run tasks of a kind on hosts, after a small run that loads everything."""
    with tempfile.TemporaryDirectory() as folder:
        _run(Path(folder) / "few", kind, _FEW, tasks)
        gc.collect()
        before = _resident()
        cpu, frames, after = _run(Path(folder) / "all", kind, hosts, tasks)
    return Engine(kind, hosts, tasks, cpu, after - before, frames)


def _run(folder: Path, kind: str, hosts: int, tasks: int) -> tuple[float, int, int]:
    """Return the CPU seconds, the frames and the resident memory at the end of one run."""
    from benchmarks.null import Ending, NullConnection, NullPlugin
    from jetpack_core.content.load import load_playbook
    from jetpack_core.engine.run import run_playbooks
    from jetpack_core.engine.settings import RunSettings
    from jetpack_core.inventory.load import load_inventory
    from jetpack_core.registry import Registry

    _write(folder, kind, hosts, tasks)
    registry = Registry()
    registry.register(NullPlugin(), "benchmarks")
    inventory = load_inventory([folder / "inventory"])
    playbook = load_playbook(folder / "playbook.yml", registry=registry)
    NullConnection.frames = 0
    ending = Ending(_resident)
    begun = _cpu()
    code = run_playbooks([playbook], inventory, registry, RunSettings(), [ending])
    cpu = _cpu() - begun
    if code != 0:
        raise RuntimeError(f"the run of {kind} ended with {code}: {ending.failure}")
    return cpu, NullConnection.frames, ending.memory


def _write(folder: Path, kind: str, hosts: int, tasks: int) -> None:
    for part in ("inventory/groups", "inventory/group_vars", "templates"):
        (folder / part).mkdir(parents=True)
    names = [f"host-{number:04}" for number in range(hosts)]
    (folder / "inventory/groups/null").write_text(json.dumps({"hosts": names}))
    (folder / "inventory/group_vars/all").write_text("jet_connection: 'null'\npage: {title: one, port: 80}\n")
    (folder / "templates/page.j2").write_text("{{ page.title }} on {{ page.port }}\n")
    written = "".join(_KINDS[kind].format(number) for number in range(tasks)).replace("\n", "\n    ")
    (folder / "playbook.yml").write_text(f"- name: nothing\n  groups: [all]\n  tasks:\n    {written}\n")


def _cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE
