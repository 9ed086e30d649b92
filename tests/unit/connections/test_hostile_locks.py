# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever somebody puts in the place of the lock: it is told, got over or waited for, and never followed or obeyed."""

from __future__ import annotations

import asyncio
import fcntl
import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from jetpack_core.contracts.operations import Hold, Reply, Request
from jetpack_core.engine.run_lock import describe
from jetpack_core.errors import HeldError
from tests.unit.connections.held import OWNER, SHELLS, place_of_its_own, ways, words

KINDS = ["python", *SHELLS]
GARBAGE = {
    "nothing": b"",
    "no end": b"x" * (4 << 20),
    "control characters": b"aaaa 1 \x1b[2J\x07\r\x00 ops@control\n" * 1000,
    "no process": b"aaaa -1 1700000000 1 ops@control\n",
    "a process that is too large": b"aaaa 99999999999999999999 1700000000 1 ops@control\n",
    "a process that lives": b"aaaa 1 1700000000 1 ops@control\nrenewed\n",
    "our own run": b"bbbb 1 1700000000 1 ops@control\nrenewed\n",
    "no text": bytes(range(256)) * 20,
}


def linked(path: Path) -> None:
    (path.parent / "victim").write_text("kept")
    path.symlink_to(path.parent / "victim")


def socketed(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(os.fspath(path.relative_to(Path.cwd())))


STRANGE: dict[str, Callable[[Path], object]] = {
    "a link": linked,
    "a link to nowhere": lambda path: path.symlink_to(path.parent / "nowhere"),
    "a pipe": os.mkfifo,
    "a directory": Path.mkdir,
    "a socket": socketed,
}


def asked(lock: Path, kind: str, run: str = "bbbb") -> Reply:
    """Ask once to hold the host, which must not take long."""

    async def ask() -> Reply:
        async with asyncio.timeout(60), ways(lock, kind) as (way,):
            (reply,) = await way.client.execute([Request(Hold(run, OWNER))])
            return reply

    return asyncio.run(ask())


def looks(path: Path) -> tuple[int, ...]:
    """Return what a path is, but for when it was last looked at."""
    found = path.lstat()
    return found.st_ino, found.st_mode, found.st_uid, found.st_gid, found.st_size, found.st_mtime_ns, found.st_ctime_ns


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("what", STRANGE)
def test_what_is_no_file_is_told_and_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, what: str
) -> None:
    lock = place_of_its_own(tmp_path, tmp_path, monkeypatch)
    monkeypatch.chdir(tmp_path)
    STRANGE[what](lock)
    before = looks(lock)
    reply = asked(lock, kind)
    assert reply.error is None
    assert str(reply.value).startswith(f"{lock}: ")
    assert looks(lock) == before
    assert not (tmp_path / "nowhere").exists()
    if what == "a link":
        assert (tmp_path / "victim").read_text() == "kept"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("content", GARBAGE)
def test_a_file_that_nobody_has_locked_is_got_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, content: str
) -> None:
    lock = place_of_its_own(tmp_path, tmp_path, monkeypatch)
    lock.write_bytes(GARBAGE[content])
    reply = asked(lock, kind)
    assert (reply.error, reply.value) == (None, "")
    assert words(lock) == []


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("content", [name for name in GARBAGE if name != "our own run"])
def test_a_file_that_somebody_has_locked_is_waited_for_and_what_it_says_is_made_plain(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, content: str
) -> None:
    lock = place_of_its_own(tmp_path, tmp_path, monkeypatch)
    lock.write_bytes(GARBAGE[content])
    with lock.open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        error = asked(lock, kind).error
    assert isinstance(error, HeldError)
    assert error.path == str(lock)
    said = describe(error.line, error.owner)
    assert said.isprintable()
    assert len(said) < 400
    assert lock.read_bytes() == GARBAGE[content]


@pytest.mark.parametrize("kind", KINDS)
def test_a_place_where_no_file_can_be_made_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    lock = place_of_its_own(Path("/proc"), tmp_path, monkeypatch)
    reply = asked(lock, kind)
    assert reply.error is None
    assert str(reply.value).startswith("/proc/jetpack.lock: ")
    reasons = ("no such file or directory", "permission denied", "directory nonexistent", "nonexistent directory")
    assert str(reply.value).lower().endswith(reasons)
