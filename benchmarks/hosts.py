# SPDX-License-Identifier: GPL-3.0-or-later
"""The hosts that peers act on: brought to a known state before a first run, and checked after every run."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.peers.peer import PeerError, Target
from benchmarks.workload import LISTING, RESET, expected_listing
from tests.integration.fleet import Fleet, SshHost

_AT_ONCE = 4
_PRIVATE = 0o700


@dataclass(frozen=True, slots=True)
class BenchHosts:
    """Running hosts, with the keys that open them."""

    fleet: Fleet
    hosts: Sequence[SshHost]
    home: Path
    """A home directory for the peers, whose .ssh holds nothing but known_hosts."""

    @property
    def targets(self) -> list[Target]:
        """Return the hosts as a peer reaches them."""
        return [Target(host.name, host.address, host.port) for host in self.hosts]

    def first(self, number: int) -> BenchHosts:
        """Return some of the hosts."""
        return BenchHosts(self.fleet, self.hosts[:number], self.home)

    def known_hosts(self, targets: Sequence[Target]) -> Path:
        """Write the keys of all hosts, as they are reached, where OpenSSH and its like look for them."""
        path = self.home / ".ssh" / "known_hosts"
        path.parent.mkdir(mode=_PRIVATE, exist_ok=True)
        lines = [
            host.known_hosts_lines(target.address, target.port)
            for host, target in zip(self.hosts, targets, strict=True)
        ]
        path.write_text("".join(lines))
        return path

    def reset(self) -> None:
        """Bring every host back to the state before a first run, through the engine."""
        self._each(lambda host: host.shell(RESET))

    def verify(self, peer: str) -> None:
        """Compare every host's files, modes and owners with what W1 must leave. Raises PeerError."""
        wanted = expected_listing()
        for host, found in zip(self.hosts, self._each(lambda host: host.shell(LISTING)), strict=True):
            if found != wanted:
                missing = sorted(set(wanted.splitlines()) - set(found.splitlines()))
                extra = sorted(set(found.splitlines()) - set(wanted.splitlines()))
                raise PeerError(f"{peer} left {host.name} different: missing {missing}, unexpected {extra}")

    def _each(self, act: Callable[[SshHost], str]) -> list[str]:
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            return list(pool.map(act, self.hosts))


@contextmanager
def running(number: int, image: str = "bench") -> Iterator[BenchHosts]:
    """Start hosts of an image of the fleet, and take them away in the end."""
    # Sockets of shared connections lie below this folder, and their paths must be short.
    folder = Path(tempfile.mkdtemp(prefix="jb-"))
    home = folder / "h"
    home.mkdir(mode=_PRIVATE)
    fleet = Fleet(folder)
    try:
        names = [f"{image}-{index:02}" for index in range(1, number + 1)]
        yield BenchHosts(fleet, fleet.start_many(names, image), home)
    finally:
        fleet.close()
        shutil.rmtree(folder, ignore_errors=True)
