# SPDX-License-Identifier: GPL-3.0-or-later
"""Many looks in one frame to a shell: the same answers as from the helper, by few programs."""

from __future__ import annotations

import asyncio
import os
import shutil
import stat
from collections.abc import Sequence
from pathlib import Path

import pytest

from jetpack_core.connections.local import LocalConnection
from jetpack_core.connections.payload import SHELL_BOOT
from jetpack_core.connections.pipe import ProcessPipe
from jetpack_core.connections.shell import ShellClient
from jetpack_core.contracts.connection import Endpoint
from jetpack_core.contracts.operations import Operation, Reply, Request, Run, Stat, Write

SHELLS = [name for name in ("dash", "bash", "busybox") if shutil.which(name)]
LIMIT = 64
"""Bytes of content that are asked for."""


async def _ask(shell: str, frame: Sequence[Operation[object]], path: str) -> list[Reply]:
    argv = [shell, "sh"] if shell == "busybox" else [shell]
    pipe = await ProcessPipe.start([*argv, "-c", SHELL_BOOT], env={**os.environ, "PATH": path})
    assert await pipe.read() == b"S"
    client = ShellClient(pipe)
    try:
        await client.start()
        return await client.execute([Request(operation) for operation in frame])
    finally:
        await client.close()


async def _ask_here(frame: Sequence[Operation[object]]) -> list[Reply]:
    connection = LocalConnection(Endpoint("here"))
    try:
        return list(await connection.execute([Request(operation) for operation in frame]))
    finally:
        await connection.close()


def ask(shell: str, frame: Sequence[Operation[object]], path: str | None = None) -> list[Reply]:
    return asyncio.run(_ask(shell, frame, path or os.environ["PATH"]))


@pytest.fixture
def zoo(tmp_path: Path) -> list[str]:
    """One path of every kind."""
    folder = tmp_path / "zoo"
    folder.mkdir()
    (folder / "small").write_bytes(b"small\0\n\n==x \n")
    (folder / "empty").write_bytes(b"")
    (folder / "exact").write_bytes(b"e" * LIMIT)
    (folder / "large").write_bytes(b"l" * (LIMIT + 1))
    (folder / "with\nbreak").write_bytes(b"broken")
    (folder / "with 'quotes' $(and) \\ -n").write_bytes(b"quoted")
    (folder / "directory").mkdir()
    (folder / "link").symlink_to("small")
    (folder / "to nowhere").symlink_to("nowhere\n")
    (folder / "to directory").symlink_to("directory")
    os.mkfifo(folder / "pipe")
    names = sorted(path.name for path in folder.iterdir())
    return [str(folder / name) for name in [*names, "missing", "small/below", "missing/below", "small", "nobody\nhere"]]


def looks(paths: Sequence[str]) -> list[Operation[object]]:
    """Ask for everything that can be asked of a path."""
    return [
        Stat(path, follow=follow, checksum=checksum, content=content)
        for content in (0, LIMIT)
        for checksum in (False, True)
        for path in paths
        for follow in (False, True)
    ]


def told(replies: Sequence[Reply]) -> list[object]:
    return [str(reply.error) if reply.error else reply.value for reply in replies]


@pytest.mark.parametrize("shell", SHELLS)
def test_the_answers_are_those_of_the_helper(shell: str, zoo: list[str]) -> None:
    frame = looks(zoo)
    found, wanted = told(ask(shell, frame)), told(asyncio.run(_ask_here(frame)))
    for operation, one, other in zip(frame, found, wanted, strict=True):
        assert one == other, operation


@pytest.mark.parametrize("shell", SHELLS)
def test_looks_see_what_came_before_them_in_the_frame(shell: str, tmp_path: Path) -> None:
    path, other = str(tmp_path / "one"), str(tmp_path / "other")
    look = [Stat(path, content=LIMIT), Stat(other, content=LIMIT)]
    frame = [*look, Write(path, b"first"), *look, Write(other, b"second"), *look]
    replies = ask(shell, frame)
    assert [getattr(reply.value, "content", None) for reply in replies] == [
        *(None, None),
        *(None, b"first", None),
        *(None, b"first", b"second"),
    ]


@pytest.mark.parametrize("shell", SHELLS)
def test_looks_behind_a_failure_do_not_run(shell: str, tmp_path: Path) -> None:
    path = str(tmp_path)
    frame = [Stat(path), Stat(path), Run(("no-such-program",)), Stat(path), Stat(path)]
    replies = ask(shell, frame)
    assert [reply.ran for reply in replies] == [True, True, True, False, False]
    assert replies[2].error is not None


def _counted(folder: Path, program: str, *, refuses_many: bool = False) -> None:
    """Put a program before the real one that notes each start."""
    real = shutil.which(program)
    wrapper = folder / program
    refusal = 'case $1 in -L) n=5 ;; *) n=4 ;; esac; [ $# -le "$n" ] || exit 1\n' if refuses_many else ""
    wrapper.write_text(f'#!/bin/sh\necho {program} >>"{folder}/started"\n{refusal}exec {real} "$@"\n')
    wrapper.chmod(wrapper.stat().st_mode | stat.S_IXUSR)


# busybox has these programs within.
@pytest.mark.parametrize("shell", [shell for shell in SHELLS if shell != "busybox"])
def test_many_looks_start_few_programs(shell: str, tmp_path: Path) -> None:
    for number in range(20):
        (tmp_path / f"file-{number}").write_bytes(b"x" * (number * 10))
    bin_folder = tmp_path / "bin"
    bin_folder.mkdir()
    for program in ("stat", "sha256sum", "cat", "head", "readlink"):
        _counted(bin_folder, program)
    frame = [Stat(str(tmp_path / f"file-{number}"), checksum=True, content=LIMIT) for number in range(20)]
    # What it takes to start the shell is not the frame's.
    ask(shell, [], f"{bin_folder}:{os.environ['PATH']}")
    started = bin_folder / "started"
    at_start = len(started.read_text().split())
    replies = ask(shell, frame, f"{bin_folder}:{os.environ['PATH']}")
    assert told(replies) == told(asyncio.run(_ask_here(frame)))
    # One for the states, one for the checksums of large files, one for contents, and one to read the frame.
    assert len(started.read_text().split()) - 2 * at_start <= 4


@pytest.mark.parametrize("shell", [shell for shell in SHELLS if shell != "busybox"])
def test_what_cannot_be_told_together_is_asked_one_by_one(shell: str, zoo: list[str], tmp_path: Path) -> None:
    bin_folder = tmp_path / "bin"
    bin_folder.mkdir()
    _counted(bin_folder, "stat", refuses_many=True)
    frame = looks(zoo)
    assert told(ask(shell, frame, f"{bin_folder}:{os.environ['PATH']}")) == told(asyncio.run(_ask_here(frame)))
    assert len((bin_folder / "started").read_text().split()) > len(zoo)
