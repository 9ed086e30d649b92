# SPDX-License-Identifier: GPL-3.0-or-later
"""Many connections held by one process: how long until all stand, and what each one takes."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from benchmarks.hosts import running
from benchmarks.peers.peer import PeerError
from benchmarks.report import table

_PER_CONTAINER: Final = 100
_MOST_CONTAINERS: Final = 20
_AT_ONCE: Final = 100
"""The hosts that a run works on at once, unless told otherwise."""
_PAGE: Final = resource.getpagesize()


@dataclass(frozen=True, slots=True)
class Sessions:
    """What holding some sessions cost. Seconds and bytes."""

    sessions: int
    containers: int
    failures: int
    first_failure: str
    connect_wall: float
    connect_cpu: float
    ask_wall: float
    """One small request to every session, once all stand."""
    ask_cpu: float
    idle_cpu: float
    """CPU of one second in which nothing is asked."""
    close_wall: float
    memory: float
    """Resident memory of the process with all sessions, over that with none."""

    @property
    def memory_per_session(self) -> float:
        """Bytes of memory for each session."""
        return self.memory / max(1, self.sessions - self.failures)


def report(numbers: Sequence[int]) -> list[dict[str, object]]:
    """Measure some numbers of sessions, print a table, and return the figures."""
    found = [_measure(number) for number in numbers]
    print("\n## Sessions held by one process\n\nTo containers on this machine, whose sshd works on the same cores.\n")
    print(_table(found))
    return [asdict(one) for one in found]


def _table(found: Sequence[Sessions]) -> str:
    header = ("sessions", "failed", "connect s", "CPU s", "ask all ms", "idle CPU ms/s", "close s", "KB a session")
    rows = [
        (
            f"{one.sessions} to {one.containers}",
            str(one.failures),
            f"{one.connect_wall:.2f}",
            f"{one.connect_cpu:.2f}",
            f"{one.ask_wall * 1000:.0f}",
            f"{one.idle_cpu * 1000:.0f}",
            f"{one.close_wall:.2f}",
            f"{one.memory_per_session / 1000:.0f}",
        )
        for one in found
    ]
    return table(header, rows) + "".join(f"\n\nfirst failure: {one.first_failure}" for one in found if one.failures)


def _measure(number: int) -> Sessions:
    containers = max(1, min(_MOST_CONTAINERS, number // _PER_CONTAINER or 1))
    with running(containers) as hosts:
        hosts.known_hosts(hosts.targets)
        request = {
            "number": number,
            "targets": [(target.name, target.address, target.port) for target in hosts.targets],
            "key": str(hosts.fleet.keys.plain),
        }
        # A process of its own, whose home has the known_hosts and whose memory is nobody else's.
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.sessions"],
            input=json.dumps(request),
            capture_output=True,
            text=True,
            check=False,
            cwd=Path(__file__).parents[1],
            env={"HOME": str(hosts.home), "PATH": os.environ["PATH"], "LANG": "C.UTF-8"},
        )
    if done.returncode != 0:
        raise PeerError(f"{number} sessions: {done.stderr[-2000:]}")
    return Sessions(**json.loads(done.stdout))


async def _hold(number: int, targets: Sequence[tuple[str, str, int]], key: str) -> Sessions:
    from jetpack_core.connections.ssh import SshConnection
    from jetpack_core.contracts.connection import Credentials, Endpoint
    from jetpack_core.contracts.operations import Request, Stat
    from jetpack_core.errors import HostUnreachableError

    def connection(index: int) -> SshConnection:
        name, address, port = targets[index % len(targets)]
        credentials = Credentials(private_key_file=Path(key))
        return SshConnection(Endpoint(f"{name}-{index}", address, port, "root", credentials, connect_timeout=60.0))

    async def one(index: int) -> SshConnection | HostUnreachableError:
        made = connection(index)
        async with slots:
            try:
                await made.connect()
            except HostUnreachableError as error:
                return error
        return made

    # The first connection loads the libraries.
    slots = asyncio.Semaphore(_AT_ONCE)
    first = await one(0)
    if isinstance(first, HostUnreachableError):
        raise first
    await first.close()
    empty = _resident()
    cpu, wall = _cpu(), time.monotonic()
    made = await asyncio.gather(*(one(index) for index in range(number)))
    connect_cpu, connect_wall = _cpu() - cpu, time.monotonic() - wall
    errors = [str(one) for one in made if isinstance(one, HostUnreachableError)]
    held = [one for one in made if isinstance(one, SshConnection)]
    memory = _resident() - empty
    cpu = _cpu()
    await asyncio.sleep(1)
    idle_cpu = _cpu() - cpu
    cpu, wall = _cpu(), time.monotonic()
    await asyncio.gather(*(one.execute([Request(Stat("/etc/hostname"))]) for one in held))
    ask_cpu, ask_wall = _cpu() - cpu, time.monotonic() - wall
    wall = time.monotonic()
    await asyncio.gather(*(one.close() for one in held))
    return Sessions(
        sessions=number,
        containers=len(targets),
        failures=len(errors),
        first_failure=errors[0] if errors else "",
        connect_wall=connect_wall,
        connect_cpu=connect_cpu,
        ask_wall=ask_wall,
        ask_cpu=ask_cpu,
        idle_cpu=idle_cpu,
        close_wall=time.monotonic() - wall,
        memory=memory,
    )


def _cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE


def _main() -> None:
    with contextlib.suppress(ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    request = json.load(sys.stdin)
    print(json.dumps(asdict(asyncio.run(_hold(**request)))))


if __name__ == "__main__":
    _main()
