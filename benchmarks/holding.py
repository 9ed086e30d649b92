# SPDX-License-Identifier: GPL-3.0-or-later
"""The child of `transports`: hold sessions by one transport in this process, and print what that took as JSON.

It loads nothing of Jetpack but the helper's client, so that it runs in an environment that has little else.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import resource
import secrets
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from jetpack_core.connections.framed import FramedClient
from jetpack_core.connections.payload import helper_payload, login_command
from jetpack_core.connections.pipe import READ_SIZE, Pipe, ProcessPipe
from jetpack_core.contracts.operations import Put, Request, Stat

if TYPE_CHECKING:
    from jetpack_core.contracts.operations import Operation

_AT_ONCE: Final = 16
"""Handshakes at once, as many as Jetpack has under way."""
_ROUNDS: Final = 20
_IDLE: Final = 3.0
_BATCH: Final = 24
_PAGE: Final = resource.getpagesize()
_NANOSECOND: Final = 1e-9


@dataclass(frozen=True, slots=True)
class Held:
    """What holding sessions cost: seconds, bytes, and bytes a second."""

    connect_wall: float
    connect_cpu: float
    ask_wall: float
    """One small request to every session at once; the median of some rounds."""
    ask_cpu: float
    batch_wall: float
    """24 requests to one session in one frame; the median."""
    idle_cpu: float
    """CPU of one second in which nothing is asked."""
    memory: float
    speed: float
    """A large file to one session."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where sessions go to."""

    address: str
    port: int
    key: str
    known_hosts: str


class AsyncsshPipe(Pipe):
    """A channel of asyncssh."""

    def __init__(self, connection: Any, process: Any) -> None:
        super().__init__()
        self._connection, self._process = connection, process

    async def read(self) -> bytes:
        """Return what has come."""
        data: bytes = await self._process.stdout.read(READ_SIZE)
        return data

    async def write(self, data: bytes) -> None:
        """Send all of the bytes."""
        self._process.stdin.write(data)
        await self._process.stdin.drain()

    def abort(self, why: str) -> None:
        """Cut the connection."""
        del why
        self._connection.abort()

    async def close(self) -> None:
        """Hang up."""
        self._process.stdin.write_eof()
        self._connection.close()
        await self._connection.wait_closed()

    @property
    def diagnosis(self) -> str:
        """Nothing is known."""
        return ""


async def _asyncssh(place: Place) -> FramedClient:
    import asyncssh  # type: ignore[import-not-found]  # only the environment of this benchmark has it

    connection = await asyncssh.connect(
        place.address,
        place.port,
        username="root",
        client_keys=[place.key],
        known_hosts=place.known_hosts,
        agent_path=None,
        config=None,
    )
    nonce = secrets.token_hex(12)
    process = await connection.create_process(login_command(nonce), encoding=None)
    return await _client(AsyncsshPipe(connection, process), nonce)


async def _openssh(place: Place) -> FramedClient:
    options = {
        "BatchMode": "yes",
        "IdentitiesOnly": "yes",
        "IdentityFile": place.key,
        "IdentityAgent": "none",
        "UserKnownHostsFile": place.known_hosts,
        "StrictHostKeyChecking": "yes",
    }
    flags = [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
    nonce = secrets.token_hex(12)
    target = ["-p", str(place.port), f"root@{place.address}"]
    pipe = await ProcessPipe.start(["ssh", "-F", "none", "-T", *flags, *target, login_command(nonce)])
    return await _client(pipe, nonce)


async def _client(pipe: Pipe, nonce: str) -> FramedClient:
    await pipe.write(helper_payload())
    client = FramedClient(pipe)
    await client.start(nonce.encode())
    return client


async def _paramiko(place: Place) -> Any:
    from jetpack_core.connections.ssh import SshConnection
    from jetpack_core.contracts.connection import Credentials, Endpoint

    credentials = Credentials(private_key_file=Path(place.key))
    connection = SshConnection(Endpoint("host", place.address, place.port, "root", credentials, connect_timeout=120.0))
    await connection.connect()
    return connection


async def _polling(place: Place) -> Any:
    from jetpack_core.connections import ssh_session

    vars(ssh_session)["IDLE_POLL"] = 0.1
    return await _paramiko(place)


_WAYS: Final[dict[str, Callable[[Place], Awaitable[Any]]]] = {
    "paramiko": _paramiko,
    "polling": _polling,
    "asyncssh": _asyncssh,
    "openssh": _openssh,
}


async def hold(way: str, number: int, places: Sequence[Place], large: Path, size: int) -> Held:
    """Hold some sessions and measure."""
    slots = asyncio.Semaphore(_AT_ONCE)

    async def one(index: int) -> Any:
        async with slots:
            return await _WAYS[way](places[index % len(places)])

    # The first connection loads the libraries.
    await (await one(0)).close()
    empty, cpu, wall = _memory(), _cpu(), time.monotonic()
    held = await asyncio.gather(*(one(index) for index in range(number)))
    connect_wall, connect_cpu = time.monotonic() - wall, _cpu() - cpu
    await asyncio.sleep(0.5)
    memory, cpu = _memory() - empty, _cpu()
    await asyncio.sleep(_IDLE)
    idle_cpu = (_cpu() - cpu) / _IDLE
    cpu = _cpu()
    ask_wall = await _median(held, [Stat("/etc/hostname")])
    ask_cpu = (_cpu() - cpu) / _ROUNDS
    batch_wall = await _median(held[:1], [Stat("/etc/hostname", checksum=True)] * _BATCH)
    await held[0].execute([Request(Put(large, "/root/large"))])
    wall = time.monotonic()
    await held[0].execute([Request(Put(large, "/root/large"))])
    speed = size / (time.monotonic() - wall)
    await asyncio.gather(*(one.close() for one in held))
    return Held(connect_wall, connect_cpu, ask_wall, ask_cpu, batch_wall, idle_cpu, memory, speed)


async def _median(held: Sequence[Any], operations: Sequence[Operation[Any]]) -> float:
    frame = [Request(operation) for operation in operations]
    walls = []
    for _ in range(_ROUNDS):
        wall = time.monotonic()
        await asyncio.gather(*(one.execute(frame) for one in held))
        walls.append(time.monotonic() - wall)
    return sorted(walls)[_ROUNDS // 2]


def _processes() -> list[str]:
    """Return this process and its children."""
    children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    return [str(os.getpid()), *children]


def _cpu() -> float:
    total = 0.0
    for process in _processes():
        for task in Path(f"/proc/{process}/task").iterdir():
            with contextlib.suppress(OSError):
                total += int((task / "schedstat").read_text().split()[0]) * _NANOSECOND
    return total


def _memory() -> float:
    total = 0.0
    for process in _processes():
        with contextlib.suppress(OSError):
            text = Path(f"/proc/{process}/smaps_rollup").read_text()
            total += next(int(line.split()[1]) * 1024 for line in text.splitlines() if line.startswith("Pss:"))
    return total


def _main() -> None:
    with contextlib.suppress(ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    request = json.load(sys.stdin)
    places = [Place(**place) for place in request["places"]]
    large = Path(request["large"])
    held = asyncio.run(hold(request["way"], request["number"], places, large, large.stat().st_size))
    print(json.dumps(asdict(held)))


if __name__ == "__main__":
    _main()
