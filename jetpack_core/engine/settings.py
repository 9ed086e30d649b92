# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run was asked to do, from flags, environment and the project file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from jetpack_core.contracts.connection import Credentials
from jetpack_core.engine.questions import Ask
from jetpack_core.secrets.vault import Vault


@dataclass(frozen=True, slots=True)
class RunSettings:
    """One run's settings; None means "not said", so that host variables, plays and defaults decide."""

    command: str = "apply"
    """The verb, for the log."""
    planning: bool = False
    """Plan mode: find out, change nothing."""
    local: bool = False
    """Act on this machine only, without any connection."""
    tags: frozenset[str] = frozenset()
    limit_hosts: tuple[str, ...] = ()
    limit_groups: tuple[str, ...] = ()
    threads: int = 100
    """How many hosts are worked on at once."""
    batch_size: int | None = None
    user: str | None = None
    """From `-u`; beats host variables."""
    port: int | None = None
    default_user: str | None = None
    """From JET_SSH_USER; host variables and plays beat it."""
    default_port: int | None = None
    sudo: str | None = None
    sudo_password: str | None = field(default=None, repr=False)
    credentials: Credentials = field(default_factory=Credentials)
    accept_new_host_keys: bool = False
    connect_timeout: float = 15.0
    allow_localhost_delegation: bool = False
    extra_vars: Mapping[str, object] = field(default_factory=dict)
    provision: bool = True
    """Make hosts match their `provision:` maps; otherwise only find out how those that are there are reached."""
    vault: Vault | None = field(default=None, repr=False)
    """What decrypts secrets; without one, none can be."""
    verify: bool = False
    """Plan every changed task once more; it must then find nothing to do."""
    lock_timeout: float | None = None
    """Seconds to wait for another run to leave a host; None does not keep other runs off at all."""
    stream_output: bool = False
    """Send what commands print as events while they run."""
    show_results: bool = False
    """Send what tasks that change nothing, such as `facts`, found out."""
    ask: Ask | None = field(default=None, repr=False)
    """Asks the operator; None where there is nobody."""
    yes: bool = False
    """Take every question of a task as answered with yes."""
    step: bool = False
    """Ask before each task."""
    exit_on_change: bool = False
    """In plan mode: exit with 3 when anything would change."""
    read_ahead: bool = True
    """Plan following tasks in the round trips of earlier ones; the result is the same without."""
