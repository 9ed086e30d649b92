# SPDX-License-Identifier: GPL-3.0-or-later
"""What a peer is: a command for a job, and a judgement of what it said."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path


class PeerError(Exception):
    """A peer could not be installed, or did not do what it was asked to; the text says which."""


@dataclass(frozen=True, slots=True)
class Target:
    """A host as a peer reaches it: directly, or through a proxy that adds latency."""

    name: str
    address: str
    port: int


@dataclass(frozen=True, slots=True)
class Job:
    """One run of W1 for a peer to make."""

    folder: Path
    """The content of every peer, and room for what it needs besides."""
    targets: Sequence[Target]
    key: Path
    known_hosts: Path
    home: Path
    """A home directory whose .ssh knows the hosts."""
    first: bool
    """Everything changes; else nothing does."""


@dataclass(frozen=True, slots=True)
class Command:
    """What to start for a job."""

    argv: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict)


class Peer(ABC):
    """A tool that can run W1."""

    name: str
    needs_python: bool = False
    """Works only on hosts that have Python."""

    @abstractmethod
    def install(self, cache: Path) -> str:
        """Make it ready in a cache folder and return its version. Raises PeerError."""

    @abstractmethod
    def command(self, job: Job) -> Command:
        """Write what the job needs besides the content, and return what to start."""

    @abstractmethod
    def check(self, job: Job, said: str) -> None:
        """Compare the peer's own account of a run with what must have happened. Raises PeerError."""
