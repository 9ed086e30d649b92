# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts that let us in and then do not start what serves the run: what is said of each."""

from __future__ import annotations

import pytest

from jetpack_core.errors import HostUnreachableError
from tests.integration.connections.conftest import Connect
from tests.integration.connections.test_faults import reload_sshd
from tests.integration.fleet.session import Fleet

pytestmark = [pytest.mark.docker, pytest.mark.ssh]


def said_of(fleet: Fleet, connect: Connect, settings: str, setup: str = "true") -> HostUnreachableError:
    """Connect in vain to a host whose sshd has these settings, and return why it is not reached."""
    host = fleet.start("debian")
    try:
        host.shell(setup)
        reload_sshd(host, f"Match User ops\n{settings}".encode())
        with pytest.raises(HostUnreachableError) as caught:
            connect(host, "ops", connect_timeout=5.0)
    finally:
        fleet.remove(host)
    return caught.value


def test_a_forced_command_that_ends_at_once(fleet: Fleet, connect: Connect) -> None:
    error = said_of(fleet, connect, "ForceCommand /bin/false\n")
    assert error.message == "it let us in, but the login shell ended at once (exit code 1)"
    assert "ForceCommand" in error.hint
    assert "nologin" in error.hint


def test_a_forced_command_that_says_why(fleet: Fleet, connect: Connect) -> None:
    error = said_of(fleet, connect, "ForceCommand echo no; echo entry >&2; exit 7\n")
    assert error.message == "it let us in, but the login shell ended at once (exit code 7), it said: no entry"


def test_a_login_shell_that_ends_at_once(fleet: Fleet, connect: Connect) -> None:
    error = said_of(fleet, connect, "", "usermod --shell /bin/true ops")
    assert error.message == "it let us in, but the login shell ended at once (exit code 0)"
    assert "ForceCommand" in error.hint


def test_a_login_shell_that_is_killed(fleet: Fleet, connect: Connect) -> None:
    # It leaves no exit code.
    error = said_of(fleet, connect, "ForceCommand kill -KILL $$\n")
    assert error.message == "the connection was lost"


def test_silence_after_the_login(fleet: Fleet, connect: Connect) -> None:
    error = said_of(fleet, connect, "ForceCommand sleep 1234\n")
    assert error.message == "it lets us in, but did not start the helper in 15 s"
    assert "login shell" in error.hint
    assert "network" in error.hint
