# SPDX-License-Identifier: GPL-3.0-or-later
"""`sd_service` on a scripted systemd: the states that no test can bring about at will, and what is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from jetpack_core.contracts.operations import Run
from jetpack_core.errors import OperationCode, OperationError, TaskError
from jetpack_core.modules.system.sd_service import SdService
from jetpack_core.modules.system.units import parse_unit
from jetpack_core.records import CommandResult, PlanKind
from jetpack_core.testing.examples import examples_of, make_module
from jetpack_core.testing.host import TestHost
from jetpack_core.testing.scripted import ScriptedConnection


def systemd(enabled: str = "", **properties: str) -> ScriptedConnection:
    """Return a host whose systemd says this of every unit."""
    known = {"LoadState": "loaded", "ActiveState": "inactive", "UnitFileState": "disabled", "CanReload": "no"}
    text = "".join(f"{name}={value}\n" for name, value in (known | properties).items())

    def answer(asked: Run) -> CommandResult:
        return CommandResult(asked.argv, 0, text if "show" in asked.argv else enabled)

    return ScriptedConnection().on(Run, answer)


def verbs(connection: ScriptedConnection, **parameters: object) -> list[str]:
    """Return what systemctl is told to do, and check that the plan took one round trip and apply one more."""
    known = ("daemon-reload", "unmask", "enable", "disable", "stop", "mask", "start", "restart", "reload")
    with TestHost(connection) as host:
        plan, _ = host.converge(SdService.model_validate({"service": "web", **parameters}))
        assert len(host.frames) == (2 if plan.needed else 1)
    acting = [
        operation for operation in connection.operations if isinstance(operation, Run) and not operation.read_only
    ]
    return [word for operation in acting for word in operation.argv if word in known]


@pytest.mark.parametrize(
    "name", ["", "-H", "a b", "a;b", "$(id)", "a\nb", "../x", "getty@", "getty@.service", "x" * 256, "é"]
)
def test_names_that_are_none_are_refused(name: str) -> None:
    with pytest.raises(ValidationError):
        SdService(service=name, started=True)


@pytest.mark.parametrize(("given_name", "name"), [("a", "a.service"), ("a.timer", "a.timer"), ("x.y", "x.y.service")])
def test_a_name_without_a_type_is_a_service(given_name: str, name: str) -> None:
    assert SdService(service=given_name, started=True).service == name


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"started": "false", "restart": "true"},
        {"started": "false", "reload": "true"},
        {"masked": "true", "started": "true"},
        {"masked": "true", "enabled": "true"},
        {"restarted": "true"},
    ],
)
def test_parameters_that_cannot_be_meant_are_refused(parameters: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        SdService.model_validate({"service": "web", **parameters})


def test_examples_are_valid() -> None:
    for example in examples_of(SdService):
        make_module(SdService, example.parameters)


@pytest.mark.parametrize(
    ("state", "parameters", "expected"),
    [
        ({}, {"started": True}, ["start"]),
        ({"ActiveState": "active"}, {"started": True}, []),
        ({"ActiveState": "activating"}, {"started": True}, []),
        ({"ActiveState": "deactivating"}, {"started": False}, ["stop"]),
        ({"ActiveState": "failed"}, {"started": False}, []),
        ({}, {"restart": True}, ["start"]),
        ({"ActiveState": "active"}, {"restart": True}, ["restart"]),
        ({"ActiveState": "active"}, {"restart": True, "reload": True}, ["restart"]),
        ({"ActiveState": "active", "CanReload": "yes"}, {"reload": True}, ["reload"]),
        ({}, {"reload": True}, []),
        ({}, {"reload": True, "started": True}, ["start"]),
        ({}, {"enabled": True, "started": True}, ["enable", "start"]),
        ({"UnitFileState": "enabled-runtime"}, {"enabled": True}, ["enable"]),
        ({"UnitFileState": "enabled-runtime"}, {"enabled": False}, ["disable"]),
        ({"UnitFileState": "linked"}, {"enabled": True}, ["enable"]),
        ({"UnitFileState": "indirect"}, {"enabled": True}, []),
        ({"UnitFileState": "static"}, {"enabled": False}, []),
        ({"ActiveState": "active"}, {"started": False, "masked": True}, ["stop", "mask"]),
        ({"LoadState": "masked", "UnitFileState": "masked"}, {"started": False, "enabled": False}, []),
        (
            {"LoadState": "masked", "UnitFileState": "masked"},
            {"started": True, "enabled": True, "masked": False},
            ["unmask", "enable", "start"],
        ),
        ({"NeedDaemonReload": "yes"}, {"started": True}, ["daemon-reload", "start"]),
        ({"NeedDaemonReload": "yes"}, {"started": True, "daemon_reload": False}, ["start"]),
        ({"NeedDaemonReload": "yes", "ActiveState": "active"}, {"started": True}, []),
        ({"ActiveState": "active"}, {"daemon_reload": True}, ["daemon-reload"]),
        ({"ActiveState": "active"}, {"daemon_reload": True, "restart": True}, ["daemon-reload", "restart"]),
        ({"LoadState": "not-found", "UnitFileState": ""}, {"started": False, "enabled": False}, []),
        ({"LoadState": "not-found", "UnitFileState": ""}, {"masked": True}, ["mask"]),
    ],
)
def test_only_what_is_needed_is_done(state: dict[str, str], parameters: dict[str, object], expected: list[str]) -> None:
    assert verbs(systemd(**state), **parameters) == expected


def test_an_init_script_is_asked_for_by_is_enabled() -> None:
    assert verbs(systemd("enabled\n", UnitFileState="generated"), enabled=True) == []
    assert verbs(systemd("disabled\n", UnitFileState="generated"), enabled=True) == ["enable"]


@pytest.mark.parametrize(
    ("state", "parameters", "message"),
    [
        ({"LoadState": "not-found", "UnitFileState": ""}, {"started": True}, "no unit web"),
        ({"LoadState": "masked", "UnitFileState": "masked"}, {"started": True}, "masked"),
        ({"LoadState": "masked", "UnitFileState": "masked"}, {"restart": True}, "masked"),
        ({"UnitFileState": "static"}, {"enabled": True}, "static"),
        ({"ActiveState": "active"}, {"reload": True}, "cannot read its configuration"),
        ({"LoadState": "bad-setting", "LoadError": 'x "it\'s wrong"'}, {"started": True}, "it's wrong"),
    ],
)
def test_what_cannot_be_is_an_error_before_anything_is_done(
    state: dict[str, str], parameters: dict[str, object], message: str
) -> None:
    script = systemd(**state)
    with TestHost(script) as host, pytest.raises(TaskError, match=message):
        host.converge(SdService.model_validate({"service": "web", **parameters}))
    assert all(isinstance(operation, Run) and operation.read_only for operation in script.operations)


def test_only_an_action_is_executed_and_a_new_state_is_a_change() -> None:
    with TestHost(systemd(ActiveState="active")) as host:
        assert host.plan(SdService(service="web", restart=True)).kind is PlanKind.EXECUTE
        plan = host.plan(SdService(service="web", restart=True, enabled=True))
    assert (plan.kind, [change.field for change in plan.changes]) == (PlanKind.MODIFY, ["enabled"])


def test_a_host_without_systemd_says_so() -> None:
    script = ScriptedConnection().on(Run, OperationError(OperationCode.NOT_FOUND, "systemctl"))
    with TestHost(script) as host, pytest.raises(TaskError, match="no systemctl"):
        host.plan(SdService(service="web", started=True))


@given(st.text(), st.text())
def test_whatever_is_printed_is_a_state(text: str, enabled: str) -> None:
    parse_unit("web.service", text, enabled)
