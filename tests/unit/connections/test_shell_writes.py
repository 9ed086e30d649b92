# SPDX-License-Identifier: GPL-3.0-or-later
"""Large files through a shell: few round trips, and a shell that stays in step whatever goes wrong."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import pytest

from jetpack_core.connections.payload import SHELL_BOOT
from jetpack_core.connections.pipe import ProcessPipe
from jetpack_core.connections.shell import ShellClient
from jetpack_core.connections.shell_transfer import PIECE
from jetpack_core.contracts.operations import Operation, Put, Read, Reply, Request, RunFile, Write
from jetpack_core.errors import HostUnreachableError, OperationCode, OperationError, SourceChangedError
from jetpack_core.records import CommandResult

T = TypeVar("T")
SHELLS = [name for name in ("dash", "bash", "busybox") if shutil.which(name)]


class DisturbedPipe(ProcessPipe):
    """A pipe where something happens once the first bytes of a large file were sent."""

    disturb: Callable[[ProcessPipe], None] | None = None

    async def write(self, data: bytes) -> None:
        await super().write(data)
        if self.disturb is not None and len(data) > 64 << 10:
            self.disturb(self)


def with_client(shell: str, use: Callable[[ShellClient], Awaitable[T]], kind: type[ProcessPipe] = ProcessPipe) -> T:
    async def run() -> T:
        pipe = await kind.start([shell, *(["sh"] if shell == "busybox" else []), "-c", SHELL_BOOT])
        assert await pipe.read() == b"S"
        client = ShellClient(pipe)
        try:
            await client.start()
            return await use(client)
        finally:
            await client.close()

    return asyncio.run(run())


async def ask(client: ShellClient, *operations: Operation[object]) -> list[Reply]:
    return await client.execute([Request(operation) for operation in operations])


def code(reply: Reply) -> OperationCode:
    assert isinstance(reply.error, OperationError)
    return reply.error.code


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize(("size", "round_trips"), [(0, 1), (1, 1), (PIECE, 1), (PIECE + 1, 2), (3 * PIECE, 3)])
def test_a_file_takes_a_round_trip_a_piece(shell: str, size: int, round_trips: int, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes((b"0123456789\n" * (size // 11 + 1))[:size])
    destination = tmp_path / "destination"

    async def use(client: ShellClient) -> int:
        before = client.round_trips
        (reply,) = await ask(client, Put(source, str(destination), mode=0o640))
        assert reply.error is None
        return client.round_trips - before

    assert with_client(shell, use) == round_trips
    assert destination.read_bytes() == source.read_bytes()
    assert destination.stat().st_mode & 0o777 == 0o640
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".jetpack")] == []


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("pieces", [1, 3])
def test_a_write_that_is_refused_leaves_the_shell_in_step(shell: str, pieces: int, tmp_path: Path) -> None:
    content = b"echo never run\nR touch x\nN4\n" * (pieces * PIECE // 28)
    (tmp_path / "there").write_bytes(b"still here")

    async def use(client: ShellClient) -> None:
        refused, after = await ask(client, Write(str(tmp_path / "no/where"), content), Read(str(tmp_path / "there")))
        assert code(refused) is OperationCode.NOT_FOUND
        assert not after.ran
        (reply,) = await ask(client, Read(str(tmp_path / "there")))
        assert reply.value == b"still here"
        (reply,) = await ask(client, Write(str(tmp_path / "there"), content))
        assert reply.error is None

    with_client(shell, use)
    assert (tmp_path / "there").read_bytes() == content


@pytest.mark.parametrize("shell", SHELLS)
def test_a_source_that_is_gone_leaves_the_destination(shell: str, tmp_path: Path) -> None:
    there = tmp_path / "there"
    there.write_bytes(b"still here")

    async def use(client: ShellClient) -> None:
        (refused,) = await ask(client, Put(tmp_path / "gone", str(there)))
        assert "control machine" in str(refused.error)
        (reply,) = await ask(client, Read(str(there)))
        assert reply.value == b"still here"

    with_client(shell, use)
    assert [path.name for path in tmp_path.iterdir()] == ["there"]


@pytest.mark.skipif("busybox" not in SHELLS, reason="needs busybox")
def test_files_whose_names_take_lines_are_written_by_busybox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Its `head` reads more than it was asked for, and what it swallowed is waited for in vain.
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "head").symlink_to(str(shutil.which("busybox")))
    monkeypatch.setenv("PATH", f"{tools}:{os.environ['PATH']}")
    source = tmp_path / "source"
    source.write_bytes(b"text")

    async def use(client: ShellClient) -> None:
        async with asyncio.timeout(60):
            for number in range(40):
                (reply,) = await ask(client, Put(source, f"{tmp_path}/a\nb{number}", mode=0o600))
                assert reply.error is None

    with_client("busybox", use)
    assert (tmp_path / "a\nb39").read_bytes() == b"text"


@pytest.mark.parametrize("shell", SHELLS)
def test_a_file_that_is_cut_off_by_the_network_is_not_put_in_place(shell: str, tmp_path: Path) -> None:
    source, there = tmp_path / "source", tmp_path / "there"
    source.write_bytes(bytes(1 << 20))
    there.write_bytes(b"still here")

    def hang_up(pipe: ProcessPipe) -> None:
        assert pipe._process.stdin is not None
        pipe._process.stdin.close()
        raise ConnectionResetError("cut")

    async def use(client: ShellClient) -> None:
        client.pipe.disturb = hang_up  # type: ignore[attr-defined]
        with pytest.raises(HostUnreachableError):
            await ask(client, Put(source, str(there)))

    # Closing waits for the shell to end, and it ends when it has dealt with what came.
    with_client(shell, use, DisturbedPipe)
    assert there.read_bytes() == b"still here"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["source", "there"]


@pytest.mark.parametrize("shell", SHELLS)
def test_a_source_that_becomes_shorter_is_not_put_in_place(shell: str, tmp_path: Path) -> None:
    source, there = tmp_path / "source", tmp_path / "there"
    source.write_bytes(bytes(3 * PIECE))
    there.write_bytes(b"still here")

    async def use(client: ShellClient) -> None:
        client.pipe.disturb = lambda _: os.truncate(source, 10)  # type: ignore[attr-defined]
        (reply,) = await ask(client, Put(source, str(there)))
        assert isinstance(reply.error, SourceChangedError)
        (after,) = await ask(client, Read(str(there)))
        assert after.value == b"still here"

    with_client(shell, use, DisturbedPipe)
    assert there.read_bytes() == b"still here"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["source", "there"]


def test_a_file_whose_size_the_system_does_not_tell_is_sent_whole(tmp_path: Path) -> None:
    source, there = Path("/proc/version"), tmp_path / "there"
    assert source.stat().st_size == 0

    async def use(client: ShellClient) -> None:
        (reply,) = await ask(client, Put(source, str(there)))
        assert reply.error is None

    with_client("sh", use)
    assert there.read_bytes() == source.read_bytes()


def test_a_large_file_is_never_whole_in_memory(tmp_path: Path) -> None:
    source, there = tmp_path / "source", tmp_path / "there"
    source.write_bytes(bytes(PIECE))
    largest = 0

    class Weighed(ProcessPipe):
        async def write(self, data: bytes) -> None:
            nonlocal largest
            largest = max(largest, len(data))
            await super().write(data)

    async def use(client: ShellClient) -> None:
        (reply,) = await ask(client, Put(source, str(there)))
        assert reply.error is None

    with_client("sh", use, Weighed)
    assert largest <= PIECE // 4


@pytest.mark.parametrize("shell", SHELLS)
def test_a_program_takes_two_round_trips_and_leaves_nothing(shell: str, tmp_path: Path) -> None:
    source = tmp_path / "it's"
    source.write_text('echo "$0 $1"')

    async def use(client: ShellClient) -> int:
        before = client.round_trips
        (reply,) = await ask(client, RunFile(("sh", "it's", "x"), source=source, place=1))
        assert isinstance(reply.value, CommandResult)
        path, word = reply.value.stdout.rsplit(" ", 1)
        assert word == "x\n"
        assert Path(path).name == "it's"
        assert not Path(path).parent.exists()
        assert Path(path).parents[1].exists()
        return client.round_trips - before

    assert with_client(shell, use) == 2
