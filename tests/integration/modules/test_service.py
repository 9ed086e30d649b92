# SPDX-License-Identifier: GPL-3.0-or-later
"""`service` against the init systems themselves: OpenRC, the scripts of SysVinit, and systemd."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from jetpack_core.errors import TaskError
from jetpack_core.modules.system.service import Service
from jetpack_core.records import FileStat, Outcome, Plan, PlanKind
from jetpack_core.testing.host import TestHost
from jetpack_core.testing.modules import Case, ModuleConformance
from jetpack_core.testing.sandbox import PLAIN_NAME, Sandbox
from tests.integration.fleet import SshHost
from tests.integration.modules.conftest import Reach, machines, shell

pytestmark = [pytest.mark.docker, pytest.mark.ssh]

# Debian's OpenRC keeps no record of processes, so the script itself looks whether its own is there.
OPENRC = """\
#!/usr/sbin/openrc-run
extra_started_commands=reload
running() { [ -e /run/demo.pid ] && kill -0 "$(cat /run/demo.pid)" 2>/dev/null; }
start() {
    [ ! -e /run/refuse ] || { eerror "the disk is on fire"; return 1; }
    sleep 1000000 & echo $! >/run/demo.pid
}
stop() { running && kill "$(cat /run/demo.pid)"; rm -f /run/demo.pid; }
status() {
    running && return 0
    service_started && return 32
    return 3
}
reload() { touch /run/reloaded; }
"""
# It leaves a process behind that keeps its output open and goes on talking, as careless scripts do.
SYSV = """\
#!/bin/sh
### BEGIN INIT INFO
# Provides: demo
# Required-Start:
# Required-Stop:
# Default-Start: 2 3 4 5
# Default-Stop: 0 1 6
### END INIT INFO
running() { [ -e /run/demo.pid ] && kill -0 "$(cat /run/demo.pid)" 2>/dev/null; }
case $1 in
start)
    [ ! -e /run/refuse ] || { echo "the disk is on fire" >&2; exit 1; }
    running && exit 0
    while sleep 0.2; do echo still here || exit; done & echo $! >/run/demo.pid ;;
stop) running && kill "$(cat /run/demo.pid)"; rm -f /run/demo.pid ;;
restart) "$0" stop; "$0" start ;;
reload) touch /run/reloaded ;;
status) running || exit 3 ;;
*) echo "usage: $0 start|stop|restart|reload|status" >&2; exit 2 ;;
esac
"""
SYSTEMD = """\
[Service]
Type=forking
PIDFile=/run/demo.pid
ExecStartPre=/bin/sh -c '[ ! -e /run/refuse ] || { echo "the disk is on fire" >&2; exit 1; }'
ExecStart=/bin/sh -c 'sleep 1000000 & echo $! >/run/demo.pid'
ExecReload=/bin/touch /run/reloaded
[Install]
WantedBy=multi-user.target
"""
LINKS = {"openrc": "/etc/runlevels/default/demo", "systemd": "/etc/systemd/system/multi-user.target.wants/demo.service"}
# All that runs is stopped, and nothing starts with the system.
RESET = (
    "rm -f /run/refuse /run/reloaded; if [ -e /run/demo.pid ]; then kill $(cat /run/demo.pid) 2>/dev/null; fi;"
    "rm -f /run/demo.pid /etc/rc?.d/*demo /etc/runlevels/*/demo;"
    "if [ -e /run/openrc ]; then rc-service --quiet demo zap; fi 2>/dev/null;"
    "if [ -e /run/systemd/system ]; then systemctl disable --quiet --now demo; systemctl reset-failed; fi"
    " 2>/dev/null; true"
)


def with_demo(machine: SshHost) -> None:
    """Give a host a service `demo`; those without OpenRC and systemd have Debian's SysVinit tools."""
    if machine.image == "systemd":
        machine.write("/etc/systemd/system/demo.service", SYSTEMD.encode())
        machine.shell("systemctl daemon-reload")
    else:
        machine.write("/etc/init.d/demo", (OPENRC if machine.image == "openrc" else SYSV).encode(), mode=0o755)


machine = machines(*("openrc", "openrc without Python", "debian", "nopython", "busybox", "systemd"), prepare=with_demo)


@pytest.fixture
def host(connected: TestHost) -> TestHost:
    """The host with the service neither started nor enabled."""
    assert connected.ask(connected.run(["sh", "-c", RESET])).ok
    return connected


class State(Sandbox):
    """What says whether the service runs and is enabled."""

    def snapshot(self) -> dict[str, FileStat]:
        paths = ("/run/demo.pid", "/run/reloaded", *LINKS.values(), "/etc/rc2.d/S01demo", "/etc/rc2.d/K01demo")
        looks = [self.host.stat(path, checksum=True) for path in paths]
        return {now.path: now for now in self.host.ask(self.host.gather(looks)) if now.exists}


# What goes on running must not lose its output when the script ends.
START = (
    "exec >/dev/null 2>&1 </dev/null; if command -v rc-service; then rc-service demo start; else service demo start; fi"
)


class TestConformance(ModuleConformance):
    """The public conformance suite, with the real init systems; it takes one round trip to find out which."""

    module = Service
    directories = (PLAIN_NAME,)
    cases = (
        Case("started", lambda _: {"service": "demo", "started": "true"}, round_trips=3),
        Case("stopped", lambda _: {"service": "demo", "started": "false"}, shell(START), round_trips=3),
        Case("enabled", lambda _: {"service": "demo", "enabled": "true"}, round_trips=3),
        Case("restarted", lambda _: {"service": "demo", "restart": "true"}, shell(START), PlanKind.EXECUTE, None, 3),
    )
    # What a started service leaves in /run is nothing that a plan could foretell.
    test_the_host_becomes_what_the_plan_foretold = None  # type: ignore[assignment]
    test_round_trips = None  # type: ignore[assignment]

    @pytest.fixture
    def host(self, connected: TestHost) -> TestHost:
        assert connected.ask(connected.run(["sh", "-c", RESET])).ok
        return connected

    @pytest.fixture
    def box(self, host: TestHost, directory: str) -> Iterator[Sandbox]:
        box = State(host, directory)
        yield box
        box.close()


def converged(host: TestHost, **parameters: object) -> tuple[Plan, Outcome]:
    """Plan in plan mode, apply in three round trips, and see that two find nothing left to do."""
    module = Service.model_validate({"service": "demo", **parameters})
    planned = host.plan(module, planning=True)
    host.frames.clear()
    plan, outcome = host.converge(module)
    assert len(host.frames) == 3
    assert (planned.kind, planned.changes) == (plan.kind, plan.changes)
    host.frames.clear()
    again = host.plan(module)
    assert again.kind is (PlanKind.EXECUTE if module.restart or module.reload else PlanKind.NONE)
    assert len(host.frames) == 2
    return plan, outcome


def pid(machine: SshHost) -> str:
    return machine.shell("cat /run/demo.pid 2>/dev/null || true").strip()


def alive(machine: SshHost, number: str) -> bool:
    return bool(number) and machine.exec(["kill", "-0", number], check=False).returncode == 0


def gone_in_time(machine: SshHost, number: str) -> bool:
    deadline = time.monotonic() + 15
    while alive(machine, number) and time.monotonic() < deadline:
        time.sleep(0.1)
    return not alive(machine, number)


def enabled(machine: SshHost) -> bool:
    if machine.image in LINKS:
        return machine.exists(LINKS[machine.image])
    levels = machine.shell("ls /etc/rc?.d/*demo 2>/dev/null || true").split()
    return [level for level in levels if "/S" in level] == [f"/etc/rc{level}.d/S01demo" for level in "2345"]


def test_a_service_is_started_enabled_stopped_and_disabled(host: TestHost, machine: SshHost) -> None:
    plan, outcome = converged(host, started=True, enabled=True)
    assert [change.field for change in plan.changes] in (["enabled", "running"], ["enabled", "state"])
    assert outcome.result["enabled"] is True
    first = pid(machine)
    assert alive(machine, first)
    assert enabled(machine)
    converged(host, started=False, enabled=False)
    assert gone_in_time(machine, first)
    assert not enabled(machine)
    converged(host, enabled=True)
    assert enabled(machine)
    assert not pid(machine)


def test_a_restart_starts_what_does_not_run_and_restarts_what_does(host: TestHost, machine: SshHost) -> None:
    plan, _ = converged(host, restart=True)
    assert plan.kind is PlanKind.MODIFY
    before = pid(machine)
    plan, _ = converged(host, restart=True)
    assert plan.kind is PlanKind.EXECUTE
    assert gone_in_time(machine, before)
    assert alive(machine, pid(machine))


def test_a_reload_keeps_the_process(host: TestHost, machine: SshHost) -> None:
    assert host.plan(Service(service="demo", reload=True)).kind is PlanKind.NONE
    converged(host, started=True)
    before = pid(machine)
    converged(host, reload=True)
    assert machine.exists("/run/reloaded")
    assert pid(machine) == before


def test_a_service_that_does_not_start_tells_its_last_words(host: TestHost, machine: SshHost) -> None:
    machine.shell("touch /run/refuse")
    for _ in range(2):
        with pytest.raises(TaskError, match="the disk is on fire"):
            host.converge(Service(service="demo", started=True))


def test_a_service_whose_process_died_is_started_again(host: TestHost, machine: SshHost) -> None:
    converged(host, started=True)
    first = pid(machine)
    machine.exec(["kill", "-9", first])
    assert gone_in_time(machine, first)
    deadline = time.monotonic() + 15
    # systemd learns of it a moment later.
    while not host.plan(Service(service="demo", started=True)).needed and time.monotonic() < deadline:
        time.sleep(0.1)
    if machine.image == "openrc":
        # OpenRC itself takes the service for started, since only the script knows better.
        with pytest.raises(TaskError, match="already been started") as caught:
            host.converge(Service(service="demo", started=True))
        assert "zap" in caught.value.hint
        return
    converged(host, started=True)
    assert alive(machine, pid(machine))


def test_an_unknown_service_is_named(host: TestHost) -> None:
    with pytest.raises(TaskError, match=r"no (service|unit) no-such"):
        host.plan(Service(service="no-such", started=True))
    assert host.plan(Service(service="no-such", started=False, enabled=False)).kind is PlanKind.NONE


@pytest.mark.parametrize("machine", ["debian", "nopython", "busybox"], indirect=True)
def test_a_service_that_goes_on_talking_goes_on_running(host: TestHost, machine: SshHost) -> None:
    converged(host, started=True)
    number = pid(machine)
    time.sleep(1.5)
    assert alive(machine, number)


@pytest.mark.parametrize("machine", ["debian"], indirect=True)
def test_an_init_script_without_status_is_refused(host: TestHost) -> None:
    with pytest.raises(TaskError, match="its init script has no `status`"):
        host.plan(Service(service="hwclock.sh", started=True))


@pytest.mark.parametrize("machine", ["openrc", "debian"], indirect=True)
def test_who_is_not_root_is_told(host: TestHost, machine: SshHost, reach: Reach) -> None:
    with reach(machine, "deploy") as own, pytest.raises(TaskError, match="demo: ") as caught:
        own.converge(Service(service="demo", enabled=True))
    assert "root" in caught.value.hint
    assert not enabled(machine)
