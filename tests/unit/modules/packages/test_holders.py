# SPDX-License-Identifier: GPL-3.0-or-later
"""Who holds a lock, as the kernel of this machine tells: real locks, and a program that only says it found one."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from jetpack_core.contracts.operations import Run
from jetpack_core.modules.packages.holders import asking_for_holder, holder_in
from jetpack_core.records import CommandResult
from jetpack_core.testing.host import TestHost
from jetpack_core.testing.no_python import ShellConnection

_SAYS = "echo 'ERROR: Unable to lock database: busy' >&2; exit 99"


@pytest.fixture(params=["python", "shell"])
def run(request: pytest.FixtureRequest) -> Callable[[Run], CommandResult]:
    def made(command: Run) -> CommandResult:
        with TestHost(ShellConnection() if request.param == "shell" else None) as host:
            return host.ask(host.run(command.argv))

    return made


def command(lock: Path, script: str = _SAYS) -> Run:
    return asking_for_holder(Run(("/bin/sh", "-c", script)), "Unable to lock", "/nonexistent/lock", str(lock))


@pytest.mark.parametrize("take", [fcntl.flock, fcntl.lockf])
def test_the_process_that_has_the_lock_is_named(
    run: Callable[[Run], CommandResult], tmp_path: Path, take: Callable[[int, int], None]
) -> None:
    with (tmp_path / "lock").open("w") as lock:
        take(lock.fileno(), fcntl.LOCK_EX)
        ended = run(command(tmp_path / "lock"))
    name = Path(f"/proc/{os.getpid()}/comm").read_text().strip()
    assert (ended.rc, holder_in(ended)) == (99, f"process {os.getpid()} ({name})")
    assert ended.stderr.startswith("ERROR: Unable to lock database: busy\n")


def test_a_file_that_is_the_lock_is_held_by_who_made_it_or_by_nobody(
    run: Callable[[Run], CommandResult], tmp_path: Path
) -> None:
    with (tmp_path / "lock").open("w"):
        told = holder_in(run(command(tmp_path / "lock")))
    assert told is not None
    assert str(os.getpid()) in told
    assert holder_in(run(command(tmp_path / "lock"))) is None


@pytest.mark.parametrize(
    ("script", "rc", "stderr"), [("echo fine; echo note >&2", 0, "note\n"), ("echo worse >&2; exit 3", 3, "worse\n")]
)
def test_what_has_nothing_to_do_with_locks_is_left_alone(
    run: Callable[[Run], CommandResult], tmp_path: Path, script: str, rc: int, stderr: str
) -> None:
    (tmp_path / "lock").touch()
    ended = run(command(tmp_path / "lock", script))
    assert (ended.rc, ended.stderr, ended.stdout) == (rc, stderr, "fine\n" * (rc == 0))
    assert holder_in(ended) == "another process"
