# SPDX-License-Identifier: GPL-3.0-or-later
"""`service` on scripted hosts: how it chooses, and the states that no test can bring about at will."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from jetpack_core.contracts.operations import Run, Stat
from jetpack_core.errors import OperationCode, OperationError, TaskError
from jetpack_core.modules.system.service import Service
from jetpack_core.records import CommandResult, FileKind, FileStat, PlanKind
from jetpack_core.testing.host import TestHost
from jetpack_core.testing.modules import ModuleConformance
from jetpack_core.testing.scripted import ScriptedConnection

SYSTEMD = "LoadState=loaded\nActiveState=inactive\nUnitFileState=disabled\nCanReload=no\n"


class TestConformance(ModuleConformance):
    module = Service


def host_with(
    paths: set[str], *, status: int = 3, levels: str = "", script: bytes | None = b"status)"
) -> ScriptedConnection:
    """Return a host on which these paths are, and whose init system answers so."""

    def run(asked: Run) -> CommandResult:
        if "systemctl" in asked.argv:
            return CommandResult(asked.argv, 0, SYSTEMD if "show" in asked.argv else "disabled\n")
        return CommandResult(asked.argv, status if "status" in asked.argv else 0, levels, "what it said\n")

    def stat(asked: Stat) -> FileStat:
        if asked.path == "/etc/init.d/web":
            return FileStat(asked.path) if script is None else FileStat(asked.path, FileKind.FILE, content=script)
        return FileStat(asked.path, FileKind.DIRECTORY if asked.path in paths else FileKind.MISSING)

    return ScriptedConnection().on(Run, run).on(Stat, stat)


OPENRC = {"/run/openrc/softlevel", "/etc/init.d"}
SYSV = {"/etc/init.d", "/usr/sbin/service"}


@pytest.mark.parametrize("name", ["", "-a", ".", "../x", "a/b", "a b", "a;b", "$(id)", "a\nb", "é", "x" * 256])
def test_names_that_are_none_are_refused(name: str) -> None:
    with pytest.raises(ValidationError):
        Service(service=name, started=True)


@pytest.mark.parametrize(
    "parameters",
    [{}, {"started": "false", "restart": "true"}, {"started": "false", "reload": "true"}, {"masked": "true"}],
)
def test_parameters_that_cannot_be_meant_are_refused(parameters: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        Service.model_validate({"service": "web", **parameters})


@pytest.mark.parametrize(
    ("paths", "program"),
    [({"/run/systemd/system", *SYSV}, "systemctl"), (OPENRC, "rc-service"), (SYSV, "service")],
)
def test_the_init_system_that_runs_is_chosen_by_what_is_there(paths: set[str], program: str) -> None:
    script = host_with(paths)
    with TestHost(script) as host:
        assert host.plan(Service(service="web", started=True)).kind is PlanKind.MODIFY
        assert len(host.frames) == 2
    assert script.commands[0][0] == program


@pytest.mark.parametrize(("fact", "program"), [("systemd", "systemctl"), ("openrc", "rc-service")])
def test_the_fact_spares_the_question(fact: str, program: str) -> None:
    script = host_with(set())
    with TestHost(script, variables={"jet_init": fact}) as host:
        host.plan(Service(service="web", started=True))
        assert len(host.frames) == 1
    assert script.commands[0][0] == program


@pytest.mark.parametrize(
    ("paths", "words"),
    [
        (set(), "neither systemd nor OpenRC"),
        ({"/run/runit", *SYSV}, "managed by runit"),
        ({"/System/Library/LaunchDaemons"}, "managed by launchd"),
        ({"/etc/init.d"}, "neither systemd nor OpenRC"),
    ],
)
def test_an_init_system_that_is_not_known_is_named(paths: set[str], words: str) -> None:
    with TestHost(host_with(paths)) as host, pytest.raises(TaskError, match=words):
        host.plan(Service(service="web", started=True))


def test_systemd_is_told_what_was_given_and_its_refusals_are_those_of_its_module() -> None:
    with TestHost(host_with({"/run/systemd/system"})) as host:
        plan, outcome = host.converge(Service(service="web", started=True, enabled=True))
        assert [change.field for change in plan.changes] == ["enabled", "state"]
        assert outcome.result["active"] == "inactive"
        with pytest.raises(TaskError, match="not the name of a unit"):
            host.plan(Service(service="c++", started=True))


@pytest.mark.parametrize(
    ("status", "levels", "parameters", "acts"),
    [
        (3, "", {"started": True, "enabled": True}, ["rc-update add default", "rc-service start"]),
        (0, "default\n", {"started": True, "enabled": True}, []),
        (8, "", {"started": True}, []),
        (
            0,
            "boot\ndefault\n",
            {"started": False, "enabled": False},
            ["rc-update del boot", "rc-update del default", "rc-service stop"],
        ),
        (32, "", {"started": True}, ["rc-service start"]),
        (32, "", {"started": False}, []),
        (0, "", {"restart": True, "reload": True}, ["rc-service restart"]),
        (3, "", {"restart": True}, ["rc-service start"]),
        (0, "", {"reload": True}, ["rc-service reload"]),
        (3, "", {"reload": True}, []),
    ],
)
def test_openrc_does_only_what_is_needed(
    status: int, levels: str, parameters: dict[str, bool], acts: list[str]
) -> None:
    with TestHost(host_with(OPENRC, status=status, levels=levels)) as host:
        module = Service.model_validate({"service": "web", **parameters})
        plan = host.plan(module)
        words = " ".join(" ".join(command) for command in plan.data.commands) if plan.needed else ""  # type: ignore[attr-defined]
    said = words.replace("--nocolor ", "").replace(" web", "")
    assert plan.needed == bool(acts)
    assert all(act in said for act in acts)


@pytest.mark.parametrize(
    ("status", "script", "words"),
    [
        (4, b"status)", "what it said"),
        (0, b"start|stop)", "its init script has no `status`"),
        (0, None, "SysVinit knows no service web"),
    ],
)
def test_what_an_init_script_cannot_tell_is_an_error(status: int, script: bytes | None, words: str) -> None:
    with TestHost(host_with(SYSV, status=status, script=script)) as host:
        with pytest.raises(TaskError, match=words):
            host.plan(Service(service="web", started=True))
        if script is not None:
            assert host.plan(Service(service="web", enabled=False)).kind is PlanKind.NONE


def test_nobody_starts_what_is_not_there() -> None:
    with TestHost(host_with(OPENRC, status=1, script=None)) as host:
        assert host.plan(Service(service="web", started=False, enabled=False)).kind is PlanKind.NONE


def test_a_service_that_stops_right_after_its_start_is_told() -> None:
    with TestHost(host_with(OPENRC, status=32)) as host, pytest.raises(TaskError, match="does not run after all: what"):
        host.converge(Service(service="web", started=True))


def test_a_missing_tool_is_named() -> None:
    script = host_with(OPENRC).on(Run, OperationError(OperationCode.NOT_FOUND, "rc-service"))
    with TestHost(script) as host, pytest.raises(TaskError, match="no rc-service, a tool of OpenRC"):
        host.plan(Service(service="web", started=True))
