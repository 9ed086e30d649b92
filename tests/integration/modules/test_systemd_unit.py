# SPDX-License-Identifier: GPL-3.0-or-later
"""`systemd_unit` against a real systemd as process 1, and what it refuses before it gets there."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pydantic import ValidationError

from jetpack_core.errors import StaleError, TaskError
from jetpack_core.modules.system.sd_service import SdService
from jetpack_core.modules.system.systemd_unit import SystemdUnit
from jetpack_core.records import PlanKind
from jetpack_core.testing.examples import examples_of, make_module
from jetpack_core.testing.host import TestHost
from tests.integration.fleet import SshHost
from tests.integration.modules.conftest import Reach

pytestmark = [pytest.mark.docker, pytest.mark.ssh]

TEXT = "[Service]\nExecStart=/bin/sleep infinity\nEnvironment=A=%s\n"
PATH = "/etc/systemd/system/written.service"


@pytest.fixture
def host(reach: Reach, systemd_machine: SshHost) -> Iterator[TestHost]:
    with reach(systemd_machine) as target:
        yield target
    systemd_machine.shell(f"systemctl stop written 2>/dev/null; rm -f {PATH}; systemctl daemon-reload")


def test_a_unit_is_written_read_changed_and_removed(host: TestHost, systemd_machine: SshHost) -> None:
    for value, kind in (("one", PlanKind.CREATE), ("two", PlanKind.MODIFY)):
        module = SystemdUnit(unit="written", content=TEXT % value)
        planned = host.plan(module, planning=True)
        host.frames.clear()
        plan, _ = host.converge(module)
        assert (plan.kind, plan.changes) == (kind, planned.changes)
        assert len(host.frames) <= 4
        assert host.plan(module).kind is PlanKind.NONE
        host.converge(SdService(service="written", started=True))
        shown = systemd_machine.shell("systemctl show -P Environment -P NeedDaemonReload written").split()
        assert shown == [f"A={value}", "no"]
    assert systemd_machine.shell(f"stat -c '%a %U' {PATH}") == "644 root\n"
    host.converge(SdService(service="written", started=False))
    removal = SystemdUnit(unit="written", remove=True)
    assert host.converge(removal)[0].kind is PlanKind.REMOVE
    assert host.plan(removal).kind is PlanKind.NONE
    assert systemd_machine.shell("systemctl show -P LoadState written") == "not-found\n"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[Service]\nExecStart=relative\n", "written.service"),
        ("[Service]\nExecStart=/no/such/program\n", "/no/such/program"),
        ("[Service]\nExecStart=/bin/true\nRestartt=always\n", "Restartt"),
        ("this is no unit\n", "written.service"),
    ],
)
def test_a_text_that_systemd_could_not_use_is_not_put_in_place(
    host: TestHost, systemd_machine: SshHost, text: str, words: str
) -> None:
    with pytest.raises(TaskError, match=words):
        host.converge(SystemdUnit(unit="written", content=text))
    assert not systemd_machine.exists(PATH)


def test_a_change_in_between_is_not_lost(host: TestHost, systemd_machine: SshHost) -> None:
    module = SystemdUnit(unit="written", content=TEXT % "mine")
    plan = host.plan(module)
    systemd_machine.write(PATH, (TEXT % "theirs").encode())
    with pytest.raises(StaleError):
        host.apply(module, plan)
    assert b"theirs" in systemd_machine.read(PATH)


@pytest.mark.parametrize("parameters", [{}, {"content": ""}, {"content": "[Unit]\n", "remove": "true"}])
def test_what_cannot_be_meant_is_refused(parameters: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        SystemdUnit.model_validate({"unit": "written", **parameters})


def test_examples_are_valid() -> None:
    for example in examples_of(SystemdUnit):
        make_module(SystemdUnit, example.parameters)
