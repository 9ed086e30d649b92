# SPDX-License-Identifier: GPL-3.0-or-later
"""How often connecting and the first frame wait for the host, counted between us and real servers."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from jetpack_core.contracts.connection import Credentials
from jetpack_core.contracts.operations import Become
from tests.integration.connections.conftest import Connect
from tests.integration.fleet.hosts import OPS_PASSWORD, SshHost
from tests.integration.fleet.proxy import DelayingProxy
from tests.integration.fleet.session import Fleet

pytestmark = [pytest.mark.docker, pytest.mark.ssh]

PAGE = Path(__file__).parents[3] / "docs/explanation/connecting.md"
DELAYS = (0.2, 0.6, 1.8)
"""Seconds in either direction. Where that is less than a slow machine needs for its part, it looks like more."""


@dataclass(frozen=True)
class Way:
    """A way to a host, and what it costs."""

    name: str
    """As the documentation has it."""
    turns: int
    image: str = "debian"
    keys: tuple[str, ...] = ("known",)
    password: str | None = None
    become: Become | None = None
    jumps: bool = False

    def __str__(self) -> str:
        return self.name.replace(" ", "-")


WAYS = [
    Way("a key that the host takes", 5),
    Way("the second of two keys", 6, keys=("unknown", "known")),
    Way("a key that is refused, then a password", 6, keys=("unknown",), password=OPS_PASSWORD),
    Way("a password", 5, keys=(), password=OPS_PASSWORD),
    Way(
        "a key, and tasks that run as another user",
        5,
        become=Become("root", "sudo -u {{ jet_sudo_user }} {{ jet_command }}", OPS_PASSWORD),
    ),
    Way("a key, on a host without Python", 6, "nopython"),
    Way("a key, by way of a jump host", 9, jumps=True),
]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fleet: Fleet) -> Path:
    """A home with a key that the hosts know and one that they do not, and no agent."""
    (tmp_path / ".ssh").mkdir(mode=0o700)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    (tmp_path / "known").symlink_to(fleet.keys.plain)
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "unknown")], check=True)
    return tmp_path


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_round_trips_until_the_first_answer(
    way: Way, home: Path, debian_host: SshHost, nopython_host: SshHost, connect: Connect
) -> None:
    host = nopython_host if way.image == "nopython" else debian_host
    entrance = nopython_host if way.jumps else host
    counted = []
    for delay in DELAYS:
        with DelayingProxy(entrance.address, entrance.port, delay=delay) as proxy:
            counted.append(_count(way, proxy, host, entrance, home, connect))
        if counted[-1] == (way.turns, way.turns + 1):
            return
    assert min(counted) == (way.turns, way.turns + 1), counted


def _count(
    way: Way, proxy: DelayingProxy, host: SshHost, entrance: SshHost, home: Path, connect: Connect
) -> tuple[int, int]:
    """Return how many round trips the first answer took, and then the second."""
    known = home / "known_hosts"
    known.write_text(entrance.known_hosts_lines(proxy.address, proxy.port))
    identities = "".join(f"IdentityFile {home / key}\n" for key in way.keys)
    hops = f"Host {host.address}\nProxyJump ops@{proxy.address}:{proxy.port}\n" if way.jumps else ""
    (home / ".ssh" / "config").write_text(f"{hops}Host *\nUserKnownHostsFile {known}\n{identities}")
    address, port = (host.address, host.port) if way.jumps else (proxy.address, proxy.port)
    credentials = Credentials(password=way.password)
    driver = connect(
        host, "ops", way.become, address=address, port=port, credentials=credentials, connect_timeout=120.0
    )
    turns = []
    for _ in range(2):
        assert driver.sh("id -un").stdout == ("root\n" if way.become else "ops\n")
        turns.append(proxy.turns)
    driver.close()
    return turns[0], turns[1]


def test_the_documentation_says_so() -> None:
    rows = [
        line.strip("|").split("|") for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("|")
    ]
    assert [(name.strip(), number.strip()) for name, number in rows[2:]] == [(way.name, str(way.turns)) for way in WAYS]
