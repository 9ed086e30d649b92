# SPDX-License-Identifier: GPL-3.0-or-later
"""A frame that is called off begins nothing more on a host without Python, and the shell stays of use."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from jetpack_core.connections.pipe import ProcessPipe
from jetpack_core.connections.shell import ShellClient
from jetpack_core.contracts.operations import Operation, Put, Run, RunFile
from tests.unit.connections.test_shell_writes import SHELLS, ask, with_client

PATIENCE = 60


class SlowPipe(ProcessPipe):
    """A pipe whose last piece of a file waits until it is let go."""

    reached = False
    let_go: asyncio.Event

    async def write(self, data: bytes) -> None:
        if b"#content" in data:
            self.reached, self.let_go = True, asyncio.Event()
            await self.let_go.wait()
        await super().write(data)


async def until(check: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not check():
        assert time.monotonic() < end, "it did not happen in time"
        await asyncio.sleep(0.01)


async def called_off(client: ShellClient, begun: Callable[[], bool], *frame: Operation[object]) -> None:
    """Have a frame called off once it has begun, and see that the shell answers the next one."""
    asking = asyncio.create_task(ask(client, *frame))
    await until(begun)
    asking.cancel()
    await until(lambda: client._cancelled)
    if isinstance(client.pipe, SlowPipe):
        client.pipe.let_go.set()
    with pytest.raises(asyncio.CancelledError):
        await asking
    (reply,) = await ask(client, Run(("true",)))
    assert reply.error is None


def touches(path: Path) -> Run:
    return Run(("touch", str(path)))


@pytest.mark.parametrize("by_file", [True, False])
@pytest.mark.parametrize("shell", SHELLS)
def test_nothing_is_run_after_a_file_that_was_called_off(
    shell: str, by_file: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    private, source, ran = tmp_path / "private", tmp_path / "source", tmp_path / "ran"
    private.mkdir()
    monkeypatch.setenv("TMPDIR", str(private))
    source.write_text(f"#!/bin/sh\n#content\ntouch '{ran}'\n")
    there = Put(source, str(tmp_path / "there"))
    frame = [RunFile(("source",), source=source)] if by_file else [there, touches(ran)]

    async def use(client: ShellClient) -> None:
        pipe = client.pipe
        assert isinstance(pipe, SlowPipe)
        await called_off(client, lambda: pipe.reached, *frame)
        assert list(private.glob(".jetpack-sh-*/script-*")) == []

    with_client(shell, use, SlowPipe)
    assert not ran.exists()


@pytest.mark.parametrize("shell", SHELLS)
def test_no_command_is_begun_after_one_that_was_called_off(shell: str, tmp_path: Path) -> None:
    begun, ran = tmp_path / "begun", tmp_path / "ran"
    hangs = Run(("sh", "-c", 'true >"$1"; sleep 300', "sh", str(begun)))

    async def use(client: ShellClient) -> None:
        await called_off(client, begun.exists, hangs, touches(ran))
        # What was not called off goes on with what comes after it.
        replies = await ask(client, Run(("true",)), touches(tmp_path / "after"))
        assert [reply.error for reply in replies] == [None, None]

    with_client(shell, use)
    assert not ran.exists()
    assert (tmp_path / "after").exists()
