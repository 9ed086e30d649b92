# SPDX-License-Identifier: GPL-3.0-or-later
"""Looks at the machine that Jetpack runs on."""

from __future__ import annotations

import os
import platform
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from jetpack_core import __version__
from jetpack_core.cli.doctor.findings import CONTROL, Finding, Level
from jetpack_core.errors import JetpackError
from jetpack_core.state import state_folder

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jetpack_core.cli.project import Project
    from jetpack_core.connections.ssh_credentials import KeyFile
    from jetpack_core.registry import Registry


def look_at_this_machine(registry: Registry, project: Project, *, ssh: bool, accepts: bool) -> Iterator[Finding]:
    """Yield what is found.

    :param ssh: Whether any host is reached over SSH, so that keys matter.
    :param accepts: Whether keys of hosts that nobody has seen yet are accepted in this very call.
    """
    yield _fine(f"Jetpack {__version__} on Python {platform.python_version()}")
    yield from _plugins(registry, project)
    yield _state()
    if ssh:
        yield from _keys()
        if not accepts:
            yield from _known_hosts()


def _fine(what: str) -> Finding:
    return Finding(CONTROL, Level.FINE, what)


def _plugins(registry: Registry, project: Project) -> Iterator[Finding]:
    from jetpack_core.cli.requirements import check_requirements

    for broken in registry.broken:
        what = f"the plugin {broken.distribution} {broken.version} does not work: {broken.cause}"
        yield Finding(CONTROL, Level.BAD, what, broken.remedy)
    try:
        check_requirements(project.plugins, str(project.file))
    except JetpackError as error:
        yield Finding(CONTROL, Level.BAD, error.message, error.hint)
    names = ", ".join(f"{one.distribution} {one.version}" for one in registry.plugins)
    yield _fine(f"plugins: {names or 'none'}")


def _state() -> Finding:
    folder = state_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        what = f"runs cannot be logged or resumed: {folder}: {(error.strerror or str(error)).lower()}"
        return Finding(CONTROL, Level.BAD, what, "make it writable, or name another folder in $XDG_STATE_HOME")
    return _fine(f"runs are kept in {folder}")


def _keys() -> Iterator[Finding]:
    from jetpack_core.connections.ssh_credentials import KeyState, agent_keys, key_files

    files = key_files()
    agent: int | None = None
    try:
        agent = agent_keys()
    except OSError as error:
        what = f"the SSH agent at {os.environ.get('SSH_AUTH_SOCK')} does not answer: {(error.strerror or '').lower()}"
        yield Finding(CONTROL, Level.NOTE, what, 'start one: eval "$(ssh-agent)" && ssh-add')
    if agent is not None:
        yield _fine(f"the SSH agent has {agent} key{'s' * (agent != 1)}")
    if not files and not agent:
        remedy = "make a key with `ssh-keygen -t ed25519`, and bring it to hosts with `ssh-copy-id`"
        yield Finding(CONTROL, Level.NOTE, "there is no SSH key under its usual name, and no agent has one", remedy)
    for file in files:
        yield _key(file, usable=bool(agent))
    if files and not agent and all(file.state is KeyState.LOCKED for file in files):
        remedy = 'eval "$(ssh-agent)" && ssh-add; or set $JET_SSH_PRIVATE_KEY_PASSPHRASE'
        yield Finding(CONTROL, Level.BAD, "every key needs a passphrase, and no agent has them open", remedy)


def _known_hosts() -> Iterator[Finding]:
    if not Path("~/.ssh/known_hosts").expanduser().exists():
        remedy = "log in to each host with ssh once and compare its key, or use --accept-new-host-keys the first time"
        yield Finding(CONTROL, Level.NOTE, "no host's key is known yet: there is no ~/.ssh/known_hosts", remedy)


def _key(file: KeyFile, *, usable: bool) -> Finding:
    from jetpack_core.connections.ssh_credentials import KeyState

    match file.state:
        case KeyState.FINE:
            return _fine(f"the key {file.path} can be used")
        case KeyState.LOCKED:
            told = "; the agent may have it open" if usable else ""
            return Finding(CONTROL, Level.FINE if usable else Level.NOTE, f"the key {file.path} {file.reason}{told}")
        case KeyState.EXPOSED:
            return Finding(CONTROL, Level.NOTE, f"the key {file.path}: {file.reason}", f"chmod 600 {file.path}")
        case _:
            what = f"the key {file.path}: {file.reason}"
            return Finding(CONTROL, Level.BAD, what, "replace it, or move it out of the way")
