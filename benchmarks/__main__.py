# SPDX-License-Identifier: GPL-3.0-or-later
"""What `make bench` runs: `python -m benchmarks --help` lists the choices."""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import platform
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from benchmarks import crowd, engine, frames, sessions, startup, transports
from benchmarks.matrix import Matrix, Row
from benchmarks.meter import MeterError
from benchmarks.peers import PEERS
from benchmarks.peers.jetpack import commit
from benchmarks.peers.peer import Peer, PeerError
from benchmarks.report import as_data, comparison_table, comparisons, measured_table
from tests.integration.fleet.engine import EngineError, why_no_engine
from tests.integration.fleet.images import ImageUnavailableError

_CACHE: Final = Path(__file__).parents[1] / ".bench"
_PARTS: Final = ("startup", "engine", "frames", "sessions", "crowd", "transports", "w1")
_DEFAULT: Final = ("startup", "engine", "sessions", "w1")
_QUIET_LOAD: Final = 0.5
_SLOW_PEERS: Final = {"ansible": 1, "mitogen": 10}
"""By default a slow peer runs on no more hosts than this, unless asked to, to end in about ten minutes."""


class _Copy(io.StringIO):
    """Standard output, kept."""

    def write(self, text: str, /) -> int:
        """Print and keep."""
        print(text, end="", file=sys.__stdout__, flush=True)
        return super().write(text)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the parts that are asked for; the exit code is 1 when something failed, not when a target was missed."""
    options = _parser().parse_args(argv)
    said = _Copy()
    results: dict[str, object] = {"machine": _machine(), "commit": commit()}
    try:
        with contextlib.redirect_stdout(said):
            return _run(options, results)
    finally:
        path = _write(results, said.getvalue())
        print(f"\nthe same as Markdown: {path.with_suffix('.md')}\nall figures: {path}")


def _run(options: argparse.Namespace, results: dict[str, object]) -> int:
    parts = options.only or (_PARTS if options.all else _DEFAULT)
    _CACHE.mkdir(exist_ok=True)
    _warn_of_load()
    try:
        if "startup" in parts:
            results["startup"] = startup.report(_CACHE, quick=options.quick)
        if "engine" in parts:
            results["engine"] = engine.report(quick=options.quick)
        if {"frames", "sessions", "crowd", "transports", "w1"} & set(parts):
            _require_hosts()
        if "frames" in parts:
            results["frames"] = frames.report()
        if "sessions" in parts:
            results["sessions"] = sessions.report(_session_numbers(options))
        if "crowd" in parts:
            results["crowd"] = crowd.report(_session_numbers(options), _CACHE)
        if "transports" in parts:
            results["transports"] = transports.report(options.sessions or (20 if options.quick else 100,), _CACHE)
        if "w1" in parts:
            results["w1"] = _w1(options)
    except (PeerError, MeterError, EngineError, ImageUnavailableError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m benchmarks", description=__doc__)
    parser.add_argument("--only", type=_words(_PARTS), help=f"which parts, of {','.join(_PARTS)}")
    parser.add_argument("--hosts", type=_numbers, help="numbers of hosts for W1, such as 1,10,40")
    parser.add_argument("--rtt", type=_numbers, help="round trip times for W1 in milliseconds, such as 0,20")
    parser.add_argument("--peers", type=_words(tuple(PEERS)), help=f"which tools, of {','.join(PEERS)}")
    parser.add_argument("--repeat", type=int, default=3, help="how often each tool runs W1; 3")
    parser.add_argument("--no-python", action="store_true", help="hosts without Python")
    parser.add_argument("--sessions", type=_numbers, help="how many sessions to hold, such as 100,1000")
    parser.add_argument("--quick", action="store_true", help="less of everything: a check that it works")
    parser.add_argument("--all", action="store_true", help="every row with every tool: about an hour")
    return parser


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(word) for word in text.split(","))


def _words(known: Sequence[str]) -> Callable[[str], tuple[str, ...]]:
    def read(text: str) -> tuple[str, ...]:
        words = tuple(text.split(","))
        unknown = set(words) - set(known)
        if unknown:
            raise argparse.ArgumentTypeError(f"unknown: {', '.join(sorted(unknown))}; known: {', '.join(known)}")
        return words

    return read


def _require_hosts() -> None:
    if reason := why_no_engine():
        raise PeerError(f"hosts are containers: {reason}")


def _session_numbers(options: argparse.Namespace) -> tuple[int, ...]:
    if options.sessions:
        return tuple(options.sessions)
    if options.quick:
        return (20,)
    return (100, 300, 1000) if options.all else (100, 300)


def _w1(options: argparse.Namespace) -> dict[str, object]:
    rows = _rows(options)
    peers: dict[str, Peer] = {name: make() for name, make in PEERS.items() if any(name in row.peers for row in rows)}
    versions = {name: peer.install(_CACHE) for name, peer in peers.items()}
    (_CACHE / "w1").mkdir(parents=True, exist_ok=True)
    matrix = Matrix(peers, _CACHE)
    try:
        matrix.run(rows)
    finally:
        print(f"\n## Workload W1\n\n{', '.join(versions.values())}\n")
        print(measured_table(matrix.measured), "\n")
        print(comparison_table(comparisons(matrix.measured)))
    return {"versions": versions, **as_data(matrix.measured)}


def _rows(options: argparse.Namespace) -> list[Row]:
    image = "nopython" if options.no_python else "bench"
    if options.all:
        python = [Row(hosts, rtt / 1000, "bench", _turns(options, hosts)) for hosts in (1, 10, 40) for rtt in (0, 20)]
        bare = [Row(hosts, rtt / 1000, "nopython", _bare_turns(options)) for hosts in (1, 10) for rtt in (0, 20)]
        return python + bare
    if options.hosts or options.rtt or options.quick:
        sizes, times = options.hosts or (1,), options.rtt or (0,)
        return [Row(hosts, rtt / 1000, image, _turns(options, hosts)) for hosts in sizes for rtt in times]
    default = ((1, 0), (1, 20), (10, 0), (40, 0))
    return [Row(hosts, rtt / 1000, image, _turns(options, hosts)) for hosts, rtt in default]


def _turns(options: argparse.Namespace, hosts: int) -> Mapping[str, int]:
    """Say which tools run on so many hosts, and how often."""
    if options.no_python:
        return _bare_turns(options)
    repeat = 1 if options.quick else options.repeat
    if options.peers or options.hosts:
        return dict.fromkeys(options.peers or PEERS, repeat)
    if options.all:
        return {name: 1 if hosts > _SLOW_PEERS.get(name, hosts) else repeat for name in PEERS}
    return {name: repeat for name in PEERS if hosts <= _SLOW_PEERS.get(name, hosts)}


def _bare_turns(options: argparse.Namespace) -> Mapping[str, int]:
    names = [name for name, make in PEERS.items() if not make().needs_python]
    chosen = [name for name in options.peers or names if name in names]
    return dict.fromkeys(chosen, 1 if options.quick else options.repeat)


def _machine() -> dict[str, object]:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    python = platform.python_version()
    load = os.getloadavg()[0]
    return {"cores": os.cpu_count(), "load": load, "memory": memory, "system": platform.platform(), "python": python}


def _warn_of_load() -> None:
    load = os.getloadavg()[0]
    if load > _QUIET_LOAD:
        print(
            f"warning: the load average is {load:.1f}; other work makes every wall time worse, and CPU times too",
            file=sys.stderr,
        )


def _write(results: Mapping[str, object], said: str) -> Path:
    folder = _CACHE / "results"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{time.strftime('%Y%m%d-%H%M%S')}.json"
    path.write_text(json.dumps(results, indent=1) + "\n")
    path.with_suffix(".md").write_text(said)
    return path


def _end(number: int, _: object) -> None:
    raise SystemExit(128 + number)


if __name__ == "__main__":
    # What runs is ended, hosts are removed and what was measured is written, as after Ctrl-C.
    signal.signal(signal.SIGTERM, _end)
    sys.exit(main())
