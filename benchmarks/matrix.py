# SPDX-License-Identifier: GPL-3.0-or-later
"""Workload W1 by every peer, on some numbers of hosts and round trip times, peers taking turns."""

from __future__ import annotations

import shutil
import statistics
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from benchmarks.hosts import BenchHosts, running
from benchmarks.meter import Reading, measure
from benchmarks.peers.peer import Job, Peer, PeerError, Target
from benchmarks.proxies import delayed
from benchmarks.workload import write_sources

FIRST: Final = "first"
SECOND: Final = "second"
_SYSTEM_PATH: Final = "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"


@dataclass(frozen=True, slots=True)
class Row:
    """One setting: how many hosts of which image, how far away, and how often each peer runs."""

    hosts: int
    rtt: float
    """Added round trip time in seconds."""
    image: str = "bench"
    peers: Mapping[str, int] = field(default_factory=dict)
    """Peers by name, with how often each runs."""

    @property
    def has_python(self) -> bool:
        """Tell whether the hosts have Python."""
        return self.image != "nopython"


@dataclass(frozen=True, slots=True)
class Figure:
    """A median with its spread."""

    median: float
    least: float
    greatest: float


@dataclass(frozen=True, slots=True)
class Measured:
    """All readings of one peer in one row, first or second runs."""

    row: Row
    peer: str
    run: str
    readings: tuple[Reading, ...]

    def figure(self, name: str) -> Figure:
        """Return the median and spread of `wall`, `cpu` or `memory`."""
        values = [float(getattr(reading, name)) for reading in self.readings]
        return Figure(statistics.median(values), min(values), max(values))


class Matrix:
    """Measures rows; what is measured is kept even when a later row fails."""

    def __init__(self, peers: Mapping[str, Peer], cache: Path) -> None:
        self._peers = peers
        self._folder = cache / "w1"
        self.measured: list[Measured] = []

    def run(self, rows: Sequence[Row]) -> None:
        """Measure every row. Raises PeerError when a peer fails, or leaves other files than it must."""
        for image in dict.fromkeys(row.image for row in rows):
            chosen = [row for row in rows if row.image == image]
            _say(f"starting {max(row.hosts for row in chosen)} hosts ({image})")
            with running(max(row.hosts for row in chosen), image) as hosts:
                # The first run of a program reads its files from disk and compiles them.
                self._warm_up(chosen, hosts.first(1))
                for row in chosen:
                    self._row(row, hosts.first(row.hosts))

    def _warm_up(self, rows: Sequence[Row], hosts: BenchHosts) -> None:
        names = dict.fromkeys(name for row in rows for name in row.peers)
        for name in names:
            hosts.reset()
            self._measure(Row(1, 0), name, hosts, hosts.targets, FIRST)

    def _row(self, row: Row, hosts: BenchHosts) -> None:
        with delayed(hosts.targets, row.rtt) as targets:
            readings: dict[tuple[str, str], list[Reading]] = {}
            for turn in range(max(row.peers.values())):
                for name in (name for name, times in row.peers.items() if turn < times):
                    hosts.reset()
                    for run in (FIRST, SECOND):
                        reading = self._measure(row, name, hosts, targets, run)
                        readings.setdefault((name, run), []).append(reading)
        self.measured += [Measured(row, peer, run, tuple(found)) for (peer, run), found in readings.items()]

    def _measure(self, row: Row, name: str, hosts: BenchHosts, targets: Sequence[Target], run: str) -> Reading:
        peer = self._peers[name]
        job = self._job(hosts, targets, first=run == FIRST)
        command = peer.command(job)
        output = self._folder / f"{name}-{run}.out"
        reading = measure(command.argv, env={**_environment(hosts), **command.env}, cwd=job.folder, output=output)
        said = output.read_text(errors="replace")
        _say(
            f"{row.hosts} hosts, {row.rtt * 1000:g} ms, {run} run, {name}: {reading.wall:.2f} s,"
            f" CPU {reading.cpu:.2f} s, {reading.memory / 1e6:.0f} MB"
        )
        if reading.code != 0:
            raise PeerError(f"{name}, {run} run: exit {reading.code}:\n{said[-3000:]}")
        peer.check(job, said)
        hosts.verify(name)
        return reading

    def _job(self, hosts: BenchHosts, targets: Sequence[Target], *, first: bool) -> Job:
        write_sources(self._folder / "content")
        shutil.rmtree(hosts.home / "cp", ignore_errors=True)
        return Job(
            folder=self._folder / "content",
            targets=targets,
            key=hosts.fleet.keys.plain,
            known_hosts=hosts.known_hosts(targets),
            home=hosts.home,
            first=first,
        )


def _environment(hosts: BenchHosts) -> dict[str, str]:
    """Return a small environment, the same for every peer and free of the user's agent and settings."""
    return {"HOME": str(hosts.home), "PATH": _SYSTEM_PATH, "LANG": "C.UTF-8", "TERM": "dumb"}


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
