# SPDX-License-Identifier: GPL-3.0-or-later
"""Find the run to go on with, or whose failed hosts to try again."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import stat
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Final

import click

from jetpack_core.cli.invocation import warn
from jetpack_core.cli.log import PRIVATE_FILE, make_run_folder, newest_runs, runs_folder
from jetpack_core.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from jetpack_core.content.model import Playbook
    from jetpack_core.engine.progress import Progress
    from jetpack_core.engine.run_state import RunState
    from jetpack_core.engine.settings import RunSettings
    from jetpack_core.inventory.model import Inventory

LAST: Final = "last"
"""Stands for the last run of the same playbooks."""
LAST_FAILED: Final = "@last-failed"
"""Stands, among the names of hosts, for those that failed in the last run of the same playbooks."""
_FILE: Final = "state"
_END: Final = 16
"""Bytes in which a run that came to its end says so."""
_KEPT: Final = "only runs of `apply` and `local` are kept, and not all that are old"
_WITH_STATE: Final = frozenset({"apply", "local"})
_LOOKS_AT: Final = {"plan": "apply", "check-local": "local", "doctor": "apply"}
"""Verbs that only look, with the one whose runs they go by."""


def progress_of(
    playbooks: Sequence[Playbook], settings: RunSettings, resume: str | None, failed: RunState | None = None
) -> Progress | None:
    """Return what notes the progress of a run, and goes on with an earlier one where that is wanted.

    None where nothing is left to do, which is told. Raises UsageError where the run cannot be found or read.

    :param failed: Hosts that count as failed until they are tried again, in this run or a later one, and their run.
    """
    from jetpack_core.engine.progress import Progress

    resumed = _find(playbooks, settings, resume) if resume is not None else None
    if resumed is not None and not resumed.unfinished():
        click.echo(f"run {resumed.sketch.run[:8]} left nothing undone: there is nothing to resume", err=True)
        return None
    keeps = settings.command in _WITH_STATE and not settings.planning
    return Progress(_open if keeps else None, warn, resumed, failed, partial(_killed, playbooks, settings.command))


def limited_hosts(playbooks: Sequence[Playbook], settings: RunSettings, inventory: Inventory) -> tuple[str, ...] | None:
    """Return the hosts that a run is limited to; empty for no limit, None where nothing failed, which is told.

    Raises UsageError where there was no run to go by.
    """
    if LAST_FAILED not in settings.limit_hosts:
        return settings.limit_hosts
    named = tuple(name for name in settings.limit_hosts if name != LAST_FAILED)
    verb = _LOOKS_AT.get(settings.command, settings.command)
    if verb not in _WITH_STATE:
        refuse_last_failed(settings.limit_hosts)
    failed, _ = failed_hosts(playbooks, replace(settings, command=verb, limit_hosts=()), inventory)
    return (*named, *failed) or None


def refuse_last_failed(limit_hosts: Sequence[str]) -> None:
    """Raise UsageError for a limit that goes by the runs of playbooks, where none is run."""
    if LAST_FAILED in limit_hosts:
        hint = "`apply`, `plan` and `doctor` know it; elsewhere, name the hosts"
        raise UsageError(f"{LAST_FAILED} goes by the last run of playbooks, and this verb takes none", hint=hint)


def failed_hosts(
    playbooks: Sequence[Playbook], settings: RunSettings, inventory: Inventory
) -> tuple[tuple[str, ...], RunState]:
    """Return the hosts that failed in the last run of the playbooks, within the limits (none is told), and that run.

    Of its hosts it has those alone that failed and are still there. Raises UsageError where there was no such run.
    """
    state = _find(playbooks, settings, LAST)
    run = state.sketch.run[:8]
    known = tuple(name for name in state.failed if name in inventory.hosts)
    failed = tuple(name for name in known if not settings.limit_hosts or name in settings.limit_hosts)
    if not state.failed and state.unfinished():
        hint = "go on where it ended with --resume"
        raise UsageError(f"run {run} did not come to its end, and no host had failed by then", hint=hint)
    if not failed:
        where = " within the limits" if state.failed else ""
        click.echo(f"no host failed in run {run}{where}: there is nothing to try again", err=True)
    return failed, replace(state, hosts={name: state.hosts[name] for name in known})


def _find(playbooks: Sequence[Playbook], settings: RunSettings, wanted: str) -> RunState:
    """Return a run by the beginning of its name, or the last one of the same playbooks."""
    from jetpack_core.engine.run_sketch import absolute_paths
    from jetpack_core.engine.run_state import read_state

    paths = absolute_paths(playbook.path for playbook in playbooks)
    file = _last(paths, settings.command) if wanted == LAST else _named(wanted)
    _refuse_running(file)
    state = read_state(file)
    if (state.sketch.playbooks, state.sketch.command) != (paths, settings.command):
        was = f"`jetpack {state.sketch.command}` of {', '.join(state.sketch.playbooks)}"
        raise UsageError(f"run {state.sketch.run[:8]} was {was}", hint="add --resume to the command of that run")
    return state


def _named(wanted: str) -> Path:
    found = [file for file in _files() if file.parent.name.startswith(wanted)]
    if not found:
        raise UsageError(f"no run {wanted!r} is known in {runs_folder()}", hint=_KEPT)
    if len(found) > 1:
        raise UsageError(f"several runs begin with {wanted!r}", hint="give more of the name")
    return found[0]


def _last(playbooks: tuple[str, ...], command: str) -> Path:
    from jetpack_core.engine.run_state import read_sketch

    for file in _files():
        try:
            sketch = read_sketch(file)
        except (UsageError, OSError) as error:
            # It may well be the run that is meant: nobody can tell.
            warn(f"a newer run, of these playbooks or others, is passed over: {_told(file, error)}")
            continue
        if (sketch.playbooks, sketch.command) == (playbooks, command):
            return file
    shown = ", ".join(playbooks)
    raise UsageError(f"no run of {shown} by `jetpack {command}` is known in {runs_folder()}", hint=_KEPT)


def _files() -> list[Path]:
    """Return the state files of all runs, the newest first."""
    return [folder / _FILE for folder in newest_runs() if _is_there(folder / _FILE)]


def _is_there(file: Path) -> bool:
    try:
        return stat.S_ISREG(file.lstat().st_mode)
    except PermissionError:
        # Another user's, as `sudo` leaves them; it is told once it is read.
        return True
    except OSError:
        return False


def _told(file: Path, error: UsageError | OSError) -> str:
    return error.message if isinstance(error, UsageError) else f"{file}: {(error.strerror or str(error)).lower()}"


def _refuse_running(file: Path) -> None:
    """Raise UsageError for the file of a run that is under way, which holds a lock on it."""
    with file.open("rb") as opened:
        try:
            fcntl.flock(opened, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            run = file.parent.name[:8]
            raise UsageError(f"run {run} is still under way", hint="wait for its end, or end it") from None


def _killed(playbooks: Sequence[Playbook], command: str) -> Iterator[int]:
    """Yield the state files of those runs of the playbooks that were killed, each open and locked for that long."""
    from jetpack_core.engine.run_sketch import absolute_paths
    from jetpack_core.engine.run_state import read_sketch

    files: Sequence[Path] = ()
    with contextlib.suppress(OSError):
        files = _files()
    paths = absolute_paths(playbook.path for playbook in playbooks)
    for file in files:
        with contextlib.suppress(OSError, UsageError), file.open("rb+") as opened:
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
            opened.seek(max(0, opened.seek(0, os.SEEK_END) - _END))
            if re.search(rb"^X \d+\n\Z", opened.read(), re.MULTILINE):
                continue
            sketch = read_sketch(file)
            if (sketch.playbooks, sketch.command) == (paths, command):
                yield opened.fileno()


def _open(run: str) -> int:
    """Open and lock the state file of a new run, readable by its owner alone. Raises OSError."""
    path = make_run_folder(run) / _FILE
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, PRIVATE_FILE)
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return descriptor
