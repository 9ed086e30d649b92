# SPDX-License-Identifier: GPL-3.0-or-later
"""Manifests of the tests go to a directory of their own; hosts with and without Python."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from jetpack_plugin_unpack import sending

from jetpack_core.testing.host import TestHost
from jetpack_core.testing.no_python import ShellConnection


@pytest.fixture(autouse=True)
def state(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The state directory of the acting user."""
    folder = tmp_path_factory.mktemp("state")
    monkeypatch.setenv("XDG_STATE_HOME", str(folder))
    return folder


@pytest.fixture(params=["python", "shell"])
def host(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestHost]:
    if request.param == "python":
        with TestHost() as host:
            yield host
        return
    monkeypatch.setattr(sending, "_PICK", "\n".join(sending._PICK.splitlines()[3:]) + "\n")
    with TestHost(ShellConnection()) as host:
        yield host
