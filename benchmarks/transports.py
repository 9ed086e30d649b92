# SPDX-License-Identifier: GPL-3.0-or-later
"""Ways to carry the helper's bytes over SSH, side by side: the same helper, the same requests, the same hosts."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from benchmarks.holding import Held, Place
from benchmarks.hosts import running
from benchmarks.peers.installing import install_pinned
from benchmarks.peers.peer import PeerError
from benchmarks.report import table

_ROOT: Final = Path(__file__).parents[1]
_PER_CONTAINER: Final = 100
_LARGE: Final = 100 << 20


@dataclass(frozen=True, slots=True)
class Way:
    """One transport."""

    title: str
    kind: str
    processes: int = 1


WAYS: Final = (
    Way("paramiko, as Jetpack drives it", "paramiko"),
    Way("paramiko, polling every 0.1 s", "polling"),
    Way("paramiko in 2 processes", "paramiko", 2),
    Way("asyncssh", "asyncssh"),
    Way("OpenSSH client", "openssh"),
)


def report(numbers: Sequence[int], cache: Path) -> list[dict[str, object]]:
    """Measure every transport with some numbers of sessions, print a table for each, and return the figures."""
    found: list[dict[str, object]] = []
    environment = install_pinned("asyncssh", cache) / "bin" / "python"
    for number in numbers:
        measured = _measure(number, str(environment), cache)
        print(f"\n## Transports, {number} sessions\n\n{_table(measured, number)}")
        found += [{"sessions": number, "way": way.title, **asdict(held)} for way, held in measured]
    return found


def _table(measured: Sequence[tuple[Way, Held]], number: int) -> str:
    header = (
        "transport",
        "connect s",
        "CPU s",
        "ask all ms",
        "CPU ms",
        "24 requests ms",
        "idle CPU ms/s",
        "KB",
        "MB/s",
    )
    rows = [
        (
            way.title,
            f"{held.connect_wall:.2f}",
            f"{held.connect_cpu:.2f}",
            f"{held.ask_wall * 1000:.1f}",
            f"{held.ask_cpu * 1000:.1f}",
            f"{held.batch_wall * 1000:.1f}",
            f"{held.idle_cpu * 1000:.1f}",
            f"{held.memory / number / 1000:.0f}",
            f"{held.speed / 1e6:.0f}",
        )
        for way, held in measured
    ]
    return table(header, rows)


def _measure(number: int, with_asyncssh: str, cache: Path) -> list[tuple[Way, Held]]:
    large = cache / "large"
    if not large.exists() or large.stat().st_size != _LARGE:
        large.write_bytes(random.Random(1).randbytes(_LARGE))
    containers = max(1, number // _PER_CONTAINER)
    with running(containers) as hosts:
        known_hosts = hosts.known_hosts(hosts.targets)
        places = [
            Place(target.address, target.port, str(hosts.fleet.keys.plain), str(known_hosts))
            for target in hosts.targets
        ]
        measured = []
        for way in WAYS:
            print(f"{number} sessions, {way.title}", file=sys.stderr, flush=True)
            program = with_asyncssh if way.kind == "asyncssh" else sys.executable
            share = [number // way.processes] * way.processes
            request = [
                {"way": way.kind, "number": count, "places": [asdict(place) for place in places], "large": str(large)}
                for count in share
            ]
            with ThreadPoolExecutor(way.processes) as pool:
                found = list(pool.map(lambda one, run=program: _run(run, one, hosts.home), request))
            measured.append((way, _sum(found)))
    return measured


def _run(program: str, request: dict[str, object], home: Path) -> Held:
    done = subprocess.run(
        [program, "-m", "benchmarks.holding"],
        input=json.dumps(request),
        capture_output=True,
        text=True,
        check=False,
        cwd=_ROOT,
        env={"HOME": str(home), "PATH": os.environ["PATH"], "LANG": "C.UTF-8", "PYTHONPATH": str(_ROOT)},
    )
    if done.returncode != 0:
        raise PeerError(f"{request['way']}: {done.stderr[-2000:]}")
    return Held(**json.loads(done.stdout))


def _sum(parts: Sequence[Held]) -> Held:
    """Put processes together: the longest wall, the sum of everything else, and the speed of one of them."""
    return Held(
        connect_wall=max(part.connect_wall for part in parts),
        connect_cpu=sum(part.connect_cpu for part in parts),
        ask_wall=max(part.ask_wall for part in parts),
        ask_cpu=sum(part.ask_cpu for part in parts),
        batch_wall=max(part.batch_wall for part in parts),
        idle_cpu=sum(part.idle_cpu for part in parts),
        memory=sum(part.memory for part in parts),
        speed=max(part.speed for part in parts),
    )
