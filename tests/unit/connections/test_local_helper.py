# SPDX-License-Identifier: GPL-3.0-or-later
"""The helper that acts as other users on this machine: how it starts, and how it takes part in holding the machine."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from jetpack_core.connections import local
from jetpack_core.connections.framed import FramedClient
from jetpack_core.connections.local import LocalConnection
from jetpack_core.connections.remote.helper import holding
from jetpack_core.contracts.connection import Endpoint
from jetpack_core.contracts.operations import Become, Hold, Reply, Request, Run, Write
from jetpack_core.errors import HostUnreachableError
from tests.unit.connections.held import OWNER, place_of_its_own, told, until

# What runs as "the other user" needs no privileges here: it is only another process.
OTHER = Become("somebody", "env {{ jet_command }}")


@pytest.fixture
def lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A place for locks of the test's own."""
    path = place_of_its_own(tmp_path, tmp_path, monkeypatch)
    monkeypatch.setattr(local, "helper_payload", (tmp_path / "payload").read_bytes)
    monkeypatch.setattr(holding, "shared_place", lambda: bytes(tmp_path))
    return path


def test_a_takeover_is_seen_though_the_first_frame_as_another_user_was_cancelled(
    lock: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forbidden = lock.parent / "forbidden"
    execute = FramedClient.execute

    async def cancelled(_: FramedClient, __: Sequence[Request]) -> list[Reply]:
        """As a frame that is cancelled before any of it is sent."""
        monkeypatch.setattr(FramedClient, "execute", execute)
        raise asyncio.CancelledError

    async def scenario() -> None:
        connection = LocalConnection(Endpoint("here"))
        assert told((await connection.execute([Request(Hold("aaaa", OWNER))]))[0]) == ""
        monkeypatch.setattr(FramedClient, "execute", cancelled)
        with pytest.raises(asyncio.CancelledError):
            await connection.execute([Request(Run(("true",)), OTHER)])
        assert told((await connection.execute([Request(Run(("true",)), OTHER)]))[0]) == ""
        take = Run(("sh", "-c", f"rm {lock} && echo bbbb 1 >{lock}"))
        replies = await connection.execute([Request(take, OTHER), Request(Write(str(forbidden), b"x"), OTHER)])
        assert told(replies[0]) == ""
        assert "was taken from this run" in told(replies[1])
        await connection.close()

    asyncio.run(scenario())
    assert not forbidden.exists()


def python_that(does: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the helper's interpreter be a shell script."""
    (tmp_path / "python").write_text(f"#!/bin/sh\n{does}\n")
    (tmp_path / "python").chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))


def test_a_helper_that_never_gets_ready_ends_with_the_frame_that_wanted_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    python_that(
        f"echo $$ >{tmp_path}/new && mv {tmp_path}/new {tmp_path}/pid; exec cat >/dev/null", tmp_path, monkeypatch
    )

    async def scenario() -> None:
        connection = LocalConnection(Endpoint("here"))
        frame = asyncio.create_task(connection.execute([Request(Run(("true",)), OTHER)]))
        await until((tmp_path / "pid").exists)
        frame.cancel()
        await asyncio.wait([frame])
        process = Path("/proc", (tmp_path / "pid").read_text().strip())
        await until(lambda: not process.exists(), 10)
        await connection.close()

    asyncio.run(scenario())


def test_a_helper_that_ends_at_once_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    python_that("echo it is broken >&2; exit 3", tmp_path, monkeypatch)

    async def scenario() -> None:
        connection = LocalConnection(Endpoint("here"))
        for _ in range(2):
            with pytest.raises(HostUnreachableError, match="it is broken"):
                await connection.execute([Request(Run(("true",)), OTHER)])
        await connection.close()

    asyncio.run(scenario())
