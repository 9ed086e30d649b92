# SPDX-License-Identifier: GPL-3.0-or-later
"""reboot, on a scripted host: no test can restart the machine it runs on."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from jetpack_core.contracts.operations import Operation, Run
from jetpack_core.errors import HostUnreachableError, OperationCode, OperationError, TaskError
from jetpack_core.modules.control.reboot import Reboot, boot_mark
from jetpack_core.records import CommandResult
from jetpack_core.testing.scripted import ScriptedConnection
from tests.unit.modules.control.driving import Here

BOOT = ["cat", "/proc/sys/kernel/random/boot_id", "/proc/1/stat"]
LOST = HostUnreachableError("box: connection lost")


def stat(started: int) -> str:
    return f"1 (init) of (x) S {' '.join(['0'] * 18)} {started} 1 2\n"


def boot(identity: str, started: int = 5) -> CommandResult:
    return CommandResult(tuple(BOOT), 0, f"{identity}\n{stat(started)}")


def runs(*argv: str) -> object:
    def meant(operation: Operation[object]) -> bool:
        return isinstance(operation, Run) and operation.argv[: len(argv)] == argv

    return meant


def missing(*argv: str) -> OperationError:
    return OperationError(OperationCode.NOT_FOUND, argv[0])


def box(boots: Sequence[object], restart: object = LOST) -> ScriptedConnection:
    connection = ScriptedConnection()
    connection.on(runs("shutdown"), restart)  # type: ignore[arg-type]
    connection.on(runs(*BOOT), *boots)  # type: ignore[arg-type]
    return connection


def restart(connection: ScriptedConnection, **parameters: object) -> tuple[Here, object]:
    host = Here(connect=lambda: connection)
    module = Reboot.model_validate({"delay": 0.01, "timeout": 2, **parameters})
    return host, host.apply(module)


def test_connection_that_drops_at_once_is_expected() -> None:
    connection = box([boot("old"), boot("new")])
    restart(connection, msg="a new kernel")
    assert connection.commands == [tuple(BOOT), ("shutdown", "-r", "now", "a new kernel"), tuple(BOOT)]


def test_host_that_still_answers_while_it_goes_down_is_not_taken_for_back() -> None:
    connection = box([boot("old"), boot("old"), boot("old"), LOST, boot("new")], CommandResult(("shutdown",), 0))
    restart(connection)
    assert connection.commands.count(tuple(BOOT)) == 5


def test_container_is_back_when_its_first_process_is_another() -> None:
    connection = box([boot("same", 5), boot("same", 900)])
    restart(connection)
    assert connection.commands.count(tuple(BOOT)) == 2


def test_host_that_never_goes_down_fails() -> None:
    with pytest.raises(TaskError, match=r"not back after 0\.1 seconds: it did not go down"):
        restart(box([boot("old")], CommandResult(("shutdown",), 0)), timeout=0.1)


def test_test_command_must_succeed_before_the_host_counts_as_back() -> None:
    connection = box([boot("old"), boot("new")])
    ended = [missing("check"), CommandResult(("check",), 1), CommandResult(("check",), 0)]
    connection.on(runs("check"), *ended)  # type: ignore[arg-type]
    restart(connection, test_command=["check", "-x"])
    assert connection.commands.count(("check", "-x")) == 3


def test_other_programs_are_tried_where_there_is_no_shutdown() -> None:
    connection = box([boot("old"), boot("new")], missing("shutdown"))
    connection.on(runs("systemctl"), missing("systemctl"))  # type: ignore[arg-type]
    connection.on(runs("reboot"), CommandResult(("reboot",), -15))  # type: ignore[arg-type]
    restart(connection)
    assert ("reboot",) in connection.commands


@pytest.mark.parametrize(
    "answer",
    [
        CommandResult(("shutdown",), 1, "", "Interactive authentication required."),
        OperationError(OperationCode.PERMISSION, "shutdown"),
    ],
)
def test_refused_restart_fails_at_once(answer: object) -> None:
    connection = box([boot("old"), boot("new")], answer)
    with pytest.raises((TaskError, OperationError), match=r"Interactive|permission"):
        restart(connection)
    assert connection.commands.count(tuple(BOOT)) == 1


def test_command_of_the_task_replaces_the_usual_ones() -> None:
    connection = box([boot("old"), boot("new")])
    connection.on(runs("molly-guard"), LOST)  # type: ignore[arg-type]
    restart(connection, command=["molly-guard", "now"])
    assert ("molly-guard", "now") in connection.commands
    assert not any(argv[0] == "shutdown" for argv in connection.commands)


def test_control_machine_is_not_restarted() -> None:
    with pytest.raises(TaskError, match="control machine itself"):
        Here().plan(Reboot())


def test_host_that_does_not_tell_when_it_was_started_is_left_alone() -> None:
    connection = box([CommandResult(tuple(BOOT), 1)])
    connection.on(runs("sysctl"), missing("sysctl"))  # type: ignore[arg-type]
    with pytest.raises(TaskError, match="does not tell when it was started"):
        restart(connection)


def test_mark_tells_starts_apart_and_nothing_else() -> None:
    assert boot_mark(f"id\n{stat(7)}") == "id 7"
    assert boot_mark("{ sec = 1700000000, usec = 0 } Tue\n") == "{ sec = 1700000000, usec = 0 } Tue"
    assert boot_mark("id\n1 (odd") == "id"
    assert boot_mark("") == ""
