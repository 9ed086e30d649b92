# SPDX-License-Identifier: GPL-3.0-or-later
"""The contract of a connection: frames of operations in, replies out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from jetpack_core.contracts.operations import Reply, Request


@dataclass(frozen=True, slots=True)
class Credentials:
    """What the user gave to log in with; secrets, so never shown."""

    password: str | None = field(default=None, repr=False)
    private_key_file: Path | None = None
    passphrase: str | None = field(default=None, repr=False)
    key_comment: str | None = None
    """Offer only the agent's key with this comment."""
    forward_agent: bool = False


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where and how to reach a host. None means: the connection's own default (such as ~/.ssh/config)."""

    host: str
    """The inventory name, as shown to the user."""
    address: str | None = None
    port: int | None = None
    user: str | None = None
    credentials: Credentials = field(default_factory=Credentials)
    host_keys: tuple[str, ...] = ()
    """Pinned public keys (`ssh-ed25519 AAAA...`), learned from a provisioner; they replace known_hosts."""
    meet: Callable[[str], None] | None = field(default=None, compare=False)
    """For a host that was made in this run, and of which no key is known: called with the key that it shows
    (`ssh-ed25519 AAAA...`), which is trusted unless this raises HostKeyError. It may be called in any thread."""
    accept_new_host_keys: bool = False
    connect_timeout: float = 15.0
    """Seconds for reaching the host and logging in."""
    variables: Mapping[str, object] = field(default_factory=dict)
    """The host's variables, for settings that only one kind of connection knows."""


class Connection(ABC):
    """A way to act on one host, held open for a whole run.

    Used from one asyncio event loop; a subclass that blocks MUST do so in threads. One frame is under way at a time.
    Subclass it and name it in `jetpack_register_connections`; a host picks it with `jet_connection`.
    """

    summary: ClassVar[str] = ""
    holds: ClassVar[bool] = False
    """Whether it carries out `Hold`; without, runs do not exclude each other on its hosts."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint

    @abstractmethod
    async def connect(self) -> None:
        """Reach the host and log in.

        Raises HostUnreachableError, AuthenticationError or HostKeyError, each saying what to do.
        """

    @abstractmethod
    async def execute(self, frame: Sequence[Request]) -> Sequence[Reply]:
        """Carry out the requests in order and return a reply for each.

        A changing operation that fails, or a command that ends other than its `good` says, MUST stop the frame: the
        replies after it have `ran` False. Other failures MUST NOT stop it. Failures of one operation are replies
        (OperationError, or BecomeError for its user); raises HostUnreachableError only when the connection itself is
        lost.
        MUST be cancellable: what was being written is as before, and running commands are killed.
        """

    @abstractmethod
    async def close(self) -> None:
        """Remove temporary directories, end what runs on the host, and hang up; MUST NOT raise."""


AskSecret = Callable[[str], str]
"""Ask the user for a secret with a prompt; returns what was typed."""
