# SPDX-License-Identifier: GPL-3.0-or-later
"""What one frame takes on a host with Python, on one without, and on busybox."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Final

from benchmarks.hosts import running
from benchmarks.matrix import Figure
from benchmarks.report import table
from jetpack_core.connections.ssh import SshConnection
from jetpack_core.contracts.connection import Credentials, Endpoint
from jetpack_core.contracts.operations import MakeDirectory, Operation, Remove, Request, Run, SetAttributes, Stat, Write

_IMAGES: Final[Mapping[str, str]] = {"bench": "helper", "nopython": "dash", "busybox": "busybox"}
_ROUNDS: Final = 60
_WARM_UP: Final = 5
_FOLDER: Final = "/tmp/frames"  # noqa: S108 - of a container of ours
_PATHS: Final = [f"{_FOLDER}/{number}" for number in range(24)]

_Frame = Sequence[Operation[object]]


def _stats(count: int, *, checksum: bool = False, content: int = 0, missing: bool = False) -> Callable[[int], _Frame]:
    paths = [f"{path}-missing" if missing else path for path in _PATHS[:count]]
    return lambda _: [Stat(path, checksum=checksum, content=content) for path in paths]


_FRAMES: Final[Mapping[str, Callable[[int], _Frame]]] = {
    "12 paths, state only": _stats(12),
    "12 paths with checksum and content": _stats(12, checksum=True, content=4096),
    "24 paths with checksum": _stats(24, checksum=True),
    "24 paths where nothing is": _stats(24, missing=True),
    "a new file, another owner and mode": lambda number: [
        Write(f"{_FOLDER}/new-{number}", b"x" * 1000, mode=0o640, owner="nobody")
    ],
    "a directory, another owner and mode": lambda number: [
        MakeDirectory(f"{_FOLDER}/dir-{number}", mode=0o750, owner="nobody")
    ],
    "another mode of a file": lambda number: [SetAttributes((_PATHS[0],), mode=0o600 + number % 2 * 0o44)],
    "a command": lambda _: [Run(("true",))],
}


@dataclass(frozen=True, slots=True)
class Measured:
    """What a frame took on a kind of host, in milliseconds."""

    frame: str
    kind: str
    figure: Figure


def report() -> list[dict[str, object]]:
    """Measure every frame on every kind of host, print a table, and return the figures."""
    found: list[Measured] = []
    for image, kind in _IMAGES.items():
        with running(1, image) as hosts:
            (host,) = hosts.hosts
            keys = tuple(" ".join(key.split()[:2]) for key in host.host_keys)
            credentials = Credentials(private_key_file=hosts.fleet.keys.plain)
            endpoint = Endpoint(host.name, host.address, host.port, "root", credentials, host_keys=keys)
            found += asyncio.run(_measure(kind, endpoint))
    print("\n## One frame\n\nMilliseconds: the median, with the least and the greatest.\n")
    print(_table(found))
    return [asdict(one) for one in found]


async def _measure(kind: str, endpoint: Endpoint) -> list[Measured]:
    connection = SshConnection(endpoint)
    await connection.connect()
    try:
        prepare: list[Operation[object]] = [Remove(_FOLDER, recursive=True), MakeDirectory(_FOLDER)]
        await _ask(connection, [*prepare, *(Write(path, b"content\n" * 100) for path in _PATHS)])
        return [Measured(name, kind, await _timed(connection, make)) for name, make in _FRAMES.items()]
    finally:
        await connection.close()


async def _timed(connection: SshConnection, make: Callable[[int], _Frame]) -> Figure:
    taken = []
    for number in range(_WARM_UP + _ROUNDS):
        frame = make(number)
        began = time.perf_counter()
        await _ask(connection, frame)
        taken.append((time.perf_counter() - began) * 1000)
    taken = taken[_WARM_UP:]
    return Figure(statistics.median(taken), min(taken), max(taken))


async def _ask(connection: SshConnection, frame: _Frame) -> None:
    for reply in await connection.execute([Request(one) for one in frame]):
        if reply.error is not None:
            raise reply.error


def _table(found: Sequence[Measured]) -> str:
    cells = {
        (one.frame, one.kind): f"{one.figure.median:.1f} ({one.figure.least:.1f}-{one.figure.greatest:.1f})"
        for one in found
    }
    kinds = list(_IMAGES.values())
    return table(("frame", *kinds), [(name, *(cells[name, kind] for kind in kinds)) for name in _FRAMES])
