# SPDX-License-Identifier: GPL-3.0-or-later
"""`sd_service` against a real systemd as process 1."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from jetpack_core.errors import TaskError
from jetpack_core.modules.system.sd_service import SdService
from jetpack_core.records import Outcome, Plan, PlanKind
from jetpack_core.testing.host import TestHost
from tests.integration.fleet import SshHost
from tests.integration.modules.conftest import Reach, wait_for

pytestmark = [pytest.mark.docker, pytest.mark.ssh]

INSTALL = "[Install]\nWantedBy=multi-user.target\n"
UNITS = {
    "demo.service": f"[Service]\nExecStart=/bin/sleep infinity\nExecReload=/bin/touch /run/reloaded\n{INSTALL}",
    "fixed.service": "[Service]\nExecStart=/bin/sleep infinity\n",
    "many@.service": f"[Service]\nExecStart=/bin/sleep infinity\n{INSTALL}",
    "fails.service": "[Service]\nType=oneshot\nExecStart=/bin/sh -c 'echo the disk is on fire >&2; exit 3'\n",
    "missing.service": "[Service]\nType=exec\nExecStart=/no/such/program\n",
    "enabled-fails.service": f"[Service]\nExecStart=/bin/sh -c 'echo out of ink; exit 3'\nType=oneshot\n{INSTALL}",
    "slow-loop.service": "[Service]\nExecStart=/bin/sh -c 'echo out of ink; exit 3'\nRestart=always\nRestartSec=600\n",
    "resting.service": "[Service]\nExecStart=/bin/true\nRestart=always\nRestartSec=600\n",
    "fast-loop.service": "[Service]\nExecStart=/bin/sh -c 'echo out of ink; exit 3'\nRestart=always\n",
    "limited.service": "[Unit]\nStartLimitIntervalSec=1h\nStartLimitBurst=2\n"
    "[Service]\nExecStart=/bin/sh -c '[ -e /run/allowed ] && exec sleep infinity'\n",
    "wrong.service": "[Service]\nExecStart=relative/path\n",
}


@pytest.fixture(scope="module")
def machine(systemd_machine: SshHost) -> SshHost:
    for name, text in UNITS.items():
        systemd_machine.write(f"/etc/systemd/system/{name}", text.encode())
    systemd_machine.shell("systemctl daemon-reload")
    return systemd_machine


@pytest.fixture(scope="module")
def host(reach: Reach, machine: SshHost) -> Iterator[TestHost]:
    with reach(machine) as target:
        yield target


@pytest.fixture(autouse=True)
def afresh(machine: SshHost) -> None:
    machine.shell("systemctl unmask cron; systemctl disable --now demo many@a")
    machine.shell("systemctl stop fixed slow-loop fast-loop; systemctl reset-failed; rm -f /run/reloaded")


def converged(host: TestHost, **parameters: object) -> tuple[Plan, Outcome]:
    """Plan in plan mode, apply in two round trips, and see that one round trip finds nothing left to do."""
    module = SdService.model_validate({"service": "demo", **parameters})
    planned = host.plan(module, planning=True)
    host.frames.clear()
    plan, outcome = host.converge(module)
    assert len(host.frames) == 2
    assert (planned.kind, planned.changes) == (plan.kind, plan.changes)
    host.frames.clear()
    again = host.plan(module)
    assert again.kind is (PlanKind.EXECUTE if module.restart or module.reload else PlanKind.NONE)
    assert len(host.frames) == 1
    return plan, outcome


def states(machine: SshHost, name: str = "demo") -> list[str]:
    return machine.shell(f"systemctl is-active {name}; systemctl is-enabled {name}; true").split()


def pid(machine: SshHost) -> str:
    return machine.shell("systemctl show -P MainPID demo").strip()


def test_a_service_is_started_enabled_stopped_and_disabled(host: TestHost, machine: SshHost) -> None:
    plan, outcome = converged(host, started=True, enabled=True)
    assert [(one.field, one.before, one.after) for one in plan.changes] == [
        ("enabled", False, True),
        ("state", "inactive", "active"),
    ]
    assert outcome.result["active"] == "active"
    assert states(machine) == ["active", "enabled"]
    converged(host, started=False, enabled=False)
    assert states(machine) == ["inactive", "disabled"]


def test_planning_changes_nothing(host: TestHost, machine: SshHost) -> None:
    host.plan(SdService(service="demo", started=True, enabled=True, restart=True), planning=True)
    assert states(machine) == ["inactive", "disabled"]


def test_a_restart_starts_what_does_not_run_and_restarts_what_does(host: TestHost, machine: SshHost) -> None:
    plan, _ = converged(host, restart=True)
    assert plan.kind is PlanKind.MODIFY
    before = pid(machine)
    plan, _ = converged(host, restart=True)
    assert plan.kind is PlanKind.EXECUTE
    assert pid(machine) not in {"0", before}


def test_a_reload_keeps_the_process(host: TestHost, machine: SshHost) -> None:
    assert host.plan(SdService(service="demo", reload=True)).kind is PlanKind.NONE
    machine.shell("systemctl start demo fixed")
    before = pid(machine)
    converged(host, reload=True)
    assert pid(machine) == before
    assert machine.exists("/run/reloaded")
    with pytest.raises(TaskError, match="cannot read its configuration anew"):
        host.plan(SdService(service="fixed", reload=True))


def test_a_unit_without_an_install_section_cannot_be_enabled(host: TestHost) -> None:
    with pytest.raises(TaskError, match="static"):
        host.plan(SdService(service="fixed", enabled=True))
    converged(host, service="fixed", started=True)


def test_an_instance_of_a_template(host: TestHost, machine: SshHost) -> None:
    converged(host, service="many@a", started=True, enabled=True)
    assert states(machine, "many@a") == ["active", "enabled"]
    assert states(machine, "many@b") == ["inactive", "disabled"]


def test_a_masked_unit_is_refused_unless_unmasked(host: TestHost, machine: SshHost) -> None:
    converged(host, service="cron", started=False, masked=True)
    assert states(machine, "cron") == ["inactive", "masked"]
    for wanted in ({"started": True}, {"enabled": True}, {"restart": True}):
        with pytest.raises(TaskError, match="masked"):
            host.plan(SdService.model_validate({"service": "cron", **wanted}))
    converged(host, service="cron", masked=False, started=True, enabled=True)
    assert states(machine, "cron") == ["active", "enabled"]


def test_a_unit_that_fails_tells_its_last_words(host: TestHost, machine: SshHost) -> None:
    for _ in range(2):
        with pytest.raises(TaskError, match="the disk is on fire"):
            host.converge(SdService(service="fails", started=True))
    with pytest.raises(TaskError, match="/no/such/program"):
        host.converge(SdService(service="missing", started=True))
    assert states(machine, "fails")[0] == "failed"
    assert host.plan(SdService(service="fails", started=False)).kind is PlanKind.NONE


@pytest.mark.parametrize("name", ["slow-loop", "fast-loop"])
@pytest.mark.parametrize("wanted", [{"started": True}, {"restart": True}])
def test_a_unit_that_fails_again_and_again_does_not_run(
    host: TestHost, machine: SshHost, name: str, wanted: dict[str, object]
) -> None:
    module = SdService.model_validate({"service": name, **wanted})
    for _ in range(2):
        with pytest.raises(TaskError, match=r"(?s)-loop\.service: .*fail.*out of ink"):
            host.converge(module)
        # Of a quick one, a look may catch the moment in which it runs.
        wait_for(lambda: states(machine, name)[0] != "active")


def test_a_unit_that_rests_before_its_next_turn_runs(host: TestHost, machine: SshHost) -> None:
    machine.shell("systemctl start resting")
    wait_for(lambda: states(machine, "resting")[0] == "activating")
    assert host.plan(SdService(service="resting", started=True)).kind is PlanKind.NONE
    converged(host, service="resting", started=False)


def test_a_unit_between_two_attempts_is_started_at_once_or_stopped(host: TestHost, machine: SshHost) -> None:
    machine.shell("systemctl start slow-loop")
    wait_for(lambda: states(machine, "slow-loop")[0] == "activating")
    plan = host.plan(SdService(service="slow-loop", started=True))
    assert [(one.field, one.before, one.after) for one in plan.changes] == [
        ("state", "activating (auto-restart)", "active")
    ]
    machine.write(
        "/run/systemd/system/slow-loop.service.d/good.conf", b"[Service]\nExecStart=\nExecStart=/bin/sleep 9999\n"
    )
    machine.shell("systemctl daemon-reload")
    converged(host, service="slow-loop", started=True)
    machine.shell("rm -r /run/systemd/system/slow-loop.service.d; systemctl daemon-reload; systemctl restart slow-loop")
    wait_for(lambda: states(machine, "slow-loop")[0] == "activating")
    converged(host, service="slow-loop", started=False)
    assert states(machine, "slow-loop")[0] == "inactive"


def test_a_unit_that_was_started_too_often_is_given_another_chance(host: TestHost, machine: SshHost) -> None:
    machine.shell("for n in 1 2 3; do systemctl start limited; done; true")
    wait_for(lambda: states(machine, "limited")[0] == "failed")
    assert "repeated too quickly" in machine.shell("systemctl start limited 2>&1; systemctl status limited; true")
    machine.shell("touch /run/allowed")
    converged(host, service="limited", started=True)
    machine.shell("systemctl stop limited; rm /run/allowed")


def test_what_was_done_before_a_start_failed_is_told(host: TestHost, machine: SshHost) -> None:
    with pytest.raises(TaskError, match=r"before that, it was enabled(?s:.*)out of ink"):
        host.converge(SdService(service="enabled-fails", started=True, enabled=True))
    assert states(machine, "enabled-fails") == ["failed", "enabled"]
    machine.shell("systemctl disable enabled-fails")


def test_a_unit_that_systemd_cannot_read_is_told(host: TestHost) -> None:
    with pytest.raises(TaskError, match=r"wrong\.service"):
        host.converge(SdService(service="wrong", started=True))


def test_an_unknown_unit_is_named(host: TestHost) -> None:
    with pytest.raises(TaskError, match=r"no unit no-such\.service"):
        host.plan(SdService(service="no-such", started=True))
    assert host.plan(SdService(service="no-such", started=False, enabled=False)).kind is PlanKind.NONE


def test_a_unit_changed_on_disk_is_read_anew_before_it_is_restarted(host: TestHost, machine: SshHost) -> None:
    machine.shell("systemctl start demo")
    machine.write("/etc/systemd/system/demo.service", f"{UNITS['demo.service']}[Service]\nEnvironment=A=new\n".encode())
    assert machine.shell("systemctl show -P NeedDaemonReload demo") == "yes\n"
    converged(host, restart=True)
    assert machine.shell("systemctl show -P Environment -P NeedDaemonReload demo").split() == ["A=new", "no"]
    machine.write("/etc/systemd/system/demo.service.d/env.conf", b"[Service]\nEnvironment=A=newer\n")
    host.converge(SdService(service="demo", daemon_reload=True))
    assert machine.shell("systemctl show -P Environment demo") == "A=newer\n"
    machine.shell("rm -r /etc/systemd/system/demo.service.d")


def test_a_timer_is_a_unit_as_well(host: TestHost) -> None:
    converged(host, service="systemd-tmpfiles-clean.timer", started=False)
    converged(host, service="systemd-tmpfiles-clean.timer", started=True)


def test_a_unit_of_a_user(reach: Reach, machine: SshHost) -> None:
    path = "/home/deploy/.config/systemd/user/mine.service"
    machine.write(path, b"[Service]\nExecStart=/bin/sleep infinity\n[Install]\nWantedBy=default.target\n")
    machine.shell("chown -R deploy: /home/deploy/.config; loginctl enable-linger deploy")
    with reach(machine, "deploy") as host:
        converged(host, service="mine", scope="user", started=True, enabled=True)
        assert machine.exists("/home/deploy/.config/systemd/user/default.target.wants/mine.service")
        converged(host, service="mine", scope="user", started=False, enabled=False)


def test_who_may_not_is_told_by_systemd(reach: Reach, machine: SshHost) -> None:
    with reach(machine, "deploy") as host, pytest.raises(TaskError, match=r"demo\.service"):
        host.converge(SdService(service="demo", started=True))
    assert states(machine)[0] == "inactive"


def test_a_host_without_systemd_says_so(reach: Reach, debian_host: SshHost) -> None:
    with reach(debian_host) as host, pytest.raises(TaskError, match="no systemctl"):
        host.plan(SdService(service="ssh", started=True))
