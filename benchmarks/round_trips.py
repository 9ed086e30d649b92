# SPDX-License-Identifier: GPL-3.0-or-later
"""Count the round trips of every built-in module: `python -m benchmarks.round_trips docs/reference/round-trips.md`.

What needs hosts of its own runs in containers of the test fleet; the rest runs on this machine, and in a unit test.
"""

from __future__ import annotations

import argparse
import getpass
import sys
import tempfile
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.loops import run_loop
from benchmarks.report import table
from benchmarks.round_trip_entries import ABOVE, ENTRIES, HERE, MACHINES, NOT_COUNTED, Entry
from jetpack_core.connections.local import LocalConnection
from jetpack_core.connections.ssh import SshConnection
from jetpack_core.contracts.connection import Connection, Credentials, Endpoint
from jetpack_core.contracts.module import Module
from jetpack_core.errors import TaskError
from jetpack_core.records import PlanKind, Status
from jetpack_core.registry import Registry
from jetpack_core.testing.examples import make_module
from jetpack_core.testing.host import TestHost
from tests.integration.fleet import Fleet

HEAD: Final = """\
<!-- Written by `python -m benchmarks.round_trips docs/reference/round-trips.md`; edit round_trip_entries.py. -->

# Round trips

How often each module waits for its host, counted by an instrumented connection: for a task that acts, planning and
acting together, and for the same task when there is nothing to do. Several questions that leave together are one round
trip. In a run it is less: the questions of the tasks that follow travel along, so that a stretch of tasks with nothing
to do costs one.

A loop of 8 is one task for 8 items, and is counted in a run of it alone: the items are looked at together, and those
that change something change it together, in order and up to the first that fails. Of `user` and `group`, that is so for
what is made or removed; accounts that are there and change are taken one by one. A host without Python takes one more
for a `script`, and more for large files.

A dash stands where there is no such case: a command acts every time, and what only looks never does.
"""
_SCRIPTS: Final = Path(__file__).parents[1] / "tests/integration/packages"
_FILES: Final = {
    "small": "hello\n",
    "large": "x" * 3_000_000,
    "page.j2": "{{ 1 + 1 }}\n",
    "ours": "#!/bin/sh\necho {}\n",
}


@dataclass(frozen=True, slots=True)
class Count:
    """The round trips of one entry; None where there is no such case."""

    entry: Entry
    changed: int | None
    met: int | None

    @property
    def row(self) -> tuple[str, ...]:
        """Return the row of the table, cell by cell."""
        changed, met = ("-" if number is None else str(number) for number in (self.changed, self.met))
        return (f"`{self.entry.module}`", self.entry.case, changed, met)


@contextmanager
def sources() -> Iterator[Path]:
    """Make the files of the control machine that entries name."""
    with tempfile.TemporaryDirectory(prefix="jetpack-") as name:
        folder = Path(name)
        files = {**_FILES, **{f"tree/file-{number}": f"{number}\n" for number in range(20)}}
        for file, text in files.items():
            path = folder / file
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
            path.chmod(0o755)
        yield folder


def count(entry: Entry, host: TestHost, folder: Path, connect: Callable[[], Connection]) -> Count:
    """Run one task twice and count; one with items over a connection of its own."""
    directory = host.ask(host.temp_directory("round"))
    if entry.prepare:
        done = host.ask(host.run(["sh", "-c", entry.prepare.replace("DIR", directory)]))
        if done.rc != 0:
            raise RuntimeError(f"{entry.module}: {done.stderr}")
    words = {"DIR": directory, "ME": getpass.getuser(), "CONTROL": str(folder)}
    parameters = {name: _filled(value, words) for name, value in entry.parameters.items()}
    if entry.items:
        return _count_loop(entry, parameters, folder, connect)
    module = make_module(Registry().module(entry.module), parameters, [folder])
    return _count_task(entry, module, host)


def _count_task(entry: Entry, module: Module, host: TestHost) -> Count:
    host.frames.clear()
    kind = PlanKind.PASSIVE
    try:
        plan, outcome = host.converge(module)
    except TaskError:
        if entry.module != "fail":
            raise
    else:
        kind = plan.kind
        if outcome.failed:
            raise RuntimeError(f"{entry.module}: {outcome.msg}")
    first = len(host.frames)
    if kind in {PlanKind.NONE, PlanKind.PASSIVE}:
        return Count(entry, None, first)
    if kind is PlanKind.EXECUTE:
        return Count(entry, first, None)
    host.frames.clear()
    again = host.plan(module)
    if again.kind is not PlanKind.NONE:
        raise RuntimeError(f"{entry.module}: the second run would change {again.changes}")
    return Count(entry, first, len(host.frames))


def _count_loop(
    entry: Entry, parameters: Mapping[str, object], folder: Path, connect: Callable[[], Connection]
) -> Count:
    first, statuses = run_loop(entry.module, parameters, entry.items, folder, connect)
    if not all(status.changed for status in statuses):
        raise RuntimeError(f"{entry.module}: an item of the loop had nothing to do: {statuses}")
    if Status.EXECUTED in statuses:
        return Count(entry, first, None)
    met, statuses = run_loop(entry.module, parameters, entry.items, folder, connect)
    if any(status.changed for status in statuses):
        raise RuntimeError(f"{entry.module}: an item of the second loop changed something: {statuses}")
    return Count(entry, first, met)


def _filled(value: object, words: dict[str, str]) -> object:
    if isinstance(value, str):
        for word, filling in words.items():
            value = value.replace(word, filling)
    return value


def counts_here() -> list[Count]:
    """Count what this machine can do as whoever runs this."""

    def connect() -> Connection:
        return LocalConnection(Endpoint("localhost"))

    with sources() as folder, TestHost(connect()) as host:
        return [count(entry, host, folder, connect) for entry in ENTRIES if entry.where == HERE]


def page(counts: Sequence[Count]) -> str:
    """Return the page."""
    rows = [one.row for one in sorted(counts, key=lambda one: one.entry.module)]
    header = ("module", "case", "acts", "nothing to do")
    above = _listed(ABOVE)
    rest = _listed(NOT_COUNTED)
    why = "More than one to find nothing to do, or more than two to act:"
    return f"{HEAD}\n{table(header, rows)}\n\n{why}\n\n{above}\n\nNot counted:\n\n{rest}\n"


def _listed(reasons: Mapping[str, str]) -> str:
    modules: dict[str, list[str]] = {}
    for name, reason in sorted(reasons.items()):
        modules.setdefault(reason, []).append(f"`{name}`")
    items = [f"- {', '.join(names)}: {reason}." for reason, names in modules.items()]
    return "\n".join(textwrap.fill(item, 120, subsequent_indent="  ", break_on_hyphens=False) for item in items)


def rows_of(text: str) -> set[tuple[str, ...]]:
    """Return the rows of a page, to compare them with what is counted now."""
    lines = [line for line in text.splitlines() if line.startswith("| `")]
    return {tuple(cell.strip() for cell in line.strip("|").split("|")) for line in lines}


def main(argv: Sequence[str] | None = None) -> int:
    """Count everything and write the page."""
    parser = argparse.ArgumentParser("python -m benchmarks.round_trips", description="Count round trips.")
    parser.add_argument("path", type=Path)
    options = parser.parse_args(argv)
    options.path.write_text(page([*counts_here(), *_counts_of_fleet()]))
    return 0


def _counts_of_fleet() -> list[Count]:
    found: list[Count] = []
    with tempfile.TemporaryDirectory(prefix="jb-") as name:
        fleet = Fleet(Path(name))
        try:
            for machine in MACHINES:
                found += counts_on(fleet, machine)
        finally:
            fleet.close()
    return found


def counts_on(fleet: Fleet, name: str) -> list[Count]:
    """Count what needs one of MACHINES."""
    machine = MACHINES[name]
    host = fleet.start(machine.image)
    for script in machine.scripts:
        program = "python3" if script.endswith(".py") else "sh"
        host.exec([program, "-"] if program == "python3" else [program, "-s"], stdin=(_SCRIPTS / script).read_bytes())
    if machine.prepare:
        host.shell(machine.prepare)
    credentials = Credentials(private_key_file=fleet.keys.plain)
    endpoint = Endpoint(host.name, host.address, host.port, "root", credentials, host_keys=host.host_keys)

    def connect() -> Connection:
        return SshConnection(endpoint)

    try:
        with sources() as folder, TestHost(connect(), name=host.name) as target:
            return [count(entry, target, folder, connect) for entry in ENTRIES if entry.where == name]
    finally:
        fleet.remove(host)


if __name__ == "__main__":
    sys.exit(main())
