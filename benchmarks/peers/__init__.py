# SPDX-License-Identifier: GPL-3.0-or-later
"""The tools that are compared, each installed apart from the others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from benchmarks.peers.ansible import Ansible, Mitogen
from benchmarks.peers.jetpack import Jetpack
from benchmarks.peers.peer import Peer
from benchmarks.peers.pyinfra import Pyinfra

PEERS: Final[dict[str, Callable[[], Peer]]] = {
    "jetpack": Jetpack,
    "ansible": Ansible,
    "mitogen": Mitogen,
    "pyinfra": Pyinfra,
}
