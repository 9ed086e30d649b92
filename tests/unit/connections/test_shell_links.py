# SPDX-License-Identifier: GPL-3.0-or-later
"""Links that a shell could not make: what is at the path afterwards stays, also when the shell ends."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from jetpack_core.connections import shell_script
from jetpack_core.connections.shell import ShellClient
from jetpack_core.contracts.operations import Link, Rename, Run
from jetpack_core.errors import OperationCode
from tests.unit.connections.test_shell_writes import SHELLS, ask, code, with_client

FASTER = b"""
ln() { for jfaster; do :; done; echo theirs >"$jfaster"; command ln "$@"; }
"""


@pytest.mark.parametrize("hard", [True, False])
@pytest.mark.parametrize("shell", SHELLS)
def test_a_path_whose_link_was_refused_stays(shell: str, hard: bool, tmp_path: Path) -> None:
    target, path = tmp_path / "target", tmp_path / "path"
    target.write_text("target")
    path.write_text("mine")

    async def use(client: ShellClient) -> None:
        (refused,) = await ask(client, Link(str(path), str(target), hard=hard))
        assert code(refused) is OperationCode.EXISTS

    with_client(shell, use)
    assert path.read_text() == "mine"


def made_by_a_command(path: Path) -> Run:
    return Run(("sh", "-c", 'echo rescued >"$1"', "sh", str(path)))


def renamed(path: Path) -> Rename:
    other = path.with_name("other")
    other.write_text("rescued\n")
    return Rename(str(other), str(path))


@pytest.mark.parametrize("rescue", [made_by_a_command, renamed])
@pytest.mark.parametrize("shell", SHELLS)
def test_a_path_that_is_made_after_its_link_failed_stays(
    shell: str, rescue: Callable[[Path], Run | Rename], tmp_path: Path
) -> None:
    path = tmp_path / "path"

    async def use(client: ShellClient) -> None:
        (failed,) = await ask(client, Link(str(path), str(tmp_path / "nowhere"), hard=True))
        assert code(failed) is OperationCode.NOT_FOUND
        (reply,) = await ask(client, rescue(path))
        assert reply.error is None

    with_client(shell, use)
    assert path.read_text() == "rescued\n"


@pytest.mark.parametrize("hard", [True, False])
@pytest.mark.parametrize("shell", SHELLS)
def test_a_path_that_somebody_else_made_first_stays(
    shell: str, hard: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = shell_script.program
    monkeypatch.setattr(shell_script, "program", lambda name: FASTER + before(name))
    target, path = tmp_path / "target", tmp_path / "path"
    target.write_text("target")

    async def use(client: ShellClient) -> None:
        (refused,) = await ask(client, Link(str(path), str(target), hard=hard))
        assert code(refused) is OperationCode.EXISTS

    with_client(shell, use)
    assert path.read_text() == "theirs\n"
