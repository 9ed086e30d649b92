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
    systemd_machine.shell(
        "systemctl stop written 'many-written@*' 2>/dev/null; cd /etc/systemd/system;"
        "rm -rf written.service written.service.d many-written@.service* cron.service.d; systemctl daemon-reload"
    )


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


def test_a_template_is_written_and_an_instance_of_it_started(host: TestHost, systemd_machine: SshHost) -> None:
    module = SystemdUnit(unit="many-written@", content="[Service]\nExecStart=/bin/sleep %i\n")
    host.converge(module)
    assert host.plan(module).kind is PlanKind.NONE
    host.converge(SdService(service="many-written@1000", started=True))
    assert systemd_machine.shell("systemctl is-active many-written@1000") == "active\n"
    for text, words in (("[Service]\nExecStart=relative %i\n", "relative"), ("[Service]\nExecStat=/x\n", "ExecStat")):
        with pytest.raises(TaskError, match=words):
            host.converge(SystemdUnit(unit="many-written@", content=text))
    assert host.plan(module).kind is PlanKind.NONE


def test_a_drop_in_adds_to_a_unit_of_the_system(host: TestHost, systemd_machine: SshHost) -> None:
    path = "/etc/systemd/system/cron.service.d/more.conf"
    for text, value in (("[Service]\nEnvironment=A=1\n", "A=1"), ("[Service]\nEnvironment=A=2\n", "A=2")):
        module = SystemdUnit(unit="cron", dropin="more", content=text)
        planned = host.plan(module, planning=True)
        host.frames.clear()
        plan, _ = host.converge(module)
        assert (plan.kind, plan.changes) == (planned.kind, planned.changes)
        assert len(host.frames) <= 4
        assert host.plan(module).kind is PlanKind.NONE
        assert value in systemd_machine.shell("systemctl show -P Environment cron")
    assert systemd_machine.shell(f"stat -c '%a %U' {path} $(dirname {path})") == "644 root\n755 root\n"
    assert "cron.service" not in systemd_machine.shell("ls /etc/systemd/system").split()
    removal = SystemdUnit(unit="cron", dropin="more.conf", remove=True)
    assert host.converge(removal)[0].kind is PlanKind.REMOVE
    assert host.plan(removal).kind is PlanKind.NONE
    assert "A=2" not in systemd_machine.shell("systemctl show -P Environment cron")


@pytest.mark.parametrize(
    ("unit", "text", "words"),
    [
        ("cron", "[Service]\nNic=3\n", "Nic"),
        ("cron", "[Service]\nExecStart=/bin/true\n", "cron.service"),
        ("many-written@", "[Service]\nNice=3\nWrong=yes\n", "Wrong"),
        ("no-such", "[Service]\nNice=3\n", "no unit no-such.service, or"),
    ],
)
def test_a_drop_in_that_makes_no_unit_is_not_put_in_place(
    host: TestHost, systemd_machine: SshHost, unit: str, text: str, words: str
) -> None:
    host.converge(SystemdUnit(unit="many-written@", content="[Service]\nExecStart=/bin/sleep %i\n"))
    before = systemd_machine.shell("ls -R /etc/systemd/system; ls -A /tmp")
    with pytest.raises(TaskError, match=words):
        host.converge(SystemdUnit(unit=unit, dropin="more", content=text))
    assert systemd_machine.shell("ls -R /etc/systemd/system; ls -A /tmp") == before


def test_a_drop_in_is_written_before_its_unit_where_that_is_wanted(host: TestHost) -> None:
    host.converge(SystemdUnit(unit="written", dropin="more", content="[Service]\nNice=3\n", verify_unit=False))
    host.converge(SystemdUnit(unit="written", content=TEXT % "one"))
    host.converge(SdService(service="written", started=True))
    said = host.ask(host.query(["systemctl", "show", "-P", "Nice", "written"]))
    assert said.stdout == "3\n"


def test_a_change_in_between_is_not_lost(host: TestHost, systemd_machine: SshHost) -> None:
    module = SystemdUnit(unit="written", content=TEXT % "mine")
    plan = host.plan(module)
    systemd_machine.write(PATH, (TEXT % "theirs").encode())
    with pytest.raises(StaleError):
        host.apply(module, plan)
    assert b"theirs" in systemd_machine.read(PATH)


@pytest.mark.parametrize(
    "parameters",
    [{}, {"content": ""}, {"content": "[Unit]\n", "remove": "true"}, {"content": "[Unit]\n", "dropin": "a/b"}],
)
def test_what_cannot_be_meant_is_refused(parameters: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        SystemdUnit.model_validate({"unit": "written", **parameters})


def test_examples_are_valid() -> None:
    for example in examples_of(SystemdUnit):
        make_module(SystemdUnit, example.parameters)
