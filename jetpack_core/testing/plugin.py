# SPDX-License-Identifier: GPL-3.0-or-later
"""The pytest plugin `jetpack`: fixtures for whoever has jetpack-core installed.

It loads with every pytest run there, so it imports nothing until a fixture is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from jetpack_core.testing.command_line import CommandLine
    from jetpack_core.testing.host import TestHost
    from jetpack_core.testing.playbooks import PlaybookRunner
    from jetpack_core.testing.sandbox import Sandbox
    from jetpack_core.testing.scripted import ScriptedConnection


@pytest.fixture
def jetpack_host() -> Iterator[TestHost]:
    """This machine as a host: real operations, of the user who runs the tests."""
    from jetpack_core.testing.host import TestHost

    with TestHost() as host:
        yield host


@pytest.fixture
def jetpack_sandbox(jetpack_host: TestHost) -> Iterator[Sandbox]:
    """A fresh directory on `jetpack_host`, removed after the test."""
    from jetpack_core.testing.sandbox import Sandbox

    sandbox = Sandbox(jetpack_host)
    yield sandbox
    sandbox.close()


@pytest.fixture
def scripted_connection() -> ScriptedConnection:
    """A connection that answers as the test says; `scripted_host` is behind it."""
    from jetpack_core.testing.scripted import ScriptedConnection

    return ScriptedConnection()


@pytest.fixture
def scripted_host(scripted_connection: ScriptedConnection) -> Iterator[TestHost]:
    """A host behind `scripted_connection`, for what cannot happen on a real one at will."""
    from jetpack_core.testing.host import TestHost

    with TestHost(scripted_connection, name="scripted") as host:
        yield host


@pytest.fixture
def run_playbook(tmp_path: Path) -> PlaybookRunner:
    """Run a playbook's text; see `jetpack_core.testing.playbooks.PlaybookRunner`."""
    from jetpack_core.testing.playbooks import PlaybookRunner

    return PlaybookRunner(tmp_path)


@pytest.fixture
def run_jetpack(tmp_path: Path) -> CommandLine:
    """Call `jetpack` in the test's folder; see `jetpack_core.testing.command_line.CommandLine`."""
    from jetpack_core.testing.command_line import CommandLine

    return CommandLine(tmp_path)
