# SPDX-License-Identifier: GPL-3.0-or-later
"""The one command that starts the helper, given to login shells of every kind."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import secrets
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from jetpack_core.connections.framed import FramedClient
from jetpack_core.connections.payload import helper_payload, login_command
from jetpack_core.connections.pipe import ProcessPipe
from jetpack_core.connections.remote.helper import boot
from jetpack_core.connections.shell import ShellClient
from jetpack_core.contracts.connection import Connection, Endpoint
from jetpack_core.contracts.operations import Reply, Request, Run, Stat, TempDirectory
from jetpack_core.testing.connections import Driver

SHELLS = [name for name in ("sh", "dash", "bash", "busybox", "csh", "tcsh", "fish", "zsh") if shutil.which(name)]
PATH = "/usr/local/bin:/usr/bin:/bin"


class LoginConnection(Connection):
    """What SSH does, with a shell on this machine in place of the one that sshd starts."""

    def __init__(self, argv: list[str], path: str = PATH) -> None:
        super().__init__(Endpoint("here"))
        self._argv = argv
        self._path = path
        self.mark = ""
        self.pipe: ProcessPipe | None = None
        self.client: FramedClient | ShellClient | None = None

    async def connect(self) -> None:
        nonce = secrets.token_hex(12)
        env = {"PATH": self._path, "HOME": os.environ.get("HOME", "/"), "LC_ALL": "C"}
        self.pipe = await ProcessPipe.start([*self._argv, login_command(nonce)], env)
        with contextlib.suppress(ConnectionError):
            await self.pipe.write(helper_payload())
        client = FramedClient(self.pipe)
        self.client = client
        self.mark = await client.start(nonce.encode())
        if self.mark == boot.SHELL_MARK:
            shell = self.client = ShellClient(self.pipe)
            await shell.start()

    async def execute(self, frame: list[Request]) -> list[Reply]:  # type: ignore[override]
        assert self.client is not None
        return await self.client.execute(frame)

    async def close(self) -> None:
        if self.client is not None:
            await self.client.close()


def shell_argv(shell: str) -> list[str]:
    return ["busybox", "sh", "-c"] if shell == "busybox" else [str(shutil.which(shell)), "-c"]


@pytest.mark.parametrize("shell", SHELLS)
def test_login_shells(shell: str) -> None:
    connection = LoginConnection(shell_argv(shell))
    driver = Driver(connection).connect()
    try:
        assert connection.mark == boot.PYTHON_MARK
        assert driver.do(Stat("/")).is_directory
        assert driver.do(Run(("printf", "%s", "$HOME !x"))).stdout == "$HOME !x"
    finally:
        driver.close()


def test_banners_are_skipped() -> None:
    script = 'echo "Welcome!"; head -c 100000 /dev/zero; echo P; echo S; exec sh -c "$0"'
    driver = Driver(LoginConnection(["sh", "-c", script])).connect()
    try:
        assert driver.do(Stat("/")).is_directory
    finally:
        driver.close()


def test_a_shell_that_refuses_is_quoted() -> None:
    driver = Driver(LoginConnection(["sh", "-c", "echo This account is closed."]))
    try:
        with pytest.raises(Exception, match=r"This account is closed\."):
            driver.connect()
    finally:
        driver.close()


@pytest.fixture
def old_python(tmp_path: Path) -> str:
    """A search path with a Python too old, which becomes the command it was given, without a word."""
    old = tmp_path / "python3"
    old.write_text('#!/bin/sh\nshift 4\nexec "$@"\n')
    old.chmod(0o755)
    return f"{tmp_path}:{PATH}"


def test_an_old_python_gives_way_to_the_shell(old_python: str) -> None:
    connection = LoginConnection(["sh", "-c"], old_python)
    driver = Driver(connection).connect()
    try:
        assert connection.mark == boot.SHELL_MARK
        assert driver.do(Stat("/")).is_directory
    finally:
        driver.close()


@pytest.mark.parametrize("mark", [boot.PYTHON_MARK, boot.SHELL_MARK])
def test_who_answers_is_told_before_anything_is_sent(mark: str, old_python: str) -> None:
    async def scenario() -> None:
        path = PATH if mark == boot.PYTHON_MARK else old_python
        pipe = await ProcessPipe.start(["sh", "-c", login_command("nonce")], {"PATH": path})
        client = FramedClient(pipe)
        async with asyncio.timeout(60):
            assert await client.start(b"nonce") == mark
        await client.close()

    asyncio.run(scenario())


def test_the_helper_works_in_any_locale(tmp_path: Path) -> None:
    driver = Driver(LoginConnection(["sh", "-c"])).connect()
    try:
        name = f"{tmp_path}/ä\udcff"
        assert driver.do(Run(("touch", name))).ok
        assert driver.do(Stat(name)).is_file
    finally:
        driver.close()


def test_the_command_has_nothing_that_shells_treat_differently() -> None:
    words = re.fullmatch(r"exec /bin/sh -c '([^']*)' '([^']*)'", login_command("abc"))
    assert words is not None
    assert not re.search(r"[\\!\n]", words[1] + words[2])


@pytest.mark.parametrize("number", ["KILL", "TERM"])
def test_what_a_dead_helper_left_goes_with_the_next(number: str, tmp_path: Path) -> None:
    connection = LoginConnection(["sh", "-c"])
    driver = Driver(connection).connect()
    left = Path(driver.do(TempDirectory()))
    (left / "file").write_text("")
    helper = driver.do(Run(("sh", "-c", "echo $PPID"))).stdout.strip()
    subprocess.run(["kill", f"-{number}", helper], check=True)
    driver.close()
    os.utime(left.parent, (1, 1)) if left.parent.exists() else None
    assert left.exists() is (number == "KILL")
    again = Driver(LoginConnection(["sh", "-c"])).connect()
    try:
        again.do(TempDirectory())
        assert not left.exists()
    finally:
        again.close()


def test_the_end_of_input_ends_everything(tmp_path: Path) -> None:
    connection = LoginConnection(["sh", "-c"])
    driver = Driver(connection).connect()
    script = 'echo $$ >"$1/pid"; echo $PPID >>"$1/pid"; sleep 50'

    async def leave() -> None:
        task = asyncio.create_task(driver.execute(Run(("sh", "-c", script, "sh", str(tmp_path)))))
        while not (tmp_path / "pid").exists() or len((tmp_path / "pid").read_text().split()) < 2:  # noqa: ASYNC110 - another process writes it
            await asyncio.sleep(0.02)
        assert connection.pipe is not None
        connection.pipe._stdin.close()
        with pytest.raises(Exception, match="connection was lost"):
            await task

    driver.run(leave())
    pids = (tmp_path / "pid").read_text().split()
    deadline = time.monotonic() + 30
    while any(Path(f"/proc/{pid}/cmdline").exists() and Path(f"/proc/{pid}/cmdline").read_bytes() for pid in pids):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    driver.close()
