# SPDX-License-Identifier: GPL-3.0-or-later
"""The host and the scripted connection that plugin authors test with."""

from __future__ import annotations

import asyncio
import threading

import pytest

from jetpack_core.contracts.host import Host
from jetpack_core.contracts.operations import Remove, Run, Stat
from jetpack_core.errors import OperationCode, OperationError
from jetpack_core.records import CommandResult, FileKind, FileStat
from jetpack_core.testing.host import TestHost
from jetpack_core.testing.scripted import ScriptedConnection, UnexpectedOperationError

MOTD = FileStat("/etc/motd", FileKind.FILE, mode=0o644)


def test_a_gather_is_one_frame_and_two_awaits_are_two() -> None:
    async def ask(host: Host) -> tuple[FileStat, ...]:
        await host.stat("/")
        return await host.gather([host.stat("/"), host.stat("/")])

    with TestHost() as host:
        assert [now.kind for now in host.drive(ask(host))] == [FileKind.DIRECTORY] * 2
        assert [len(frame) for frame in host.frames] == [1, 2]


def test_steps_of_the_control_machine_work() -> None:
    async def everything(host: Host) -> str:
        await host.sleep(0)
        await host.barrier(1)
        await host.reconnect(1)
        return await host.in_thread(lambda: "done")

    with TestHost() as host:
        assert host.drive(everything(host)) == "done"


def test_variables_are_rendered_and_evaluated() -> None:
    with TestHost(variables={"port": 80}, name="web1") as host:
        assert (host.name, host.render("{{ port }}"), host.evaluate("port > 100")) == ("web1", 80, False)
        assert host.groups == {"all": ("web1",)}


def test_a_script_answers_and_keeps_a_log() -> None:
    connection = ScriptedConnection().on(Stat("/etc/motd"), MOTD)
    connection.command(["uptime"], rc=3, stdout="up")
    with TestHost(connection) as host:
        assert host.ask(host.stat("/etc/motd")) == MOTD
        assert host.ask(host.run(["uptime"], env={"A": "b"})) == CommandResult(("uptime",), 3, "up")
    assert connection.commands == [("uptime",)]
    assert [type(operation) for operation in connection.operations] == [Stat, Run]


def test_answers_come_in_turn_and_the_last_one_stays() -> None:
    connection = ScriptedConnection().on(Stat, MOTD, FileStat("/etc/motd"))
    with TestHost(connection) as host:
        assert [host.ask(host.stat("/etc/motd")).exists for _ in range(3)] == [True, False, False]


def test_the_latest_rule_wins_and_answers_may_be_computed() -> None:
    connection = ScriptedConnection().on(Stat, MOTD).on(lambda one: one == Stat("/x"), lambda one: FileStat(one.path))
    with TestHost(connection) as host:
        assert host.ask(host.stat("/x")) == FileStat("/x")
        assert host.ask(host.stat("/y")) == MOTD


def test_a_failing_change_stops_the_frame() -> None:
    refused = OperationError(OperationCode.PERMISSION, "/a")
    connection = ScriptedConnection().on(Remove("/a"), refused).on(Remove("/b"), None)
    with TestHost(connection) as host, pytest.raises(OperationError, match="permission denied"):
        host.ask(host.gather([host.remove("/a"), host.remove("/b")]))


def test_what_the_script_does_not_know_is_the_tests_failure() -> None:
    with TestHost(ScriptedConnection()) as host, pytest.raises(UnexpectedOperationError, match="/etc/motd"):
        host.ask(host.stat("/etc/motd"))


def test_a_connection_goes_on_while_a_test_is_busy_elsewhere() -> None:
    beats = 0
    enough = threading.Event()

    class Beating(ScriptedConnection):
        """Gives signs of life, as the real ones do."""

        async def connect(self) -> None:
            self.beating = asyncio.create_task(self.beat())

        async def beat(self) -> None:
            nonlocal beats
            while True:
                await asyncio.sleep(0.01)
                beats += 1
                if beats == 3:
                    enough.set()

        async def close(self) -> None:
            self.beating.cancel()

    with TestHost(Beating()):
        assert enough.wait(30)
